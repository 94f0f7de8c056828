"""What the exchange answers, endpoint by endpoint: names, types and number formats as recorded.

Facts only, looked up in public material; `SOURCES` says where. A line is a field, the kind of its
value (`KINDS`) and a recorded example; `-` stands for an empty text. Rows of lists within an answer
have a table of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCES = {
    "ccxt": "ccxt, static response tests (ts/src/test/static/response/binance.json)",
    "parser": "ccxt 4.5.90, recorded examples beside its parsers (binance.py)",
    "live": "answers of fapi.binance.com that users published, July to October 2026",
    "sdk": "the official SDK's models and notes (18.1.0, October 2026), that is the documentation",
}

# Of a value: JSON type, and how a number in a text is written. `price`, `quantity`: with the
# decimals of the contract; `quote`: with the sum of both; `average`: five at least.
KINDS = {
    "int": "integer",
    "number": "number",
    "bool": "boolean",
    "null": "null",
    "text": "text",
    "digits": "text of digits, or empty",
    "price": "text, decimals of the price",
    "quantity": "text, decimals of the quantity",
    "quote": "text, decimals of price and quantity together",
    "average": "text, 5 decimals or more",
    "money": "text, 8 decimals",
    "money0": "text, 8 decimals, or 0",
    "plain": "text, no trailing zeros",
    "plain0": "text, no trailing zeros, or 0.0",
    "rate": "text, 6 decimals, or 0",
    "ratio": "text, 4 decimals",
    "percent": "text, 3 decimals",
    "list": "list",
    "object": "object",
}


@dataclass(frozen=True)
class Field:
    kind: str
    example: str


@dataclass(frozen=True)
class Record:
    """:param endpoints: that answer alike; :param within: the list that these are rows of"""

    endpoints: tuple[str, ...]
    sources: tuple[str, ...]
    fields: dict[str, Field]
    within: str = ""

    @property
    def title(self) -> str:
        return ", ".join(self.endpoints) + (f": rows of `{self.within}`" if self.within else "")


def _record(endpoints: str, sources: str, table: str, within: str = "") -> Record:
    fields = {}
    for line in filter(None, table.splitlines()):
        name, kind, example = line.split()
        assert kind in KINDS, line
        fields[name] = Field(kind, "" if example == "-" else example)
    assert set(sources.split()) <= set(SOURCES), sources
    names = tuple(endpoint.strip() for endpoint in endpoints.split(","))
    return Record(names, tuple(sources.split()), fields, within)


def _without(table: str, *names: str) -> str:
    return "".join(
        line for line in table.splitlines(keepends=True) if line.split(" ")[0] not in names
    )


_ORDER = """
orderId int 664082074
symbol text LTCUSDT
status text NEW
clientOrderId text x-xcKtGhcu68f8383451844295b3e8b9
price price 50.00
avgPrice average 0.00000
origQty quantity 0.200
executedQty quantity 0.000
cumQuote quote 0.00000
timeInForce text GTX
type text LIMIT
reduceOnly bool false
closePosition bool false
side text BUY
positionSide text BOTH
stopPrice price 0.00
workingType text CONTRACT_PRICE
priceProtect bool false
origType text LIMIT
priceMatch text NONE
selfTradePreventionMode text EXPIRE_MAKER
goodTillDate int 0
updateTime int 1707907323991
"""
_ALGO = """
algoId int 3358
clientAlgoId text yT58zmV3DSzMBQxc5tAJXU
algoType text CONDITIONAL
orderType text STOP
symbol text BTCUSDT
side text BUY
positionSide text BOTH
timeInForce text GTC
quantity quantity 0.002
algoStatus text NEW
triggerPrice price 100000.00
price price 102000.00
icebergQuantity null null
selfTradePreventionMode text EXPIRE_MAKER
workingType text CONTRACT_PRICE
priceMatch text NONE
closePosition bool false
priceProtect bool false
reduceOnly bool false
createTime int 1763458576201
updateTime int 1763458576201
triggerTime int 0
goodTillDate int 0
"""
_BECAME = """
actualOrderId digits -
actualPrice average 0.0000000
tpOrderType text -
"""
_TOTALS = """
totalInitialMargin money 7.59482199
totalMaintMargin money 2.43034303
totalWalletBalance money 25.72610060
totalUnrealizedProfit money 0.54230362
totalMarginBalance money 26.26840422
totalPositionInitialMargin money 7.59482199
totalOpenOrderInitialMargin money 0.00000000
totalCrossWalletBalance money 25.72610060
totalCrossUnPnl money 0.54230362
availableBalance money 18.65949928
maxWithdrawAmount money 18.65949928
assets list []
positions list []
"""
_ASSET = """
asset text USDT
walletBalance money 3.72964781
unrealizedProfit money 0.54238506
marginBalance money 4.27203287
maintMargin money 2.43022194
initialMargin money 7.59444356
positionInitialMargin money 7.59444356
openOrderInitialMargin money 0.00000000
crossWalletBalance money 3.72964781
crossUnPnl money 0.54238506
availableBalance money 18.65856952
maxWithdrawAmount money 3.72964781
updateTime int 1722161166529
"""
_PERMISSIONS = """
feeTier int 0
canTrade bool true
canDeposit bool true
canWithdraw bool true
multiAssetsMargin bool false
tradeGroupId int -1
updateTime int 0
"""
_RATIO = """
symbol text BTCUSDT
longShortRatio ratio 0.8376
longAccount ratio 0.4558
shortAccount ratio 0.5442
timestamp int 1726790400000
"""
_SUCCESS = """
code int 200
msg text success
"""

RECORDS = (
    # Public
    _record("GET /fapi/v1/time", "sdk", "serverTime int 1499827319559"),
    _record("GET /fapi/v1/ping", "sdk", ""),
    _record(
        "GET /fapi/v1/exchangeInfo",
        "live",
        """
timezone text UTC
serverTime int 1790401500000
futuresType text U_MARGINED
rateLimits list []
exchangeFilters list []
assets list []
symbols list []
""",
    ),
    _record(
        "GET /fapi/v1/exchangeInfo",
        "live",
        """
rateLimitType text REQUEST_WEIGHT
interval text MINUTE
intervalNum int 1
limit int 2400
""",
        "rateLimits",
    ),
    _record(
        "GET /fapi/v1/exchangeInfo",
        "sdk",
        """
asset text USDT
marginAvailable bool true
autoAssetExchange text -10000
""",
        "assets",
    ),
    _record(
        "GET /fapi/v1/exchangeInfo",
        "live",
        """
symbol text BTCUSDT
pair text BTCUSDT
contractType text PERPETUAL
deliveryDate int 4133404800000
onboardDate int 1567965300000
status text TRADING
maintMarginPercent text 2.5000
requiredMarginPercent text 5.0000
baseAsset text BTC
quoteAsset text USDT
marginAsset text USDT
pricePrecision int 2
quantityPrecision int 3
baseAssetPrecision int 8
quotePrecision int 8
underlyingType text COIN
underlyingSubType list ["PoW"]
triggerProtect text 0.0500
liquidationFee text 0.012500
marketTakeBound text 0.05
maxMoveOrderLimit int 10000
filters list []
orderTypes list ["LIMIT"]
timeInForce list ["GTC"]
permissionSets list ["GRID"]
""",
        "symbols",
    ),
    _record(
        "GET /fapi/v1/klines, GET /fapi/v1/continuousKlines",
        "ccxt live sdk",
        """
0 int 1712738460000
1 price 71481.90
2 price 71481.90
3 price 71481.90
4 price 71481.90
5 quantity 0.002
6 int 1712738519999
7 quote 142.96380
8 int 1
9 quantity 0.002
10 quote 142.96380
11 text 0
""",
    ),
    _record(
        "GET /fapi/v1/markPriceKlines, GET /fapi/v1/indexPriceKlines",
        "ccxt live",
        """
0 int 1789478280000
1 money 76993.72956522
2 money 76994.69130435
3 money 76953.00391304
4 money 76953.00391304
5 text 0
6 int 1789478339999
7 text 0
8 int 36
9 text 0
10 text 0
11 text 0
""",
    ),
    _record(
        "GET /fapi/v1/premiumIndexKlines",
        "sdk",
        """
0 int 1691603820000
1 money -0.00042931
2 money -0.00023641
3 money -0.00059406
4 money -0.00043659
5 text 0
6 int 1691603879999
7 text 0
8 int 12
9 text 0
10 text 0
11 text 0
""",
    ),
    _record(
        "GET /fapi/v1/fundingRate",
        "live sdk",
        """
symbol text BTCUSDT
fundingTime int 1789459200005
fundingRate money 0.00006188
markPrice money 76907.97183333
rateType text Regular
""",
    ),
    _record(
        "GET /fapi/v1/fundingInfo",
        "live",
        """
symbol text LPTUSDT
adjustedFundingRateCap money 0.02000000
adjustedFundingRateFloor money -0.02000000
fundingIntervalHours int 4
disclaimer bool false
updateTime int 1752854309429
""",
    ),
    _record(
        "GET /fapi/v1/premiumIndex",
        "live",
        """
symbol text BTCUSDT
markPrice money 76916.95122464
indexPrice money 76959.67847826
estimatedSettlePrice money 77018.74802742
lastFundingRate money 0.00008972
interestRate money 0.00010000
nextFundingTime int 1789488000000
time int 1789478303000
""",
    ),
    _record(
        "GET /fapi/v1/ticker/24hr",
        "live",
        """
symbol text BTCUSDT
priceChange price -885.10
priceChangePercent percent -1.138
weightedAvgPrice price 78027.43
lastPrice price 76914.90
lastQty quantity 0.002
openPrice price 77800.00
highPrice price 79570.90
lowPrice price 76667.30
volume quantity 169924.020
quoteVolume text 13258734360.38
openTime int 1789391880000
closeTime int 1789478298702
firstId int 8076263956
lastId int 8079746427
count int 3466091
""",
    ),
    _record(
        "GET /fapi/v1/ticker/price, GET /fapi/v2/ticker/price",
        "live",
        """
symbol text BTCUSDT
price price 76935.10
time int 1789478433767
""",
    ),
    _record(
        "GET /fapi/v1/ticker/bookTicker",
        "live",
        """
symbol text BTCUSDT
bidPrice price 76914.90
bidQty quantity 4.218
askPrice price 76915.00
askQty quantity 6.128
time int 1789478303376
lastUpdateId int 11563384751926
""",
    ),
    _record(
        "GET /fapi/v1/depth",
        "ccxt live",
        """
lastUpdateId int 11563384769463
E int 1789478303560
T int 1789478303557
bids list []
asks list []
""",
    ),
    _record("GET /fapi/v1/depth", "ccxt live", "0 price 76914.90\n1 quantity 5.878", "bids"),
    _record("GET /fapi/v1/depth", "ccxt live", "0 price 76915.00\n1 quantity 2.149", "asks"),
    _record(
        "GET /fapi/v1/trades",
        "sdk",
        """
id int 28457
price price 4.00000100
qty quantity 12.00000000
quoteQty quote 48.00
time int 1499865549590
isBuyerMaker bool true
isRPITrade bool false
""",
    ),
    _record(
        "GET /fapi/v1/aggTrades",
        "sdk",
        """
a int 26129
p price 0.01633102
q quantity 4.70443515
nq quantity 4.70443515
f int 27781
l int 27781
T int 1498793709153
m bool true
""",
    ),
    _record(
        "GET /fapi/v1/openInterest",
        "live",
        """
symbol text BTCUSDT
openInterest quantity 106312.376
time int 1789478297197
""",
    ),
    _record(
        "GET /futures/data/openInterestHist",
        "live sdk",
        """
symbol text BTCUSDT
sumOpenInterest money 109115.83500000
sumOpenInterestValue money 8785524572.89207600
CMCCirculatingSupply money 20086328.00000000
timestamp int 1789912200000
""",
    ),
    _record(
        "GET /futures/data/globalLongShortAccountRatio, "
        "GET /futures/data/topLongShortAccountRatio, "
        "GET /futures/data/topLongShortPositionRatio",
        "parser",
        _RATIO,
    ),
    _record(
        "GET /futures/data/takerlongshortRatio",
        "sdk",
        """
buySellRatio ratio 1.5586
buyVol quantity 387.330
sellVol quantity 248.503
timestamp int 1585614900000
""",
    ),
    # Orders
    _record(
        "POST /fapi/v1/order, DELETE /fapi/v1/order, POST /fapi/v1/order/test, "
        "POST /fapi/v1/batchOrders, DELETE /fapi/v1/batchOrders",
        "ccxt sdk",
        _ORDER + "cumQty quantity 0.000",
    ),
    _record(
        "PUT /fapi/v1/order, PUT /fapi/v1/batchOrders",
        "sdk",
        _without(_ORDER, "avgPrice", "cumQuote")
        + """
cumQty quantity 0
pair text BTCUSDT
modifyId int 12345
""".lstrip(),
    ),
    _record(
        "GET /fapi/v1/orderAmendment",
        "sdk",
        """
amendmentId int 5363
symbol text BTCUSDT
pair text BTCUSDT
orderId int 20072994037
clientOrderId text LJ9R4QZDihCaS8UAOOLpgW
time int 1629184560899
amendment object {}
""",
    ),
    _record(
        "GET /fapi/v1/forceOrders",
        "sdk",
        _without(_ORDER, "priceProtect", "priceMatch", "selfTradePreventionMode", "goodTillDate")
        + "time int 1596107620044",
    ),
    _record(
        "POST /fapi/v1/countdownCancelAll",
        "sdk",
        "symbol text BTCUSDT\ncountdownTime digits 100000",
    ),
    _record(
        "GET /fapi/v1/order, GET /fapi/v1/openOrder, GET /fapi/v1/openOrders, "
        "GET /fapi/v1/allOrders",
        "ccxt parser",
        _ORDER + "time int 1707907323983",
    ),
    _record("POST /fapi/v1/algoOrder", "parser", _ALGO),
    _record(
        "GET /fapi/v1/algoOrder",
        "live sdk",
        _ALGO + _BECAME + "actualType text -\nactualQty quantity 0.000",
    ),
    _record(
        "GET /fapi/v1/openAlgoOrders, GET /fapi/v1/allAlgoOrders",
        "sdk",
        _ALGO
        + _BECAME
        + """
tpTriggerPrice price 0.000
tpPrice price 0.000
slTriggerPrice price 0.000
slPrice price 0.000
""".lstrip(),
    ),
    _record(
        "DELETE /fapi/v1/algoOrder",
        "parser",
        """
algoId int 3358
clientAlgoId text yT58zmV3DSzMBQxc5tAJXU
code digits 200
msg text success
""",
    ),
    _record("DELETE /fapi/v1/allOpenOrders, DELETE /fapi/v1/algoOpenOrders", "sdk", _SUCCESS),
    _record(
        "GET /fapi/v1/userTrades",
        "ccxt",
        """
symbol text BTCUSDT
id int 272536245
orderId int 3524852987
side text BUY
price price 36567.10
qty quantity 0.010
realizedPnl money0 0
marginAsset text USDT
quoteQty quote 365.67100
commission money 0.14626840
commissionAsset text USDT
time int 1699972836419
positionSide text BOTH
maker bool false
buyer bool true
""",
    ),
    # The account
    _record("GET /fapi/v3/account", "ccxt", _TOTALS),
    _record("GET /fapi/v3/account", "ccxt", _ASSET, "assets"),
    _record(
        "GET /fapi/v3/account",
        "ccxt",
        """
symbol text BTCUSDT
positionSide text BOTH
positionAmt quantity 0.009
unrealizedProfit money 0.54238506
isolatedMargin money0 0
notional money0 607.55548506
isolatedWallet money0 0
initialMargin money0 7.59444356
maintMargin money0 2.43022194
updateTime int 1722161166529
""",
        "positions",
    ),
    _record("GET /fapi/v2/account", "ccxt", _PERMISSIONS + _TOTALS.lstrip()),
    _record("GET /fapi/v2/account", "ccxt", _ASSET + "marginAvailable bool true", "assets"),
    _record(
        "GET /fapi/v2/account",
        "parser",
        """
symbol text WLDUSDT
initialMargin money0 99.62303962
maintMargin money0 11.95476475
unrealizedProfit money 11.17920750
positionInitialMargin money0 118.82116614
openOrderInitialMargin money0 0
leverage digits 50
isolated bool false
entryPrice plain0 2.34
breakEvenPrice plain0 2.3395788
maxNotional plain 25000
positionSide text BOTH
positionAmt quantity -849
notional money0 -1992.46079250
isolatedWallet money0 0
updateTime int 1721995760449
bidNotional money0 0
askNotional money0 0
""",
        "positions",
    ),
    _record(
        "GET /fapi/v2/balance, GET /fapi/v3/balance",
        "live sdk",
        """
accountAlias text SgsR
asset text USDT
balance money 24.30489058
crossWalletBalance money 24.30489058
crossUnPnl money 0.00000000
availableBalance money 24.30489058
maxWithdrawAmount money 24.30489058
marginAvailable bool true
updateTime int 1785718214133
""",
    ),
    _record(
        "GET /fapi/v3/positionRisk",
        "ccxt",
        """
symbol text BTCUSDT
positionSide text BOTH
positionAmt quantity 0.009
entryPrice plain0 67445.9
breakEvenPrice plain0 67479.62295
markPrice money 67502.68519858
unRealizedProfit money 0.51106678
liquidationPrice money0 64846.98753790
isolatedMargin money0 0
notional money0 607.52416678
marginAsset text USDT
isolatedWallet money0 0
initialMargin money0 7.59405208
maintMargin money0 2.43009666
positionInitialMargin money0 7.59405208
openOrderInitialMargin money0 0
adl int 2
bidNotional money0 0
askNotional money0 0
updateTime int 1722161166529
""",
    ),
    _record(
        "GET /fapi/v2/positionRisk",
        "live parser",
        """
symbol text AAPLUSDT
positionAmt quantity 0.02
entryPrice plain0 313.2
breakEvenPrice plain0 313.32528
markPrice money 313.19672593
unRealizedProfit money -0.00006548
liquidationPrice money0 305.29503487
leverage digits 20
maxNotionalValue plain 100000
marginType text isolated
isolatedMargin money 0.31068134
isAutoAddMargin text false
positionSide text BOTH
notional money0 6.26393451
isolatedWallet money0 0.31074682
updateTime int 1786165144675
isolated bool true
adlQuantile int 0
""",
    ),
    _record(
        "POST /fapi/v1/positionMargin",
        "ccxt sdk",
        """
amount number 100.0
code int 200
msg text Successfully
type int 1
""",
    ),
    _record(
        "GET /fapi/v1/positionMargin/history",
        "parser",
        """
symbol text XRPUSDT
type int 1
deltaType text TRADE
amount money 2.57148240
asset text USDT
time int 1711046271555
positionSide text BOTH
clientTranId text -
""",
    ),
    _record(
        "GET /fapi/v1/rateLimit/order",
        "sdk",
        """
rateLimitType text ORDERS
interval text SECOND
intervalNum int 10
limit int 10000
""",
    ),
    _record(
        "GET /fapi/v1/income",
        "ccxt sdk",
        """
symbol text BTCUSDT
incomeType text FUNDING_FEE
income money -0.04618913
asset text USDT
time int 1707465600000
info text FUNDING_FEE
tranId int 8082457372019390060
tradeId digits -
""",
    ),
    _record(
        "GET /fapi/v1/commissionRate",
        "live sdk",
        """
symbol text BTCUSDT
makerCommissionRate rate 0.000200
takerCommissionRate rate 0.000500
rpiCommissionRate rate 0
""",
    ),
    _record(
        "GET /fapi/v1/accountConfig",
        "live",
        _PERMISSIONS + "dualSidePosition bool false",
    ),
    _record(
        "GET /fapi/v1/symbolConfig",
        "live ccxt",
        """
symbol text AAPLUSDT
marginType text ISOLATED
isAutoAddMargin bool false
leverage int 20
maxNotionalValue plain 100000
""",
    ),
    _record("GET /fapi/v1/adlQuantile", "sdk", "symbol text ETHUSDT\nadlQuantile object {}"),
    _record(
        "GET /fapi/v1/apiTradingStatus", "sdk", "indicators object {}\nupdateTime int 1545741270000"
    ),
    _record("GET /fapi/v1/leverageBracket", "parser", "symbol text SUSHIUSDT\nbrackets list []"),
    _record(
        "GET /fapi/v1/leverageBracket",
        "parser",
        """
bracket int 1
initialLeverage int 50
notionalCap int 50000
notionalFloor int 0
maintMarginRatio number 0.01
cum number 0.0
""",
        "brackets",
    ),
    _record(
        "POST /fapi/v1/listenKey, PUT /fapi/v1/listenKey",
        "sdk",
        "listenKey text 3HBntNTepshgEdjIwSUIBgB9keLyOCg5qv3n6bYAtktG8ejcaW5HXz9Vx1JgIieg",
    ),
    _record("DELETE /fapi/v1/listenKey", "sdk", ""),
    _record("GET /fapi/v1/positionSide/dual", "sdk", "dualSidePosition bool true"),
    _record("GET /fapi/v1/multiAssetsMargin", "sdk", "multiAssetsMargin bool true"),
    _record(
        "POST /fapi/v1/positionSide/dual, POST /fapi/v1/multiAssetsMargin, "
        "POST /fapi/v1/marginType",
        "sdk",
        _SUCCESS,
    ),
    _record(
        "POST /fapi/v1/leverage",
        "sdk",
        """
leverage int 21
maxNotionalValue plain 1000000
symbol text BTCUSDT
""",
    ),
    _record(
        "GET /sapi/v1/account/apiRestrictions",
        "live",
        """
ipRestrict bool false
createTime int 1783828637000
enableReading bool true
enableFutures bool true
enableSpotAndMarginTrading bool true
enableWithdrawals bool false
enableInternalTransfer bool false
permitsUniversalTransfer bool false
enableVanillaOptions bool false
enablePortfolioMarginTrading bool false
enableFixApiTrade bool false
enableFixReadOnly bool false
enableMargin bool false
""",
    ),
)

_TRAILING = (
    "documented for the answer to a new order; shown wherever the order is, and for a trailing "
    "stop alone, because nothing else says what it follows"
)
# (endpoint or the list within it, field): why what is served differs. Nothing else may.
EXPLAINED: dict[tuple[str, str], str] = {
    **{
        (endpoint, field): _TRAILING
        for endpoint in (
            "POST /fapi/v1/algoOrder",
            "GET /fapi/v1/algoOrder",
            "GET /fapi/v1/openAlgoOrders",
            "GET /fapi/v1/allAlgoOrders",
        )
        for field in ("activatePrice", "callbackRate")
    },
}

# What was recorded of the same answers at other times or by other means, and is not served.
ALSO_RECORDED = (
    (
        "POST, DELETE /fapi/v1/order",
        "Since July 2026 the documentation leaves out `avgPrice` and `cumQuote`, and so does an "
        "answer of type ACK that was captured in August. ccxt asks for RESULT and has recorded "
        "both; they are served.",
    ),
    (
        "POST /fapi/v1/order",
        "With `newOrderRespType` ACK, its default, the exchange answers NEW and nothing filled, "
        "even for a market order. The venue always shows what has come of the order by then, as "
        "RESULT does, which ccxt and Freqtrade ask for.",
    ),
    (
        "GET /fapi/v1/userTrades, allOrders",
        "Since August 2026 rows also have `pair` and `baseQty` or `cumBase`, for coin-margined "
        "contracts. They say nothing of the contracts that are traded here and are not served.",
    ),
    (
        "GET /sapi/v1/account/apiRestrictions",
        "Clients' models have `tradingAuthorityExpirationTime` as well, in ms: when the right to "
        "trade spot and margin ends, for keys that are bound to no IP address. The documentation "
        "and recorded answers are without. Served where the venue's key has such a time.",
    ),
    (
        "GET /fapi/v2/account",
        "The documentation adds `feeBurn`; no recorded answer has it. Not served.",
    ),
    (
        "GET /fapi/v1/leverageBracket",
        "`notionalCoef` appears for accounts whose brackets were adjusted. There are none here.",
    ),
    (
        "GET /fapi/v1/income",
        "`page` is honoured here. The exchange takes it no longer since 16 October 2026: a client "
        "should page by time.",
    ),
    (
        "GET /futures/data/openInterestHist",
        "`CMCCirculatingSupply` is 0 here: no market of the venue knows the supply of a coin.",
    ),
)

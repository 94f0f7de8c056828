"""The exchange's answers, as far as every client is handed them: names, types, and known values."""

from __future__ import annotations

from tests.clients.checks import DECIMAL, EMPTY, POSITIVE, Near, Num, Where, one_of
from tests.clients.desk import BTC_PRICE, FUNDING_RATE, LONG_SHORT_RATIO, WALLET

BTC, ETH, NONE = "BTCUSDT", "ETHUSDT", "NONEUSDT"

CANDLE = [int, DECIMAL, DECIMAL, DECIMAL, DECIMAL, DECIMAL, int, DECIMAL, int, DECIMAL, DECIMAL,
          one_of("0")]  # fmt: skip
PUBLIC_TRADE = {"id": int, "price": Near(BTC_PRICE), "qty": POSITIVE, "quoteQty": POSITIVE,
                "time": int, "isBuyerMaker": bool}  # fmt: skip
AGGREGATE = {"a": int, "p": Near(BTC_PRICE), "q": POSITIVE, "f": int, "l": int, "T": int,
             "m": bool}  # fmt: skip
LEVEL = [POSITIVE, POSITIVE]
RATIO = {"symbol": BTC, "longShortRatio": Num(LONG_SHORT_RATIO), "longAccount": Num(0.6),
         "shortAccount": Num(0.4), "timestamp": int}  # fmt: skip
DAY = {"symbol": str, "priceChange": DECIMAL, "priceChangePercent": DECIMAL,
       "weightedAvgPrice": POSITIVE, "lastPrice": POSITIVE, "lastQty": POSITIVE,
       "openPrice": POSITIVE, "highPrice": POSITIVE, "lowPrice": POSITIVE, "volume": POSITIVE,
       "quoteVolume": POSITIVE, "openTime": int, "closeTime": int, "firstId": int, "lastId": int,
       "count": int}  # fmt: skip
PREMIUM = {"symbol": str, "markPrice": POSITIVE, "indexPrice": POSITIVE,
           "estimatedSettlePrice": POSITIVE, "lastFundingRate": Num(FUNDING_RATE),
           "interestRate": Num(0.0001), "nextFundingTime": int, "time": int}  # fmt: skip
TOP = {"symbol": str, "bidPrice": POSITIVE, "bidQty": POSITIVE, "askPrice": POSITIVE,
       "askQty": POSITIVE, "time": int}  # fmt: skip
ORDER = {"orderId": int, "clientOrderId": str, "symbol": BTC, "side": "BUY", "reduceOnly": False,
         "positionSide": "BOTH", "price": DECIMAL, "origQty": Num(0.01), "cumQuote": DECIMAL,
         "avgPrice": DECIMAL, "executedQty": DECIMAL, "stopPrice": DECIMAL, "updateTime": int,
         "closePosition": False, "priceProtect": False, "workingType": "CONTRACT_PRICE",
         "priceMatch": "NONE", "selfTradePreventionMode": str, "goodTillDate": int}  # fmt: skip
RESTING = ORDER | {"status": "NEW", "type": "LIMIT", "price": Num(48_000), "executedQty": Num(0)}
FILLED = ORDER | {"status": "FILLED", "executedQty": Num(0.01), "avgPrice": Near(BTC_PRICE),
                  "cumQuote": Near(500)}  # fmt: skip
ALGO = {"algoId": int, "clientAlgoId": str, "algoType": "CONDITIONAL", "symbol": BTC,
        "side": "SELL", "positionSide": "BOTH", "algoStatus": "NEW", "reduceOnly": bool,
        "quantity": DECIMAL, "workingType": "CONTRACT_PRICE", "closePosition": bool,
        "priceProtect": False, "createTime": int, "updateTime": int, "triggerTime": int,
        "goodTillDate": int}  # fmt: skip
STOP = ALGO | {"orderType": "STOP_MARKET", "triggerPrice": Num(49_000), "quantity": Num(0.01)}
TRADE = {"id": int, "orderId": int, "symbol": BTC, "side": "BUY", "price": Near(BTC_PRICE),
         "qty": Num(0.01), "quoteQty": Near(500), "realizedPnl": Num(0), "marginAsset": "USDT",
         "commission": Near(0.25), "commissionAsset": "USDT", "time": int, "positionSide": "BOTH",
         "buyer": True, "maker": False}  # fmt: skip
INCOME = {"symbol": BTC, "incomeType": str, "income": DECIMAL, "asset": "USDT", "info": str,
          "time": int, "tranId": int, "tradeId": str}  # fmt: skip
ASSET = {"asset": "USDT", "walletBalance": Num(WALLET), "unrealizedProfit": Num(0),
         "marginBalance": Num(WALLET), "maintMargin": Num(0), "initialMargin": Num(0),
         "positionInitialMargin": Num(0), "openOrderInitialMargin": Num(0),
         "crossWalletBalance": Num(WALLET), "crossUnPnl": Num(0), "updateTime": int,
         "availableBalance": Num(WALLET), "maxWithdrawAmount": Num(WALLET)}  # fmt: skip
ACCOUNT = {"totalWalletBalance": Num(WALLET), "totalMarginBalance": Num(WALLET),
           "totalUnrealizedProfit": Num(0), "totalInitialMargin": Num(0),
           "totalMaintMargin": Num(0), "totalPositionInitialMargin": Num(0),
           "totalOpenOrderInitialMargin": Num(0), "totalCrossWalletBalance": Num(WALLET),
           "totalCrossUnPnl": Num(0), "availableBalance": Num(WALLET),
           "maxWithdrawAmount": Num(WALLET),
           "assets": Where("assets with USDT among them",
                           lambda rows: "USDT" in [r["asset"] for r in rows])}  # fmt: skip
POSITION = {"symbol": BTC, "positionSide": "BOTH", "positionAmt": Num(0.01),
            "entryPrice": Near(BTC_PRICE), "breakEvenPrice": Near(BTC_PRICE),
            "markPrice": Near(BTC_PRICE), "unRealizedProfit": DECIMAL, "liquidationPrice": DECIMAL,
            "notional": Near(500), "updateTime": int}  # fmt: skip
TRIGGERED = {
    "algo": {"algoStatus": one_of("TRIGGERED", "FINISHED"), "actualOrderId": str,
             "triggerTime": Where("a time", lambda a: a > 0), "actualPrice": POSITIVE},
    "order": {"status": "FILLED", "executedQty": Num(1), "reduceOnly": True, "side": "SELL"},
}  # fmt: skip
MOVED = {"orderId": int, "status": "NEW", "side": "BUY", "type": "LIMIT", "price": Num(47_000),
         "origQty": Num(0.01), "executedQty": Num(0), "symbol": BTC}  # fmt: skip
CANCELLED = {"orderId": int, "status": "CANCELED", "origQty": Num(0.01), "symbol": BTC}
AMENDMENT = {"amendmentId": int, "symbol": BTC, "orderId": int, "clientOrderId": str, "time": int,
             "amendment": {"price": {"before": Num(48_000), "after": Num(47_000)},
                           "origQty": {"before": Num(0.01), "after": Num(0.01)},
                           "count": 1}}  # fmt: skip
FORCED = {"symbol": ETH, "side": "SELL", "status": "FILLED", "origQty": Num(1),
          "executedQty": Num(1), "avgPrice": POSITIVE, "time": int,
          "clientOrderId": Where("the exchange's own", lambda a: a.startswith("autoclose")),
          }  # fmt: skip
ACCOUNT_CONFIG = {"feeTier": int, "canTrade": True, "canDeposit": bool, "canWithdraw": bool,
                  "dualSidePosition": False, "multiAssetsMargin": False, "updateTime": int,
                  "tradeGroupId": -1}  # fmt: skip
SYMBOL_CONFIG = {"symbol": BTC, "marginType": "CROSSED", "isAutoAddMargin": False, "leverage": 7,
                 "maxNotionalValue": POSITIVE}  # fmt: skip
ORDER_LIMIT = {"rateLimitType": "ORDERS", "interval": one_of("MINUTE", "SECOND"),
               "intervalNum": int, "limit": int}  # fmt: skip
MARGIN_ADDED = {"amount": 10.0, "code": 200, "msg": str, "type": 1}
MARGIN_CHANGE = {"symbol": BTC, "type": 1, "deltaType": "USER_ADJUST", "amount": Num(10),
                 "asset": "USDT", "time": int, "positionSide": "BOTH"}  # fmt: skip
ADL_QUANTILE = {"symbol": BTC, "adlQuantile": {"LONG": int, "SHORT": int, "BOTH": int}}
NO_LOCKS = {"indicators": EMPTY, "updateTime": int}

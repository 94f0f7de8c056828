"""`exchangeInfo`: fields and texts as recorded, and every kind of contract as ccxt reads it."""

from typing import NamedTuple

import ccxt
import pytest

from perpkit.durations import DAY_MS
from perpkit.venue.faults.faults import Fault, FaultKind, FaultPlan
from perpkit.venue.http.exchange_info import exchange_info
from perpkit.venue.market.listing import NEVER_DELIVERED
from perpkit.venue.market.market import Market
from tests.venue.other_contracts import OTHERS, renamed

PAIRS = ("BTC/USDT:USDT", "BTC/USDT:USDT-240628", *OTHERS)

# As the exchange answered in September 2026.
TIMES = ["GTC", "IOC", "FOK", "GTX", "GTD"]
TYPES = [
    "LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
]  # fmt: skip
BTC = {
    "symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000, "onboardDate": 1567965300000, "status": "TRADING",
    "maintMarginPercent": "2.5000", "requiredMarginPercent": "5.0000", "baseAsset": "BTC",
    "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2, "quantityPrecision": 3,
    "baseAssetPrecision": 8, "quotePrecision": 8, "underlyingType": "COIN",
    "underlyingSubType": ["PoW", "Crypto"], "triggerProtect": "0.0500",
    "liquidationFee": "0.012500", "marketTakeBound": "0.05", "maxMoveOrderLimit": 10000,
    "filters": [
        {"minPrice": "556.80", "tickSize": "0.10", "filterType": "PRICE_FILTER",
         "maxPrice": "4529764"},
        {"minQty": "0.001", "filterType": "LOT_SIZE", "stepSize": "0.001", "maxQty": "1000"},
        {"stepSize": "0.001", "maxQty": "120", "filterType": "MARKET_LOT_SIZE", "minQty": "0.001"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"notional": "50", "filterType": "MIN_NOTIONAL"},
        {"multiplierDown": "0.9500", "multiplierDecimal": "4", "filterType": "PERCENT_PRICE",
         "multiplierUp": "1.0500"},
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ],
    "orderTypes": TYPES, "timeInForce": TIMES, "permissionSets": ["GRID", "COPY", "DCA", "PSB"],
}  # fmt: skip
XAU = {
    **BTC, "symbol": "XAUUSDT", "pair": "XAUUSDT", "contractType": "TRADIFI_PERPETUAL",
    "baseAsset": "XAU", "underlyingType": "COMMODITY", "underlyingSubType": ["TradFi"],
    "triggerProtect": "0.0200", "liquidationFee": "0.015000", "marketTakeBound": "0.02",
    "filters": [
        {"tickSize": "0.01", "maxPrice": "200000", "minPrice": "0.01",
         "filterType": "PRICE_FILTER"},
        {"maxQty": "10000", "filterType": "LOT_SIZE", "minQty": "0.001", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "1000",
         "stepSize": "0.001"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
        {"filterType": "PERCENT_PRICE", "multiplierUp": "1.0200", "multiplierDown": "0.9800",
         "multiplierDecimal": "4"},
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ],
}  # fmt: skip


@pytest.fixture
def info(history, clock):
    return exchange_info(Market(renamed(history, PAIRS), clock))


def row(info, symbol):
    return next(each for each in info["symbols"] if each["symbol"] == symbol)


@pytest.mark.parametrize("recorded", [BTC, XAU], ids=lambda each: each["symbol"])
def test_a_contract_on_record_is_told_as_recorded(info, recorded):
    mine = row(info, recorded["symbol"])
    assert list(mine) == list(recorded)
    start = mine["onboardDate"]
    assert mine == {**recorded, "onboardDate": start}


def test_the_answer_has_the_recorded_keys(info):
    assert list(info) == [
        "timezone", "serverTime", "futuresType", "rateLimits", "exchangeFilters", "assets",
        "symbols",
    ]  # fmt: skip
    assert [each["asset"] for each in info["assets"]] == ["USDT", "USDC"]
    assert {frozenset(each) for each in info["symbols"]} == {frozenset(BTC)}


class Listed(NamedTuple):
    """What exchangeInfo says of a contract."""

    symbol: str
    pair: str
    kind: str
    filed: list[str]
    margin: str = "USDT"
    delivery: int = NEVER_DELIVERED


@pytest.mark.parametrize(
    "case",
    [
        Listed(
            "BTCUSDC", pair="BTCUSDC", kind="PERPETUAL", filed=["USDC", "Crypto"], margin="USDC"
        ),
        Listed(
            "BTCUSDT_240329",
            pair="BTCUSDT",
            kind="CURRENT_QUARTER",
            filed=["Crypto"],
            delivery=1711699200000,
        ),
        Listed(
            "BTCUSDT_240628",
            pair="BTCUSDT",
            kind="NEXT_QUARTER",
            filed=["Crypto"],
            delivery=1719561600000,
        ),
        Listed("龙虾USDT", pair="龙虾USDT", kind="PERPETUAL", filed=["Crypto"]),
    ],
)
def test_each_kind_of_contract(info, case):
    mine = row(info, case.symbol)
    assert (
        mine["pair"], mine["contractType"], mine["quoteAsset"], mine["marginAsset"],
        mine["deliveryDate"], mine["underlyingSubType"],
    ) == (case.pair, case.kind, case.margin, case.margin, case.delivery, case.filed)  # fmt: skip


def test_the_next_quarter_becomes_the_current_one(history, clock):
    market = Market(renamed(history, ("BTC/USDT:USDT-240412",)), clock)
    clock.time -= 27 * DAY_MS
    assert row(exchange_info(market), "BTCUSDT_240412")["contractType"] == "NEXT_QUARTER"
    clock.time += 27 * DAY_MS
    assert row(exchange_info(market), "BTCUSDT_240412")["contractType"] == "CURRENT_QUARTER"


@pytest.mark.parametrize(
    ("pair", "symbol", "kind"),
    [
        ("BTC/USDT:USDT", "BTCUSDT", "swap"),
        ("BTC/USDC:USDC", "BTCUSDC", "swap"),
        ("BTC/USDT:USDT-240329", "BTCUSDT_240329", "future"),
        ("BTC/USDT:USDT-240628", "BTCUSDT_240628", "future"),
        ("XAU/USDT:USDT", "XAUUSDT", "swap"),
        ("币安人生/USDT:USDT", "币安人生USDT", "swap"),
        ("龙虾/USDT:USDT", "龙虾USDT", "swap"),
        ("1000PEPE/USDT:USDT", "1000PEPEUSDT", "swap"),
    ],
)
def test_ccxt_reads_every_contract(info, pair, symbol, kind):
    market = ccxt.binanceusdm().parse_market(row(info, symbol))
    assert (market["symbol"], market["type"], market["linear"], market["active"]) == (
        pair, kind, True, True,
    )  # fmt: skip
    assert market["settle"] == pair.split(":")[1].split("-")[0]
    limits = market["limits"]
    assert 0 < limits["market"]["max"] < limits["amount"]["max"]
    assert 0 < limits["price"]["min"] < limits["price"]["max"]
    assert limits["cost"]["min"] >= 5


@pytest.mark.parametrize("status", ["SETTLING", "PENDING_TRADING", "CLOSE"])
def test_contracts_that_cannot_be_traded_are_still_told(history, clock, status):
    until = clock.time + DAY_MS
    fault = Fault(
        FaultKind.SYMBOL_STATUS, since=clock.time, until=until, symbol="XAUUSDT",
        parameters={"status": status},
    )  # fmt: skip
    market = Market(renamed(history, PAIRS), clock, faults=FaultPlan([fault]))
    mine = row(exchange_info(market), "XAUUSDT")
    assert mine["status"] == status
    assert mine["onboardDate"] == (until if status == "PENDING_TRADING" else mine["onboardDate"])
    assert not ccxt.binanceusdm().parse_market(mine)["active"]

"""The answer of `exchangeInfo`: every contract and its filters, in the fields on record."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from perpkit.venue.engine import exchanged_below
from perpkit.venue.market.instruments import MAX_ORDERS, ContractType, Instrument
from perpkit.venue.market.listing import Listing
from perpkit.venue.market.market import Market
from perpkit.venue.market.underlyings import Underlying

_ORDER_TYPES = (
    "LIMIT",
    "MARKET",
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)
_TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX", "GTD")
_PERMISSIONS = ("GRID", "COPY", "DCA", "PSB")
# Deliveries are 13 or 14 weeks apart: a contract with more time left is the next quarter's.
_QUARTER_MS = timedelta(weeks=14) // timedelta(milliseconds=1)


def exchange_info(market: Market) -> dict[str, Any]:
    instruments = [market.instrument(symbol) for symbol in market.symbols]
    now = market.server_time()
    return {
        "timezone": "UTC",
        "serverTime": now,
        "futuresType": "U_MARGINED",
        "rateLimits": [_rate_limit("REQUEST_WEIGHT", "MINUTE", 1, 2400), *ORDER_LIMITS],
        "exchangeFilters": [],
        "assets": [
            {
                "asset": asset,
                "marginAvailable": True,
                "autoAssetExchange": str(exchanged_below(asset)),
            }
            for asset in dict.fromkeys(["USDT", *(each.quote for each in instruments)])
        ],
        "symbols": [_symbol(each, market.listing(each.symbol), now) for each in instruments],
    }


def _rate_limit(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


ORDER_LIMITS = [_rate_limit("ORDERS", "MINUTE", 1, 1200), _rate_limit("ORDERS", "SECOND", 10, 300)]


def _symbol(instrument: Instrument, stands: Listing, now: int) -> dict[str, Any]:
    delivery = instrument.delivered_at(stands.delivery)
    bound = f"{instrument.bound:.4f}"
    return {
        "symbol": instrument.symbol,
        "pair": f"{instrument.base}{instrument.quote}",
        "contractType": str(_contract_type(instrument, delivery, now)),
        "deliveryDate": delivery,
        "onboardDate": stands.onboard,
        "status": stands.status,
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": instrument.price_decimals,
        "quantityPrecision": instrument.quantity_decimals,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": str(instrument.underlying),
        "underlyingSubType": _filed_under(instrument),
        "triggerProtect": bound,
        "liquidationFee": f"{instrument.liquidation_fee:.6f}",
        "marketTakeBound": f"{instrument.bound:.2f}",
        "maxMoveOrderLimit": 10000,
        "filters": _filters(instrument),
        "orderTypes": list(_ORDER_TYPES),
        "timeInForce": list(_TIMES_IN_FORCE),
        "permissionSets": list(_PERMISSIONS),
    }


def _contract_type(instrument: Instrument, delivery: int, now: int) -> ContractType:
    """The contract type; dated contracts become the current quarter's as their delivery nears."""
    if instrument.contract_type.perpetual:
        return instrument.contract_type
    further = delivery - now > _QUARTER_MS
    return ContractType.NEXT_QUARTER if further else ContractType.CURRENT_QUARTER


def _filed_under(instrument: Instrument) -> list[str]:
    if instrument.underlying.tradfi:
        return ["TradFi"]
    if instrument.underlying is Underlying.INDEX:
        return ["Index"]
    margin = ["USDC"] if instrument.quote == "USDC" else []
    return [*instrument.kinds, *margin, "Crypto"]


def _filters(instrument: Instrument) -> list[dict[str, Any]]:
    step = f"{instrument.step_size:.{instrument.quantity_decimals}f}"
    lot = {"minQty": step, "stepSize": step}
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": _price(instrument, instrument.min_price or instrument.tick_size),
            "maxPrice": _plain(instrument.max_price),
            "tickSize": _price(instrument, instrument.tick_size),
        },
        {"filterType": "LOT_SIZE", **lot, "maxQty": _plain(instrument.max_quantity)},
        {
            "filterType": "MARKET_LOT_SIZE",
            **lot,
            "maxQty": _plain(instrument.max_market_quantity),
        },
        {"filterType": "MAX_NUM_ORDERS", "limit": MAX_ORDERS},
        {"filterType": "MIN_NOTIONAL", "notional": _plain(instrument.min_notional)},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": f"{1 + instrument.bound:.4f}",
            "multiplierDown": f"{1 - instrument.bound:.4f}",
            "multiplierDecimal": "4",
        },
        {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
    ]


def _price(instrument: Instrument, value: float) -> str:
    return f"{value:.{instrument.price_decimals}f}"


def _plain(value: float) -> str:
    """The number without an exponent and without trailing zeros."""
    return f"{Decimal(f'{value:.8f}').normalize():f}"

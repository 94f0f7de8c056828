"""Orders, conditional orders and trades in the exchange's shapes.

The answers to placing or cancelling an order (POST, DELETE) and to querying it (GET) differ: the
first has no `time`, the second no `cumQty`. Those of conditional orders differ, too.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from perpkit.venue.engine import Algo, Amendment, Fill, Order, OrderType
from perpkit.venue.http.numbers import (
    fixed,
    money,
    money_or_zero,
    plain,
    price_text,
    quantity_text,
    quote_text,
)
from perpkit.venue.market.instruments import Instrument

_AVERAGE_DECIMALS = 5  # minimum


def placed(order: Order, instrument: Instrument) -> dict[str, Any]:
    """The answer to POST and DELETE."""
    shown = _order(order, instrument)
    return {**shown, "cumQty": shown["executedQty"], "updateTime": order.updated}


def amended(order: Order, instrument: Instrument, number: int | None) -> dict[str, Any]:
    """The answer to PUT: of the same fields less the average, and the user's number if sent."""
    shown = placed(order, instrument)
    del shown["avgPrice"], shown["cumQuote"]
    given = {} if number is None else {"modifyId": number}
    return {**shown, "pair": instrument.symbol, **given}


def queried(order: Order, instrument: Instrument) -> dict[str, Any]:
    """The answer to GET, and a row of a list."""
    return {**_order(order, instrument), "time": order.created, "updateTime": order.updated}


def _order(order: Order, instrument: Instrument) -> dict[str, Any]:
    algo = order.algo
    trigger = Decimal(0) if algo is None else algo.trigger_price
    return {
        "orderId": order.id,
        "symbol": order.symbol,
        "status": order.status.value,
        "clientOrderId": order.client_id,
        "price": price_text(instrument, order.price),
        "avgPrice": average_text(order.average, instrument),
        "origQty": quantity_text(instrument, order.quantity),
        "executedQty": quantity_text(instrument, order.executed),
        "cumQuote": quote_text(instrument, order.quote),
        "timeInForce": order.time_in_force.value,
        "type": order.type.value,
        "reduceOnly": order.reduce_only,
        "closePosition": algo is not None and algo.close_position,
        "side": order.side.value,
        "positionSide": order.position_side.value,
        "stopPrice": price_text(instrument, trigger),
        "workingType": "CONTRACT_PRICE" if algo is None else algo.working_type.value,
        "priceProtect": algo is not None and algo.price_protect,
        "origType": order.type.value if algo is None else algo.type.value,
        "priceMatch": order.price_match.value,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "goodTillDate": order.good_till,
    }


def average_text(price: Decimal, instrument: Instrument) -> str:
    grids = instrument.price_decimals + instrument.quantity_decimals
    return fixed(price, max(_AVERAGE_DECIMALS, grids))


def placed_algo(algo: Algo, instrument: Instrument) -> dict[str, Any]:
    """The answer to POST; only a trailing stop has the fields of trailing stops."""
    shown = {
        "algoId": algo.id,
        "clientAlgoId": algo.client_id,
        "algoType": "CONDITIONAL",
        "orderType": algo.type.value,
        "symbol": algo.symbol,
        "side": algo.side.value,
        "positionSide": algo.position_side.value,
        "timeInForce": algo.time_in_force.value,
        "quantity": quantity_text(instrument, algo.quantity),
        "algoStatus": algo.status.value,
        "triggerPrice": price_text(instrument, algo.trigger_price),
        "price": price_text(instrument, algo.price),
        "icebergQuantity": None,
        "selfTradePreventionMode": "EXPIRE_MAKER",
        "workingType": algo.working_type.value,
        "priceMatch": algo.price_match.value,
        "closePosition": algo.close_position,
        "priceProtect": algo.price_protect,
        "reduceOnly": algo.reduce_only,
        "createTime": algo.created,
        "updateTime": algo.updated,
        "triggerTime": algo.triggered,
        "goodTillDate": algo.good_till,
    }
    if algo.type is OrderType.TRAILING_STOP_MARKET:
        shown["activatePrice"] = price_text(instrument, algo.activate_price)
        shown["callbackRate"] = plain(algo.callback_rate)
    return shown


def queried_algo(algo: Algo, instrument: Instrument) -> dict[str, Any]:
    """The answer to GET."""
    became = algo.order
    return {
        **placed_algo(algo, instrument),
        "actualOrderId": "" if became is None else str(became.id),
        "actualPrice": average_text(Decimal(0) if became is None else became.average, instrument),
        "actualType": "" if became is None else became.type.value,
        "actualQty": quantity_text(instrument, Decimal(0) if became is None else became.executed),
        "tpOrderType": "",
    }


def listed_algo(algo: Algo, instrument: Instrument) -> dict[str, Any]:
    """A row of a list."""
    shown = queried_algo(algo, instrument)
    del shown["actualType"], shown["actualQty"]
    nothing = price_text(instrument, Decimal(0))
    return {
        **shown,
        "tpTriggerPrice": nothing,
        "tpPrice": nothing,
        "slTriggerPrice": nothing,
        "slPrice": nothing,
    }


def forced(order: Order, instrument: Instrument) -> dict[str, Any]:
    """A row of `forceOrders`."""
    shown = queried(order, instrument)
    for newer in ("priceProtect", "priceMatch", "selfTradePreventionMode", "goodTillDate"):
        del shown[newer]
    return shown


def amendment(order: Order, change: Amendment, instrument: Instrument) -> dict[str, Any]:
    """A row of `orderAmendment`."""
    prices = [price_text(instrument, price) for price in change.price]
    quantities = [quantity_text(instrument, quantity) for quantity in change.quantity]
    given = {} if change.number is None else {"modifyId": change.number}
    return {
        "amendmentId": change.id,
        "symbol": order.symbol,
        "pair": order.symbol,
        "orderId": order.id,
        "clientOrderId": order.client_id,
        "time": change.time,
        "amendment": {
            "price": dict(zip(("before", "after"), prices, strict=True)),
            "origQty": dict(zip(("before", "after"), quantities, strict=True)),
            "count": change.count,
            **given,
        },
    }


def trade(fill: Fill, instrument: Instrument) -> dict[str, Any]:
    return {
        "symbol": fill.symbol,
        "id": fill.id,
        "orderId": fill.order_id,
        "side": fill.side.value,
        "price": price_text(instrument, fill.price),
        "qty": quantity_text(instrument, fill.quantity),
        "realizedPnl": money_or_zero(fill.realized_pnl),
        "quoteQty": quote_text(instrument, fill.quote),
        "commission": money(fill.commission),
        "commissionAsset": fill.asset,
        "marginAsset": fill.asset,
        "time": fill.time,
        "positionSide": fill.position_side.value,
        "maker": fill.maker,
        "buyer": fill.side.value == "BUY",
    }

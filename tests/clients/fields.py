"""Names of fields: those that the venue serves against those that the SDK's models describe.

The SDK is generated from the exchange's documentation, which leaves out fields that the exchange
gives, and lists some that it gives for other contracts or users only. Those are `GAPS`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from pydantic import BaseModel


class Gap(NamedTuple):
    """:param served: recorded from the exchange, not in the documentation
    :param documented: in the documentation, not in recorded answers to such a request
    """

    served: frozenset[str] = frozenset()
    documented: frozenset[str] = frozenset()


def _gap(served: str = "", documented: str = "") -> Gap:
    return Gap(frozenset(served.split()), frozenset(documented.split()))


# A filter has those of its type only.
_FILTER = (
    "minPrice maxPrice tickSize minQty maxQty stepSize limit notional "
    "multiplierUp multiplierDown multiplierDecimal"
)
GAPS = {
    # Of trailing stops, which are algo orders now.
    "GET /fapi/v1/order": _gap(documented="activatePrice priceRate"),
    "GET /fapi/v1/openOrder": _gap(documented="activatePrice priceRate"),
    "GET /fapi/v1/openOrders[]": _gap(documented="activatePrice priceRate"),
    # `pair` and what begins with "base": of coin-margined contracts.
    "GET /fapi/v1/allOrders[]": _gap(documented="activatePrice priceRate cumBase pair"),
    "GET /fapi/v1/userTrades[]": _gap(documented="baseQty pair"),
    "POST /fapi/v1/order": _gap("avgPrice cumQuote"),
    "DELETE /fapi/v1/order": _gap("avgPrice cumQuote", "activatePrice priceRate"),
    "POST /fapi/v1/order/test": _gap(documented="activatePrice priceRate"),
    # `code` and `msg` are of an order that is refused, which has nothing else.
    "POST /fapi/v1/batchOrders[]": _gap("avgPrice cumQuote", "code msg"),
    "PUT /fapi/v1/batchOrders[]": _gap(documented="code msg"),
    "DELETE /fapi/v1/batchOrders[]": _gap("avgPrice cumQuote", "activatePrice priceRate code msg"),
    "GET /fapi/v1/forceOrders[]": _gap(documented="cumBase pair"),
    "GET /fapi/v1/positionMargin/history[]": _gap("clientTranId"),
    "POST /fapi/v1/algoOrder": _gap(documented="activatePrice callbackRate"),
    "GET /fapi/v1/algoOrder": _gap("activatePrice callbackRate"),
    "GET /fapi/v1/exchangeInfo": _gap("futuresType"),
    "GET /fapi/v1/exchangeInfo.symbols[]": _gap("maxMoveOrderLimit permissionSets", "settlePlan"),
    "GET /fapi/v1/exchangeInfo.symbols[].filters[]": _gap("positionControlSide", _FILTER),
    "GET /fapi/v1/fundingInfo[]": _gap("updateTime"),
    "GET /fapi/v1/ticker/bookTicker": _gap("lastUpdateId"),
    "GET /fapi/v1/ticker/bookTicker[]": _gap("lastUpdateId"),
    # Of users whose brackets differ from everybody's.
    "GET /fapi/v1/leverageBracket[]": _gap(documented="notionalCoef"),
    # Of both sides of a position in hedge mode; of what is locked.
    "GET /fapi/v1/adlQuantile[].adlQuantile": _gap(documented="HEDGE"),
    "GET /fapi/v1/apiTradingStatus.indicators": _gap(documented="ACCOUNT BTCUSDT ETHUSDT"),
    "GET /fapi/v2/account": _gap(documented="feeBurn"),
    "GET /fapi/v2/account.positions[]": _gap("breakEvenPrice isolatedWallet notional"),
    "GET /fapi/v2/positionRisk[]": _gap("adlQuantile isolated"),
    # Streams. Of user data the SDK has taken off `e` before it looks for the model.
    "ORDER_TRADE_UPDATE": _gap("e"),
    # Of a modification; of trailing stops.
    "ORDER_TRADE_UPDATE.o": _gap(documented="M AP cr"),
    "TRADE_LITE": _gap("e"),
    "ACCOUNT_UPDATE": _gap("e"),
    "ACCOUNT_UPDATE.a": _gap(documented="S"),  # of funding
    "ALGO_UPDATE": _gap("e"),
    "ALGO_UPDATE.o": _gap(documented="ap aq act"),  # once it has triggered
    "ACCOUNT_CONFIG_UPDATE": _gap("e", "ac ai"),  # either
    "listenKeyExpired": _gap("e"),
}


def unexplained(model: Any, served: Any, path: str) -> Iterator[str]:
    """One line for each object whose fields are not those of its model, nor a known gap.

    :param served: the JSON that `model` was parsed from
    :param path: method and path of the request
    """
    model = getattr(model, "actual_instance", model)
    if isinstance(served, list):
        rows = zip(model, served, strict=True) if isinstance(model, list) else ()
        # Once is enough: rows are alike.
        yield from dict.fromkeys(
            line for row, raw in rows for line in unexplained(row, raw, f"{path}[]")
        )
    elif path.endswith("batchOrders[]") and served.keys() == {"code", "msg"}:
        return  # refused
    elif isinstance(model, BaseModel):
        names = {
            field.alias or name: name
            for name, field in type(model).model_fields.items()
            if name != "additional_properties"
        }
        gap = GAPS.get(path, Gap())
        if unknown := served.keys() - names.keys() - gap.served:
            yield f"{path}: serves {sorted(unknown)}, which {type(model).__name__} does not have"
        if missing := names.keys() - served.keys() - gap.documented:
            yield f"{path}: does not serve {sorted(missing)} of {type(model).__name__}"
        for name in names.keys() & served.keys():
            yield from unexplained(getattr(model, names[name]), served[name], f"{path}.{name}")

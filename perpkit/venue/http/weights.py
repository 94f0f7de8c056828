"""What a request costs, as the exchange counts it (USD-M endpoint pages, "Request Weight").

Weight is counted by IP, orders by account. A few endpoints cost no weight but have their own limit
of calls per five minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Pool(StrEnum):
    """Groups of endpoints that share a limit of calls per five minutes and IP."""

    FUNDING = "funding"
    DATA = "data"


@dataclass(frozen=True)
class Cost:
    """:param orders_10s, orders_1m: orders that each window counts, 0 where none are placed"""

    weight: int
    orders_10s: int = 0
    orders_1m: int = 0
    pool: Pool | None = None


_ORDER = Cost(0, orders_10s=1, orders_1m=1)
_BATCH = Cost(5, orders_10s=5, orders_1m=1)

_FIXED = {
    "GET /fapi/v1/fundingRate": Cost(0, pool=Pool.FUNDING),
    "GET /fapi/v1/fundingInfo": Cost(0, pool=Pool.FUNDING),
    "GET /fapi/v1/trades": Cost(5),
    "GET /fapi/v1/aggTrades": Cost(20),
    "POST /fapi/v1/order": _ORDER,
    "PUT /fapi/v1/order": _ORDER,
    "POST /fapi/v1/algoOrder": _ORDER,
    "POST /fapi/v1/batchOrders": _BATCH,
    "PUT /fapi/v1/batchOrders": _BATCH,
    "POST /fapi/v1/countdownCancelAll": Cost(10),
    "GET /fapi/v1/allOrders": Cost(5),
    "GET /fapi/v1/allAlgoOrders": Cost(5),
    "GET /fapi/v1/userTrades": Cost(5),
    "GET /fapi/v1/income": Cost(30),
    "GET /fapi/v1/commissionRate": Cost(20),
    "GET /fapi/v1/positionSide/dual": Cost(30),
    "GET /fapi/v1/multiAssetsMargin": Cost(30),
    "GET /fapi/v1/symbolConfig": Cost(5),
    "GET /fapi/v1/accountConfig": Cost(5),
    "GET /fapi/v1/adlQuantile": Cost(5),
    "GET /fapi/v2/account": Cost(5),
    "GET /fapi/v2/balance": Cost(5),
    "GET /fapi/v2/positionRisk": Cost(5),
    "GET /fapi/v3/account": Cost(5),
    "GET /fapi/v3/balance": Cost(5),
    "GET /fapi/v3/positionRisk": Cost(5),
}
# (weight for one symbol, weight for all symbols).
_BY_SYMBOL = {
    "GET /fapi/v1/ticker/24hr": (1, 40),
    "GET /fapi/v1/ticker/price": (1, 2),
    "GET /fapi/v2/ticker/price": (1, 2),
    "GET /fapi/v1/ticker/bookTicker": (2, 5),
    "GET /fapi/v1/premiumIndex": (1, 10),
    "GET /fapi/v1/openOrders": (1, 40),
    "GET /fapi/v1/openAlgoOrders": (1, 40),
    "GET /fapi/v1/forceOrders": (20, 50),
    "GET /fapi/v1/apiTradingStatus": (1, 10),
}
# (largest `limit`, weight), ascending.
_KLINES = ((99, 1), (499, 2), (1000, 5), (1500, 10))
_DEPTH = ((50, 2), (100, 5), (500, 10), (1000, 20))
_BY_LIMIT = {
    "GET /fapi/v1/klines": _KLINES,
    "GET /fapi/v1/markPriceKlines": _KLINES,
    "GET /fapi/v1/indexPriceKlines": _KLINES,
    "GET /fapi/v1/premiumIndexKlines": _KLINES,
    "GET /fapi/v1/continuousKlines": _KLINES,
    "GET /fapi/v1/depth": _DEPTH,
}
_DEFAULT_LIMIT = 500
# Endpoints, such as "GET /fapi/v1/klines", whose cost is not the ordinary one.
PRICED = frozenset({*_FIXED, *_BY_SYMBOL, *_BY_LIMIT})


def cost_of(method: str, path: str, parameters: Mapping[str, str]) -> Cost | None:
    """The cost of a request; None for APIs outside USD-M futures, which have their own limits."""
    if path.startswith("/futures/data/"):
        return Cost(0, pool=Pool.DATA)
    if not path.startswith("/fapi/"):
        return None
    endpoint = f"{method} {path}"
    if endpoint in _BY_SYMBOL:
        one, every = _BY_SYMBOL[endpoint]
        return Cost(one if parameters.get("symbol") else every)
    if endpoint in _BY_LIMIT:
        return Cost(_by_limit(_BY_LIMIT[endpoint], parameters.get("limit", "")))
    return _FIXED.get(endpoint, Cost(1))


def _by_limit(steps: tuple[tuple[int, int], ...], text: str) -> int:
    # A limit that is not a number is refused later, and costs the weight of the default.
    legal = text.isascii() and text.isdigit() and len(text) <= 20
    limit = int(text) if legal else _DEFAULT_LIMIT
    return next((weight for most, weight in steps if limit <= most), steps[-1][1])

"""The exact rules of the exchange for orders of a contract: grids, lots and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

ZERO = Decimal(0)
# The largest error of a sum of floats.
_DUST = Decimal("1e-9")


@dataclass(frozen=True)
class ListedContract:
    """A contract that the exchange lists.

    :param pair: Freqtrade's name of it
    :param size: base currency of one contract
    :param step: of quantities, which are all in contracts here
    :param most: of one limit order
    :param most_at_market: of one market order
    :param tick: of prices
    :param filters: as exchangeInfo has them
    """

    symbol: str
    pair: str
    status: str
    size: Decimal
    step: Decimal
    market_step: Decimal
    most: Decimal
    most_at_market: Decimal
    tick: Decimal
    filters: tuple[Mapping[str, Any], ...] = ()

    @property
    def trades(self) -> bool:
        return self.status == "TRADING"

    def contracts(self, amount: Decimal) -> Decimal:
        """Converts an amount in base currency to contracts, in whole steps."""
        return floor_to(amount / self.size, self.step)

    def base(self, quantity: Decimal) -> Decimal:
        return quantity * self.size

    def on_tick(self, price: float, side: str) -> Decimal:
        """Rounds a price to the tick, away from the bound that limits an order of this side."""
        exact = Decimal(str(price)) / self.tick
        mode = ROUND_CEILING if side == "SELL" else ROUND_FLOOR
        return exact.to_integral_value(mode) * self.tick


def floor_to(amount: Decimal, step: Decimal) -> Decimal:
    return ((amount + _DUST) / step).to_integral_value(ROUND_FLOOR) * step


def read_contracts(info: Mapping[str, Any]) -> dict[str, ListedContract]:
    """Returns the contracts by symbol.

    :param info: the answer to GET /fapi/v1/exchangeInfo
    """
    found = {}
    for row in info["symbols"]:
        # One that cannot be traded has no filters.
        with suppress(KeyError, TypeError, InvalidOperation):
            found[row["symbol"]] = _contract(row)
    return found


def _contract(row: Mapping[str, Any]) -> ListedContract:
    filters = {f["filterType"]: f for f in row["filters"]}
    lot = filters["LOT_SIZE"]
    market = {**lot, **filters.get("MARKET_LOT_SIZE", {})}
    step = Decimal(lot["stepSize"])
    return ListedContract(
        symbol=row["symbol"],
        pair=_pair(row),
        status=row.get("status") or row.get("contractStatus") or "TRADING",
        size=Decimal(str(row.get("contractSize") or 1)),
        step=step,
        market_step=max(step, Decimal(market["stepSize"])),
        most=Decimal(lot["maxQty"]),
        most_at_market=Decimal(market["maxQty"]),
        tick=Decimal(filters["PRICE_FILTER"]["tickSize"]),
        filters=tuple(row["filters"]),
    )


def _pair(row: Mapping[str, Any]) -> str:
    """Returns ccxt's name, "BTC/USDT:USDT", with the day of delivery if there is one."""
    name = f"{row['baseAsset']}/{row['quoteAsset']}:{row['marginAsset']}"
    delivery = row["symbol"].partition("_")[2]
    return f"{name}-{delivery}" if delivery else name

"""The most that the exchange takes as one market order, and sizes that stay within it.

A limit entry may be larger than that, but its stop, an emergency exit and a halt are market orders:
a larger position cannot be closed by any one of them. So no position is opened beyond it. Freqtrade
asks its exchange for the largest stake in every mode, for entries, forced ones and additions, and
counts what the trade holds already; that is where the limit belongs.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from freqtrade.exchange import Exchange
from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.stop_keeper import step_of
from perpkit.risk.sizing import floor_to_step


def market_lot(exchange: Exchange, pair: str) -> float:
    """In base currency (`limits.market.max` of the market); infinite where there is no limit."""
    limits: dict[str, Any] = exchange.markets[pair]["limits"].get("market") or {}
    most: float | None = limits.get("max")
    return exchange._contracts_to_amount(pair, most) if most else inf


def whole_steps(amount: float, trade: LocalTrade) -> float:
    """What can be ordered of an amount: without the dust of subtractions, 0 below one step."""
    return round(floor_to_step(amount, step_of(trade)), 12)


class StakesWithinLot:
    """In place of `Exchange.get_max_pair_stake_amount`."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._most: Callable[..., float] = exchange.get_max_pair_stake_amount

    def __call__(self, pair: str, price: float, leverage: float = 1.0) -> float:
        within_lot = market_lot(self._exchange, pair) * price / leverage
        return min(self._most(pair, price, leverage), within_lot)


def keep_stakes_within_lot(exchange: Any) -> None:
    """From here on, in this run; once is enough."""
    if not isinstance(exchange.get_max_pair_stake_amount, StakesWithinLot):
        exchange.get_max_pair_stake_amount = StakesWithinLot(exchange)

"""Keeps positions within the largest market order that the exchange accepts.

A limit entry may be larger, but its stop, an emergency exit and a halt are market orders: none of
them could close a larger position. So no position is opened beyond that limit. In every mode
Freqtrade asks its exchange for the largest stake, for entries, forced entries and additions, and
takes off what the trade already holds; the limit is applied there.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from freqtrade.exchange import Exchange
from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.positions.stop_keeper import step_of
from perpkit.bot.positions.trade_figures import ordered
from perpkit.market.exchanges import facts_at
from perpkit.risk.sizing import floor_to_step


def market_lot(exchange: Exchange, pair: str) -> float:
    """Returns the largest market order of a pair in base currency; infinity without a limit."""
    largest = facts_at(exchange).market_lot(exchange.markets[pair])
    return exchange._contracts_to_amount(pair, largest) if largest else inf


def whole_steps(amount: float, trade: LocalTrade) -> float:
    """Returns an amount rounded down to whole steps, without floating-point dust; 0 below one."""
    return round(floor_to_step(amount, step_of(trade)), 12)


class StakesWithinLot:
    """Replaces `Exchange.get_max_pair_stake_amount` and respects the largest market order."""

    of_one_strategy = True  # see `perpkit.bot.loading.attaching`

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._max_stake: Callable[..., float] = exchange.get_max_pair_stake_amount

    def __call__(self, pair: str, price: float, leverage: float = 1.0) -> float:
        most, lot = self._max_stake(pair, price, leverage), market_lot(self._exchange, pair)
        if lot == inf:
            return most
        held = Trade.get_trades_proxy(pair=pair, is_open=True)
        left = max(lot - sum(trade.amount + ordered(trade) for trade in held), 0.0)
        # Freqtrade takes the stake of what is held off again, which is at the price of its entry.
        return min(most, left * price / leverage + sum(trade.stake_amount for trade in held))


def keep_stakes_within_lot(exchange: Any) -> None:
    """Limits stakes until `perpkit.bot.loading.attaching` starts another strategy at this exchange,
    as in `--strategy-list`; calling it twice has no further effect."""
    if not isinstance(exchange.get_max_pair_stake_amount, StakesWithinLot):
        exchange.get_max_pair_stake_amount = StakesWithinLot(exchange)

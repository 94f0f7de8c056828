"""Where the trades of a backtest would have been liquidated: an export does not have it.

It is computed as Freqtrade computes it in a backtest, but for the maintenance margin: the exchange
takes the tier of the position's value, Freqtrade that of its collateral. In isolated margin only:
in cross margin it depends on everything else that the account holds at the time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from perpkit.research.results import Results
from perpkit.research.trades import Trade
from perpkit.risk.liquidation import MaintenanceTiers, Position, liquidation_price

# The share of the way back to the entry at which Freqtrade closes a position before the exchange
# does, by default.
BUFFER = 0.05

Tiers = Callable[[str], MaintenanceTiers | None]


def with_liquidations(results: Results, tiers: Tiers) -> Results:
    """Returns the results of a backtest with liquidation prices, where they can be computed.

    :param tiers: of a pair; None if they are not known
    """
    if results.is_bot or not is_isolated(results):
        return results
    given = results.config.get("liquidation_buffer")
    buffer = float(given) if isinstance(given, int | float) else BUFFER
    known = {pair: tiers(pair) for pair in {trade.pair for trade in results.trades}}
    trades = (_with_own(trade, known[trade.pair], buffer) for trade in results.trades)
    return replace(results, trades=tuple(trades))


def is_isolated(results: Results) -> bool:
    """Whether a backtest was one of futures in isolated margin."""
    mode = (results.stats.get("trading_mode"), results.stats.get("margin_mode"))
    return mode == ("futures", "isolated")


def _with_own(trade: Trade, tiers: MaintenanceTiers | None, buffer: float) -> Trade:
    """The trade as after its last entry; a part that was sold took its part of the margin along."""
    amount = sum(fill.amount for fill in trade.fills if fill.is_entry)
    if tiers is None or not amount:
        return trade
    position = Position(trade.entry_rate, amount, trade.is_short)
    price = liquidation_price(position, trade.entered / trade.leverage, tiers)
    off = buffer * abs(position.entry - price)
    return replace(trade, liquidation=max(price - off if trade.is_short else price + off, 0.0))

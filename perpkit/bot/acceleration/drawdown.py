"""Freqtrade's `MaxDrawdown`, asked only when it could lock.

At each exit it makes a table of the trades of its window, to find their drawdown with pandas: 2 to
4 ms. A bound of that drawdown is found here in one pass. Where the bound stays below what the
protection allows, it returns no lock; everywhere else Freqtrade's own function decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from freqtrade.persistence import LocalTrade, Trade
from freqtrade.plugins.protections.max_drawdown_protection import MaxDrawdown

from perpkit.bot.acceleration.part import Part, Replacements, Seam

# Of the sums, whose order differs from that of pandas.
_ROUNDING = 1e-9
_UNKNOWN = float("inf")
_CLOSED: Callable[[LocalTrade], Any] = lambda trade: trade.close_date  # noqa: E731


def bound(trades: Sequence[LocalTrade], value: str, start: float | None) -> float:
    """At least the drawdown of the trades, in whichever order those of one moment are counted.

    :param trades: closed
    :param value: the attribute that is summed
    :param start: balance before them, to which the drawdown is relative; None for an absolute one
    :returns: infinity where it is not known
    """
    total = peak = deepest = 0.0
    for _, together in groupby(sorted(trades, key=_CLOSED), key=_CLOSED):
        values = [getattr(trade, value) for trade in together]
        if not all(type(each) is float and each - each == 0.0 for each in values):
            return _UNKNOWN
        # No order falls deeper than with all losses first, nor starts to fall later from higher
        # than with all gains first.
        lowest = total + sum(each for each in values if each < 0)
        if start is None:
            deepest = max(deepest, peak - lowest)
        elif start + lowest <= 0.0:
            return _UNKNOWN
        else:
            deepest = max(deepest, (peak - lowest) / (start + peak))
        peak = max(peak, total + sum(each for each in values if each > 0))
        total += sum(values)
    return deepest + _ROUNDING * (1.0 + abs(peak) if start is None else 1.0)


def _surely_allowed(self: Any, trades: Sequence[LocalTrade], starting_balance: float) -> bool:
    if self._calculation_mode != "equity":
        return bound(trades, "close_profit", None) <= self._max_allowed_drawdown
    # Freqtrade adds each trade to the total as it closes it.
    before = LocalTrade.bt_total_profit - sum(trade.close_profit_abs or 0.0 for trade in trades)
    start = starting_balance + before
    return bound(trades, "close_profit_abs", start) <= self._max_allowed_drawdown


def _install(replacements: Replacements) -> None:
    stock = MaxDrawdown._max_drawdown

    def max_drawdown(self: Any, date_now: datetime, starting_balance: float) -> Any:
        if not Trade.use_db:
            since = date_now - timedelta(minutes=self._lookback_period)
            trades = Trade.get_trades_proxy(is_open=False, close_date=since)
            if len(trades) < self._trade_limit:
                return None
            if trades and _surely_allowed(self, trades, starting_balance):
                return None
        return stock(self, date_now, starting_balance)

    replacements.put(MaxDrawdown, "_max_drawdown", max_drawdown, stock)


DRAWDOWNS = Part(
    [
        Seam(
            "freqtrade.plugins.protections.max_drawdown_protection:MaxDrawdown._max_drawdown",
            ("001b2025d877",),
        ),
        Seam("freqtrade.data.metrics:calculate_max_drawdown", ("175f845b50e3",)),
        Seam("freqtrade.data.metrics:_calc_drawdown_series", ("e538422f22d1",)),
        Seam("freqtrade.persistence.trade_model:LocalTrade.close_bt_trade", ("c1245ab3425a",)),
    ],
    _install,
)

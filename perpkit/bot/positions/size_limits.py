"""What `perpkit.limits` leaves for an entry or an addition, of any strategy and in every mode."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import nan

from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.account import Account
from perpkit.bot.positions.candidate import Candidate
from perpkit.bot.positions.contracts import Contracts
from perpkit.bot.positions.stop_keeper import standing_distance
from perpkit.bot.positions.trade_figures import open_trades, ordered
from perpkit.risk.exposure import Holding, PlannedEntry
from perpkit.risk.limits import Fit, PositionLimits, fit, limit_rooms

# Of a candidate at a leverage, as a fraction of the price; NaN where there is no stop.
StopDistance = Callable[[Candidate, float], float]


class SizeLimits:
    """Compares what is asked for with what is open.

    :param equity: that may be traded with, marked to market; NaN while it is unknown
    :param stop_distance: of an entry that is not filled yet
    """

    def __init__(
        self,
        limits: PositionLimits,
        account: Account,
        equity: Callable[[datetime], float],
        contracts: Contracts,
        stop_distance: StopDistance,
    ) -> None:
        self._limits = limits
        self._account = account
        self._equity = equity
        self._contracts = contracts
        self._stop_distance = stop_distance

    def fit(
        self, entry: Candidate, leverage: float, notional: float, trade: LocalTrade | None = None
    ) -> Fit:
        """Returns how much of an entry, or of an addition to `trade`, may be ordered."""
        if not self._limits.limits_size:
            return Fit(notional)
        distance = standing_distance(trade, entry.rate) if trade is not None else None
        if distance is None:
            distance = self._stop_distance(entry, leverage)
        asked = PlannedEntry(entry.pair, entry.is_short, distance, leverage)
        holdings = [self._holding(each, entry.now) for each in open_trades()]
        equity = self._equity(entry.now) if self._limits.needs_equity else nan
        rooms = limit_rooms(self._limits, equity, holdings, asked)
        return fit(rooms, notional, self._contracts.least_notional(entry.pair, entry.rate))

    def _holding(self, trade: LocalTrade, now: datetime) -> Holding:
        rate = self._account.rate(trade.pair, now)
        sign = -1.0 if trade.is_short else 1.0
        amount = trade.amount + ordered(trade)
        margin = amount * trade.open_rate / trade.leverage
        return Holding(trade.pair, sign * amount * rate, self._risk(trade, rate, amount), margin)

    def _risk(self, trade: LocalTrade, rate: float, amount: float) -> float:
        if self._limits.max_open_risk is None:
            return 0.0
        sign = -1.0 if trade.is_short else 1.0
        stop = trade.stop_loss
        if standing_distance(trade, rate) is None:
            entry = Candidate(
                trade.pair, trade.is_short, trade.open_date_utc, trade.open_rate, trade.enter_tag
            )
            stop = trade.open_rate * (1 - sign * self._stop_distance(entry, trade.leverage))
        return max(sign * (rate - stop), 0.0) * amount

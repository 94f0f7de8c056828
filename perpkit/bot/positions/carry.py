"""Whether funding makes a position not worth holding, before it is entered and while it is held."""

from __future__ import annotations

from datetime import datetime

from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.trade_risk import Columns
from perpkit.durations import HOUR_S
from perpkit.risk.carry import too_dear


class CarryCosts:
    """Compares the funding of positions with what they may earn.

    :param columns: returns the candle columns of a pair, None if it has none
    """

    def __init__(self, settings: Settings, columns: Columns) -> None:
        self._settings = settings
        self._columns = columns

    def reason(self, pair: str, is_short: bool, now: datetime, held_hours: float) -> str | None:
        """Returns why funding makes a position not worth holding; None if it does not.

        :param held_hours: how long the position has been held; 0 for an entry
        """
        columns = self._columns(pair)
        if not self._settings.use.carry or columns is None:
            return None
        row = columns.row(now)
        return too_dear(
            self._settings.carry,
            columns.value("funding_rate_8h", row),
            columns.value("funding_mean_8h", row),
            columns.value("funding_interval_hours", row),
            is_short,
            now.timestamp(),
            held_hours,
        )

    def exit_reason(self, trade: LocalTrade, now: datetime) -> str | None:
        """Returns the exit reason of a trade that is no longer worth its funding, or None."""
        hours = (now - trade.open_date_utc).total_seconds() / HOUR_S
        dear = self.reason(trade.pair, trade.is_short, now, hours)
        return "carry_cost" if dear else None

"""Closed trades of a backtest by pair, in the order in which they closed.

Freqtrade's protections ask at each exit for the trades that closed after some time, and compare all
that ever closed: the cost grows with the square of the trades. Here they are found by bisection.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from typing import Any

from freqtrade.persistence import LocalTrade

from perpkit.bot.acceleration.part import Part, Replacements, Seam


class _Closed:
    """Trades in the order of Freqtrade's list, and when each of them closed.

    Either is ordered by time, as a backtest closes them, or `ordered` is false.
    """

    def __init__(self) -> None:
        self.trades: list[LocalTrade] = []
        self.dates: list[datetime] = []
        self.ordered = True

    def add(self, trade: LocalTrade) -> None:
        closed = trade.close_date
        if closed is None or (self.dates and closed < self.dates[-1]):
            self.ordered = False
        if self.ordered and closed is not None:
            self.dates.append(closed)
        self.trades.append(trade)

    def after(self, date: datetime) -> list[LocalTrade]:
        if not self.ordered:
            return [t for t in self.trades if t.close_date and t.close_date > date]
        if not self.dates or self.dates[-1] <= date:
            return []
        return self.trades[bisect_right(self.dates, date) :]


class ClosedTrades:
    """Follows `LocalTrade.bt_trades`, to which a backtest appends each trade that it closes."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self._list: list[LocalTrade] = []
        self._read = 0
        self._all = _Closed()
        self._of_pair: dict[str, _Closed] = {}

    def after(self, pair: str | None, date: datetime | None) -> list[LocalTrade]:
        """Those of a pair, or of all, that closed after a date, or ever: a list of its own."""
        self._follow()
        found = (self._of_pair.get(pair) or _NONE) if pair else self._all
        return found.after(date) if date else list(found.trades)

    def _follow(self) -> None:
        trades = LocalTrade.bt_trades
        read = self._read
        gone = read > len(trades) or (read and trades[read - 1] is not self._all.trades[-1])
        if trades is not self._list or gone:
            self.forget()
            self._list = trades
        for trade in trades[self._read :] if self._read < len(trades) else ():
            self._all.add(trade)
            self._of_pair.setdefault(trade.pair, _Closed()).add(trade)
        self._read = len(trades)


_NONE = _Closed()
_closed = ClosedTrades()


def _install(replacements: Replacements) -> None:
    stock = LocalTrade.get_trades_proxy

    def get_trades_proxy(
        *,
        pair: str | None = None,
        is_open: bool | None = None,
        open_date: datetime | None = None,
        close_date: datetime | None = None,
    ) -> list[LocalTrade]:
        if is_open is False and not open_date and (pair or close_date):
            try:
                return _closed.after(pair, close_date)
            except TypeError:  # dates with and without a time zone: Freqtrade says what it thinks
                _closed.forget()
        found: list[Any] = stock(
            pair=pair, is_open=is_open, open_date=open_date, close_date=close_date
        )
        return found

    replacements.put(LocalTrade, "get_trades_proxy", staticmethod(get_trades_proxy), stock)


CLOSED_TRADES = Part(
    [
        Seam("freqtrade.persistence.trade_model:LocalTrade.get_trades_proxy", ("65f85899a73e",)),
        Seam("freqtrade.persistence.trade_model:LocalTrade.close_bt_trade", ("c1245ab3425a",)),
    ],
    _install,
    _closed.forget,
)

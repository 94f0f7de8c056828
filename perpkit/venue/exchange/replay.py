"""Shows the engine, in order, what the market did since the last catch-up.

Prices run straight between the turning points of their path. A stop, limit or liquidation happens
at the first millisecond at which its price is reached, no matter how much later an account is read.
Stretches in which no such price is reached cost one comparison of arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from perpkit.durations import DAY_MS
from perpkit.venue.engine import Algo, Depth, Due, Engine, Levels, WorkingType
from perpkit.venue.exchange.order_faults import OrderFaults, order_status, resting_limit
from perpkit.venue.faults.faults import REQUEST_KINDS, STREAM_KINDS, FaultKind
from perpkit.venue.market.candles import Floats, PriceKind, Times
from perpkit.venue.market.listing import CLOSING_MS
from perpkit.venue.market.market import Market
from perpkit.venue.market.price_path import PricePath

BOOK_LEVELS = 100
# A longer stretch is processed in parts, so that its arrays stay small.
_STRETCH_MS = DAY_MS

# Whether orders are accepted, filled or ended depends on these.
_SEEN_BY_ENGINE = frozenset(FaultKind) - REQUEST_KINDS - STREAM_KINDS | {FaultKind.MAINTENANCE}

_Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class _Stretch:
    """The price paths of some symbols at the same times."""

    times: Times
    paths: Mapping[str, PricePath]

    @property
    def marks(self) -> dict[str, Floats]:
        return {symbol: path.mark for symbol, path in self.paths.items()}


class Replay:
    """Replays a market to an engine, which has a contract for each symbol of the market."""

    def __init__(self, market: Market, engine: Engine, faults: OrderFaults) -> None:
        self._market = market
        self._engine = engine
        self._faults = faults

    def run(self, symbols: Sequence[str], since: int, until: int) -> None:
        """Replays the time from `since` to `until`, ms.

        :param symbols: those with a position or an open order, in the order they are shown in
        :param since: up to here the engine has seen everything
        """
        if not symbols:
            return
        for symbol in symbols:
            # A fault may have been added or removed, or have struck as often as it may, since then.
            stands = self._market.as_of(since).listing(symbol)
            if order_status(stands.status) is not self._engine.status(symbol):
                self.show(symbol, since)
        now = since
        while now < until:
            now = self._next_stop(symbols, now, until)
        for symbol in symbols:
            self._faults.strike(symbol, until)

    def show(self, symbol: str, time: int) -> None:
        """Shows the engine the prices, status and book of one moment; applies what they set off."""
        market, contract = self._market.as_of(time), self._engine.contract(symbol)
        stands = market.listing(symbol)
        self._engine.set_status(symbol, order_status(stands.status))
        if not market.has_price(symbol):
            return
        self._engine.on_price(
            symbol,
            *self._prices(symbol, time),
            Depth.of(contract, market.book(symbol, BOOK_LEVELS)),
            time,
            resting_limit=resting_limit(market.faults, self._engine, symbol, time),
        )
        self._faults.strike(symbol, time)
        if stands.delivery <= time:
            at_the_end = self._market.as_of(stands.delivery).settlement_price(symbol)
            self._engine.settle(symbol, contract.price(at_the_end), time)

    def _next_stop(self, symbols: Sequence[str], now: int, until: int) -> int:
        """Goes to the next moment at which something happens, lets it happen, and returns it."""
        by_clock = {symbol: self._clock_time(symbol, now, until) for symbol in symbols}
        end = min(until, now + _STRETCH_MS, *(time for time in by_clock.values() if time))
        stuck = {symbol: self._engine.due(symbol) for symbol in symbols}
        stretch = self._stretch(symbols, now, end)
        if any(stuck.values()):
            # What is due but cannot happen yet waits for a better book, at the next turning point.
            end = int(stretch.times[1])
        time = self._first_due(stretch, stuck, end)
        if time in by_clock.values():
            self._faults.change_settings(time)
        for symbol in symbols:
            if by_clock[symbol] == time or self._engine.due(symbol):
                self.show(symbol, time)
            self._settle_funding(symbol, time)
        return time

    def _first_due(self, stretch: _Stretch, stuck: Mapping[str, frozenset[Due]], end: int) -> int:
        """Returns the first time at which anything but `stuck` is due, at most `end`, and moves
        the prices there."""
        times = stretch.times[: int(stretch.times.searchsorted(end)) + 1]
        row = self._first_candidate(stretch, stuck)

        def reached(time: int) -> bool:
            self._move(stretch.paths, time)
            return any(self._engine.due(symbol) - stuck[symbol] for symbol in stretch.paths)

        if row is not None and row < len(times):
            self._follow(stretch, 0, row)
            time = first_time(reached, int(times[row - 1]), int(times[row]))
            self._move(stretch.paths, time)
            self._follow_here(stretch.paths)
            return time
        self._follow(stretch, 0, len(times))
        self._move(stretch.paths, end)
        return end

    def _first_candidate(
        self, stretch: _Stretch, stuck: Mapping[str, frozenset[Due]]
    ) -> int | None:
        """Returns the first row of the stretch, after row 0, at which something may be due."""
        rows = np.zeros(len(stretch.times), dtype=bool)
        for symbol, path in stretch.paths.items():
            rows |= beyond(path, self._engine.levels(symbol, without=stuck[symbol]))
            tick = float(self._engine.contract(symbol).tick)
            for algo in self._engine.trails(symbol):
                rows |= turned(path, algo, tick)
        for account in self._engine.cross_margins():
            rows |= account.gone(stretch.marks)
        rows[0] = False
        return int(rows.argmax()) if rows.any() else None

    def _stretch(self, symbols: Sequence[str], since: int, until: int) -> _Stretch:
        paths = {symbol: self._market.path(symbol, since, until) for symbol in symbols}
        times = np.unique(np.concatenate([path.times for path in paths.values()]))
        more = times.tolist()
        for symbol, path in paths.items():
            if len(path.times) < len(times):
                paths[symbol] = self._market.path(symbol, since, until, more)
        return _Stretch(times, paths)

    def _follow(self, stretch: _Stretch, first: int, last: int) -> None:
        """Shows the points of rows [first, last) to the trailing stops."""
        for symbol, path in stretch.paths.items():
            if not self._engine.trails(symbol):
                continue
            price = self._engine.contract(symbol).price
            lasts, marks = path.last[first:last], path.mark[first:last]
            # Only the extremes count: the lowest price for buys, the highest for sells.
            for end in (np.min, np.max):
                self._engine.follow(symbol, price(float(end(lasts))), price(float(end(marks))))

    def _follow_here(self, paths: Mapping[str, PricePath]) -> None:
        for symbol in paths:
            quote = self._engine.quote(symbol)
            self._engine.follow(symbol, quote.last, quote.mark)

    def _move(self, paths: Mapping[str, PricePath], time: int) -> None:
        for symbol in paths:
            self._engine.move(symbol, *self._prices(symbol, time))

    def _prices(self, symbol: str, time: int) -> tuple[Decimal, Decimal]:
        market, price = self._market.as_of(time), self._engine.contract(symbol).price
        return price(market.price(symbol)), price(market.price(symbol, PriceKind.MARK))

    def _settle_funding(self, symbol: str, time: int) -> None:
        settled = self._market.as_of(time).funding(symbol, start=time, end=time, limit=1)
        for rate in settled.rate.tolist():
            mark = self._engine.quote(symbol).mark
            self._engine.on_funding(symbol, Decimal(f"{rate:.10f}"), mark, time)

    def _clock_time(self, symbol: str, now: int, until: int) -> int | None:
        """Returns the next time, at most `until`, at which something happens at any price."""
        settled = self._market.funding(symbol, start=now + 1, end=until, limit=1)
        delivery = self._market.as_of(until).listing(symbol).delivery
        times = [*settled.time.tolist(), delivery - CLOSING_MS, delivery]
        times.append(self._engine.next_time(symbol, now))
        for _, fault in self._market.faults:
            if fault.concerns(symbol) and fault.kind in _SEEN_BY_ENGINE:
                times += [fault.since, fault.until]
        return min((time for time in times if time and now < time <= until), default=None)


def first_time(reached: Callable[[int], bool], before: int, at: int) -> int:
    """Returns the first ms in (before, at] at which `reached` is true, or `at` if there is none.

    Once true, `reached` must stay true.
    """
    while at - before > 1:
        middle = (before + at) // 2
        if reached(middle):
            at = middle
        else:
            before = middle
    return at


def beyond(path: PricePath, levels: Levels) -> _Rows:
    """Returns the points of a path at which one of its prices has left its quiet range."""
    out: _Rows = (
        (path.last <= levels.last.low)
        | (path.last >= levels.last.high)
        | (path.mark <= levels.mark.low)
        | (path.mark >= levels.mark.high)
    )
    return out


def turned(path: PricePath, algo: Algo, tick: float) -> _Rows:
    """Returns the points at which a trailing stop that is still open may trigger."""
    prices = path.mark if algo.working_type is WorkingType.MARK_PRICE else path.last
    sign = algo.side.sign  # of a buy the best price is the lowest
    best = -sign * np.maximum.accumulate(-sign * prices)
    if algo.extreme is None:
        active = (best - float(algo.activate_price)) * sign <= tick
    else:
        active = np.ones(len(prices), dtype=bool)
        best = -sign * np.maximum(-sign * best, -sign * float(algo.extreme))
    turn = best * (1 + sign * float(algo.callback_rate) / 100)
    out: _Rows = active & ((prices - turn) * sign >= -tick)
    return out

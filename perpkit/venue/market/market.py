"""The market as of now: the only path from stored history to what the venue shows.

Nothing that lies in the future leaves this module. The candle being formed is built from the part
of the finest candle on record that has passed.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from zlib import crc32

import numpy as np

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.market.times import opening
from perpkit.venue.errors import invalid_interval, invalid_symbol, not_trading
from perpkit.venue.faults.faults import PRICE_KINDS, FaultKind, FaultPlan
from perpkit.venue.market import tape, trades
from perpkit.venue.market.book import Book, emptied, make_book, volatility_stress, widened
from perpkit.venue.market.candles import (
    INTERVALS_MS,
    MONTH_MS,
    SERVED_MS,
    Candles,
    Floats,
    PriceKind,
    Times,
    bucket_start,
    joined,
)
from perpkit.venue.market.clock import Clock, VirtualClock, iso_minute
from perpkit.venue.market.history import Funding, History, PairHistory
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.listing import Listing, listing
from perpkit.venue.market.price_path import PricePath, price_path, prices_at
from perpkit.venue.market.shocks import Shocks, shocks
from perpkit.venue.market.snapshots import Premium, Ticker

_STRESS_RECENT_MS = 2 * HOUR_MS
_STRESS_ORDINARY_MS = 7 * DAY_MS


class Market:
    """Reads `history` at the time of `clock` and applies `faults`; order books come from `seed`."""

    def __init__(
        self, history: History, clock: Clock, seed: int = 0, faults: FaultPlan | None = None
    ) -> None:
        """:raises ValueError: when no pair has candles at the clock's time"""
        if not any(pair.start <= clock.now() < pair.end for pair in history):
            end = max(pair.end for pair in history)
            first, last, now = map(iso_minute, (history.start, end, clock.now()))
            span = f"{first} to {last}"
            raise ValueError(f"the time must lie where a pair has candles, {span}, got {now}")
        self._history = history
        self.clock = clock
        self.faults = FaultPlan() if faults is None else faults
        self._seed = seed
        self._stress: dict[str, tuple[int, float]] = {}

    @property
    def symbols(self) -> list[str]:
        return list(self._history.pairs)

    @property
    def traded(self) -> list[str]:
        """The symbols that trade now: listed, and not yet delivered."""
        return [symbol for symbol in self._history.pairs if self.is_traded(symbol)]

    def has_price(self, symbol: str) -> bool:
        """Whether the symbol has traded by now."""
        pair = self._pair(symbol)
        return pair.end > 0 and pair.start <= self.now()

    def is_traded(self, symbol: str) -> bool:
        return self.has_price(symbol) and self.now() < self.listing(symbol).delivery

    def now(self) -> int:
        return self.clock.now()

    def server_time(self) -> int:
        """The exchange's own clock, ms, which a fault may have moved."""
        now = self.now()
        skew = self.faults.active(FaultKind.CLOCK_SKEW, None, now)
        return now if skew is None else now + int(skew.number("ms"))

    def instrument(self, symbol: str) -> Instrument:
        return self._pair(symbol).instrument

    def listing(self, symbol: str) -> Listing:
        return listing(self.faults, symbol, self._pair(symbol).lifetime, self.now())

    def candles(
        self,
        symbol: str,
        interval: str,
        kind: PriceKind = PriceKind.LAST,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int = 500,
    ) -> Candles:
        """At most `limit` candles that open in [start, end], the one being formed included.

        With `start` they are the first ones from there, else the last ones, as on the exchange.

        :raises VenueError: for an unknown symbol or interval
        """
        pair, now = self._pair(symbol), self.now()
        series = tape.series(pair, kind, interval)
        over = self._shocks(symbol, kind)
        ms = SERVED_MS[interval]
        # The last candle that has closed by now opened no later than this.
        latest = bucket_start(bucket_start(now, ms) - 1, ms) if ms == MONTH_MS else now - ms
        closed = int(series.time.searchsorted(latest, side="right"))
        forming = tape.forming(pair, kind, interval, now, over)
        known = closed + len(forming)
        first = 0 if start is None else int(series.time.searchsorted(start))
        last = known
        if end is not None:
            last = min(known, int(series.time.searchsorted(end, side="right")))
        if start is None:
            first = max(first, last - limit)
        last = min(last, first + limit)
        rows = tape.closed(pair, kind, interval, series[first : min(last, closed)], over)
        return joined(rows, forming) if first <= closed < last else rows

    def finest(self, symbol: str, *kinds: PriceKind) -> str:
        """The shortest interval that covers now in which there are candles of all kinds."""
        pair = self._pair(symbol)
        return max((pair.finest(kind, self.now()) for kind in kinds), key=INTERVALS_MS.__getitem__)

    def price(self, symbol: str, kind: PriceKind = PriceKind.LAST) -> float:
        """The price now; after the end of the history, its last value.

        :raises VenueError: before the first trade
        """
        pair = self._pair(symbol)
        candles = self.candles(symbol, pair.finest(kind, self.now()), kind, limit=1)
        if not len(candles):
            raise not_trading()
        return float(candles.close[-1])

    def trades(
        self,
        symbol: str,
        *,
        start: int | None = None,
        end: int | None = None,
        first: int = 1,
        limit: int = 500,
    ) -> trades.Trades:
        """At most `limit` trades in [start, end] (ms) with ids from `first` on: see `trades`.

        With `start` or `first` they are the oldest from there on, else the newest.
        """
        pair = self._pair(symbol)
        latest = min(self.now(), pair.end - 1 if end is None else end, pair.end - 1)
        since = max(first, 1 if start is None else trades.first_id_at(pair, start))
        chosen = trades.newest if start is None and first == 1 else trades.oldest
        over = self._shocks(symbol, PriceKind.LAST)
        return chosen(pair, over, since, trades.last_id_at(pair, latest), limit)

    def trade_id(self, symbol: str, time: int) -> int:
        """The largest id that a trade by `time` (ms) can have; 0 before the first trade."""
        return trades.last_id_at(self._pair(symbol), time)

    def as_of(self, time: int) -> Market:
        """The same market as it stood at an earlier time."""
        view = copy(self)
        view.clock = VirtualClock(min(time, self.now()))
        return view

    def path(self, symbol: str, since: int, until: int, more: Iterable[int] = ()) -> PricePath:
        """Last and mark price from `since` to `until`, ms: see `price_path`."""
        over = self._shocks(symbol, PriceKind.LAST), self._shocks(symbol, PriceKind.MARK)
        return price_path(self._pair(symbol), over, since, until, more)

    def settlement_price(self, symbol: str) -> float:
        """The average index price at which open positions are closed if the contract ends now.

        Binance support, "Delisting of Futures Contracts": every second of the last 30 minutes; of
        dated contracts every second of the last hour.
        """
        pair, now = self._pair(symbol), self.now()
        perpetual = pair.instrument.contract_type.perpetual
        seconds = np.arange(1, (30 if perpetual else 60) * 60 + 1, dtype=np.int64)
        times = now - 1000 * (len(seconds) - seconds)
        return float(
            prices_at(pair, PriceKind.INDEX, times, self._shocks(symbol, PriceKind.INDEX)).mean()
        )

    def ticker(self, symbol: str) -> Ticker:
        pair, now = self._pair(symbol), self.now()
        finest = pair.finest(PriceKind.LAST, now)
        opened = now - DAY_MS
        rows = self.candles(symbol, finest, start=opened, limit=DAY_MS // INTERVALS_MS[finest] + 1)
        if not len(rows):
            last = self.price(symbol)
            return Ticker(opened, now, last, last, last, last, 0.0, 0.0)
        return Ticker(
            opened,
            now,
            float(rows.open[0]),
            float(rows.high.max()),
            float(rows.low.min()),
            float(rows.close[-1]),
            float(rows.volume.sum()),
            float(rows.turnover().sum()),
        )

    def book(self, symbol: str, levels: int) -> Book:
        """The order book; it changes every second, and faults may freeze, empty or widen it."""
        made = self.book_time(symbol)
        if made < self.now():
            return self.as_of(made).book(symbol, levels)
        instrument, ticker = self.instrument(symbol), self.ticker(symbol)
        book = make_book(
            instrument,
            ticker.last,
            turnover=ticker.turnover,
            stress=self.stress(symbol),
            levels=levels,
            rng=np.random.default_rng([self._seed, crc32(symbol.encode()), made // 1000]),
        )
        if wide := self.faults.active(FaultKind.WIDE_SPREAD, symbol, made):
            book = widened(book, instrument, wide.number("factor"))
        if empty := self.faults.active(FaultKind.EMPTY_BOOK, symbol, made):
            side = empty.text("side")
            book = emptied(book, bids=side != "asks", asks=side != "bids")
        return book

    def book_time(self, symbol: str) -> int:
        """When the book on show was made, ms: now, or just before a fault froze it."""
        now = self.now()
        stale = self.faults.active(FaultKind.STALE_BOOK, symbol, now)
        return now if stale is None else max(stale.since - 1, self._pair(symbol).start)

    def stress(self, symbol: str) -> float:
        """Volatility of the last two hours as a multiple of the last week's."""
        pair = self._pair(symbol)
        now = self.now()
        finest = pair.finest(PriceKind.LAST, now)
        ms = INTERVALS_MS[finest]
        closed = opening(now, ms, DAY_MS)
        if self._stress.get(symbol, (None,))[0] != closed:
            recent, ordinary = (
                max(2, span // ms) for span in (_STRESS_RECENT_MS, _STRESS_ORDINARY_MS)
            )
            candles = self.candles(symbol, finest, end=closed - 1, limit=ordinary + 1)
            self._stress[symbol] = closed, volatility_stress(candles, recent, ordinary)
        return self._stress[symbol][1]

    def premium(self, symbol: str) -> Premium:
        pair, now = self._pair(symbol), self.now()
        settled = self.funding(symbol, limit=1)
        # The record has the next time, which is public: intervals change over the years, and where
        # times are relabelled.
        ahead = int(pair.funding.time.searchsorted(now, side="right"))
        hours = pair.instrument.funding_hours * HOUR_MS
        following = now // hours * hours + hours
        if ahead < len(pair.funding.time):
            following = int(pair.funding.time[ahead])
        return Premium(
            self.price(symbol, PriceKind.MARK),
            self.price(symbol, PriceKind.INDEX),
            float(settled.rate[-1]) if len(settled.rate) else 0.0,
            following,
        )

    def funding(
        self, symbol: str, *, start: int | None = None, end: int | None = None, limit: int = 100
    ) -> Funding:
        """Settlements in [start, end] (ms) up to now; `limit` works as for `candles`."""
        funding = self._pair(symbol).funding
        rows = self._window(funding.time, start, end, limit)
        return Funding(funding.time[rows], funding.rate[rows])

    def mark_at(self, symbol: str, times: Times) -> Floats:
        """Mark price at each of `times` (ms): the last close of the finest candles by then."""
        pair = self._pair(symbol)
        finest = pair.finest(PriceKind.MARK, int(times[0]) if len(times) else None)
        series = tape.series(pair, PriceKind.MARK, finest)
        over = self._shocks(symbol, PriceKind.MARK)
        rows = series.time.searchsorted(times - INTERVALS_MS[finest], side="right") - 1
        if not len(series):
            raise not_trading()
        out: Floats = np.where(rows < 0, series.open[0], series.close[np.maximum(rows, 0)])
        return out if over is None else out * over.at(times)

    def readings(
        self,
        symbol: str,
        what: str,
        period: str,
        *,
        start: int | None = None,
        end: int | None = None,
        limit: int = 30,
    ) -> tuple[Times, Floats]:
        """A column of `Positioning` on the grid of `period`, with the latest reading at each time.

        Both arrays are empty where the history has no positioning.
        """
        pair = self._pair(symbol)
        positioning = pair.positioning
        if positioning is None or not len(positioning.time):
            return np.array([], dtype=np.int64), np.array([])
        ms = _known_interval(period)
        first = -(-int(positioning.time[0]) // ms) * ms
        latest = min(self.now(), pair.lifetime.delivery)
        grid = np.arange(first, latest + 1, ms, dtype=np.int64)
        grid = grid[self._window(grid, start, end, limit)]
        rows = positioning.time.searchsorted(grid, side="right") - 1
        values: Floats = getattr(positioning, what)[rows]
        return grid, values

    def _shocks(self, symbol: str, kind: PriceKind) -> Shocks | None:
        return shocks(self.faults.of(*PRICE_KINDS, symbol=symbol), kind)

    def _window(self, time: Times, start: int | None, end: int | None, limit: int) -> slice:
        now = self.now()
        last = int(time.searchsorted(now if end is None else min(end, now), side="right"))
        if start is None:
            return slice(max(0, last - limit), last)
        first = int(time.searchsorted(start))
        return slice(first, min(last, first + limit))

    def _pair(self, symbol: str) -> PairHistory:
        pair = self._history.pairs.get(symbol)
        if pair is None:
            raise invalid_symbol()
        return pair


def _known_interval(interval: str) -> int:
    if interval not in INTERVALS_MS:
        raise invalid_interval()
    return INTERVALS_MS[interval]

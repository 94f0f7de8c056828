"""The venue's record of each pair, which holds its past and its future.

A `History` comes from `synthetic.generate` or `datadir.read`. It does not know the current time:
`market.Market` decides how much of it has happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

import numpy as np

from perpkit.durations import DAY_MS
from perpkit.venue.market.candles import (
    MONTH_MS,
    SERVED_MS,
    Candles,
    Floats,
    PriceKind,
    Times,
    interval_ms,
    resample,
)
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.listing import Lifetime


@dataclass(frozen=True)
class Funding:
    """Settlements: `time` in ms, `rate` as a fraction paid by longs to shorts at that time."""

    time: Times
    rate: Floats

    def shifted(self, ms: int) -> Funding:
        return Funding(self.time + ms, self.rate)

    def within(self, life: Lifetime) -> Funding:
        """The settlements that a position can meet: after the listing, up to and with the end."""
        rows = _rows(self.time, life.onboard + 1, life.delivery + 1)
        return Funding(self.time[rows], self.rate[rows])


def limited_settlements(
    settled: Mapping[str, Funding], limit: int, *, oldest: bool
) -> Mapping[str, Funding]:
    """Returns the settlements among the `limit` oldest or newest of all symbols together.

    Those that share the time of the last one are all kept, so that there may be more than `limit`.
    Formatting every settlement, to cut afterwards, would take a second.
    """
    times = np.sort(np.concatenate([part.time for part in settled.values()]))
    if len(times) <= limit:
        return settled
    bound = times[limit - 1 if oldest else -limit]
    near = {s: part.time <= bound if oldest else part.time >= bound for s, part in settled.items()}
    return {s: Funding(p.time[near[s]], p.rate[near[s]]) for s, p in settled.items()}


@dataclass(frozen=True)
class Positioning:
    """Readings of long/short ratios and open interest; each is known from its `time` on.

    :param time: time of the reading, ms
    :param long_short_ratio: accounts net long / accounts net short
    :param taker_ratio: taker buy volume / taker sell volume over the reading's interval
    :param open_interest: base asset
    """

    time: Times
    long_short_ratio: Floats
    taker_ratio: Floats
    open_interest: Floats

    def shifted(self, ms: int) -> Positioning:
        return Positioning(
            self.time + ms, self.long_short_ratio, self.taker_ratio, self.open_interest
        )

    def up_to(self, end: int) -> Positioning:
        """The readings known at `end`, ms."""
        return self._part(slice(None, int(self.time.searchsorted(end, side="right"))))

    def within(self, life: Lifetime) -> Positioning:
        return self._part(_rows(self.time, life.onboard + 1, life.delivery + 1))

    def _part(self, rows: slice) -> Positioning:
        return Positioning(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True)
class PairHistory:
    """The record of one contract.

    :param stored: for each kind of price, candles by interval; LAST has at least one interval,
        which is empty for a contract that is listed after the end of the history
    :param life: when it is listed and when it ends; by default from its first candle on
    """

    instrument: Instrument
    stored: Mapping[PriceKind, Mapping[str, Candles]]
    funding: Funding
    positioning: Positioning | None = None
    life: Lifetime | None = None
    _resampled: dict[tuple[PriceKind, str], Candles] = field(
        default_factory=dict, init=False, compare=False
    )

    def kind_on_record(self, kind: PriceKind) -> PriceKind:
        """`kind`, or the price that stands in for it: mark for the index, last for the mark."""
        for candidate in (kind, PriceKind.MARK):
            if self.stored.get(candidate):
                return candidate
        return PriceKind.LAST

    def finest(self, kind: PriceKind, at: int | None = None) -> str:
        """The shortest interval on record; with `at` (ms), the shortest that covers that time."""
        stored = self.stored[self.kind_on_record(kind)]
        covering = [i for i in stored if at is None or _start(stored, i) <= at < _end(stored, i)]
        return min(covering or stored, key=interval_ms)

    def candles(self, kind: PriceKind, interval: str) -> Candles:
        """All candles, future ones included, built from shorter ones where none are on record.

        :raises ValueError: for an unknown interval or one shorter than any on record
        """
        kind = self.kind_on_record(kind)
        stored = self.stored[kind]
        if interval in stored:
            return stored[interval]
        if (kind, interval) not in self._resampled:
            ms = SERVED_MS.get(interval) or interval_ms(interval)
            whole = DAY_MS if ms == MONTH_MS else ms
            sources = [i for i in stored if whole % interval_ms(i) == 0]
            if not sources:
                raise ValueError(
                    f"timeframe must be a multiple of {self.finest(kind)} for "
                    f"{self.instrument.pair} {kind} candles, got {interval!r}"
                )
            longest = min(sources, key=lambda i: (_start(stored, i), -interval_ms(i)))
            self._resampled[kind, interval] = resample(stored[longest], ms)
        return self._resampled[kind, interval]

    @property
    def start(self) -> int:
        """When the first traded candle opens, ms; without candles, when the contract is listed."""
        stored = self.stored[PriceKind.LAST]
        return min(_start(stored, interval) for interval in stored) or self.lifetime.onboard

    @property
    def end(self) -> int:
        """When the last traded candle closes, ms; 0 without candles."""
        stored = self.stored[PriceKind.LAST]
        return max(_end(stored, interval) for interval in stored)

    @property
    def lifetime(self) -> Lifetime:
        return Lifetime(self.start) if self.life is None else self.life

    def within(self, life: Lifetime) -> PairHistory:
        """The part of the record between the listing and the end in `life`."""

        def part(candles: Candles) -> Candles:
            return candles[_rows(candles.time, life.onboard, life.delivery)]

        return PairHistory(
            self.instrument,
            {k: {i: part(c) for i, c in by.items()} for k, by in self.stored.items()},
            self.funding.within(life),
            self.positioning.within(life) if self.positioning else None,
            life,
        )

    def shifted(self, ms: int) -> PairHistory:
        return PairHistory(
            self.instrument.shifted(ms),
            {k: {i: c.shifted(ms) for i, c in by.items()} for k, by in self.stored.items()},
            self.funding.shifted(ms),
            self.positioning.shifted(ms) if self.positioning else None,
            self.life.moved(lambda time: time + ms) if self.life else None,
        )


def _rows(time: Times, first: int, end: int) -> slice:
    """The rows whose time is in [first, end)."""
    return slice(int(time.searchsorted(first)), int(time.searchsorted(end)))


def _start(stored: Mapping[str, Candles], interval: str) -> int:
    """When the first candle opens, ms; 0 without candles, as for `_end`."""
    time = stored[interval].time
    return int(time[0]) if len(time) else 0


def _end(stored: Mapping[str, Candles], interval: str) -> int:
    time = stored[interval].time
    return int(time[-1]) + interval_ms(interval) if len(time) else 0


@dataclass(frozen=True)
class History:
    """:param pairs: records by the exchange's symbol, e.g. "BTCUSDT"; at least one"""

    pairs: Mapping[str, PairHistory]

    def __iter__(self) -> Iterator[PairHistory]:
        return iter(self.pairs.values())

    @property
    def start(self) -> int:
        """When the earliest candle of any pair opens, ms."""
        return min((pair.start for pair in self if pair.end), default=0)

    @property
    def end(self) -> int:
        """When the first pair that is not delivered by then runs out of candles, ms."""
        ends = [pair.end for pair in self if pair.end]
        going_on = [pair.end for pair in self if pair.end and pair.lifetime.delivery > pair.end]
        return min(going_on) if going_on else max(ends, default=0)

    def shifted(self, ms: int) -> History:
        out = {}
        for symbol, pair in self.pairs.items():
            moved = pair.shifted(ms)
            renamed = moved.instrument != pair.instrument  # a dated contract, with its delivery
            out[moved.instrument.symbol if renamed else symbol] = moved
        return History(out)

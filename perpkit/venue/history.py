"""What the venue has on record for each pair, past and future alike.

A `History` is made by `synthetic.generate` or read by `datadir.read`. It knows nothing of the
present: `market.Market` decides how much of it has happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields

from perpkit.venue.candles import Candles, Floats, Kind, Times, interval_ms, resample
from perpkit.venue.instruments import Instrument


@dataclass(frozen=True)
class Funding:
    """Settlements: `time` in ms, `rate` as a fraction paid by longs to shorts at that time."""

    time: Times
    rate: Floats

    def shifted(self, ms: int) -> Funding:
        return Funding(self.time + ms, self.rate)


@dataclass(frozen=True)
class Positioning:
    """Readings of who holds what; each is known from its `time` on.

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
        rows = slice(None, int(self.time.searchsorted(end, side="right")))
        return Positioning(*(getattr(self, f.name)[rows] for f in fields(self)))


@dataclass(frozen=True)
class PairHistory:
    """:param stored: for each kind of price, candles by interval; LAST has at least one"""

    instrument: Instrument
    stored: Mapping[Kind, Mapping[str, Candles]]
    funding: Funding
    positioning: Positioning | None = None
    _resampled: dict[tuple[Kind, str], Candles] = field(
        default_factory=dict, init=False, compare=False
    )

    def kind_on_record(self, kind: Kind) -> Kind:
        """`kind`, or the price that stands in for it: mark for the index, last for the mark."""
        for candidate in (kind, Kind.MARK):
            if self.stored.get(candidate):
                return candidate
        return Kind.LAST

    def finest(self, kind: Kind, at: int | None = None) -> str:
        """The shortest interval on record; with `at` (ms), the shortest that covers that time."""
        stored = self.stored[self.kind_on_record(kind)]
        covering = [
            i for i in stored if at is None or int(stored[i].time[0]) <= at < _end(stored, i)
        ]
        return min(covering or stored, key=interval_ms)

    def candles(self, kind: Kind, interval: str) -> Candles:
        """Every candle there is or will be, built from shorter ones where it is not on record.

        :raises ValueError: for an unknown interval or one shorter than any on record
        """
        kind = self.kind_on_record(kind)
        stored = self.stored[kind]
        if interval in stored:
            return stored[interval]
        if (kind, interval) not in self._resampled:
            ms = interval_ms(interval)
            sources = [i for i in stored if ms % interval_ms(i) == 0]
            if not sources:
                raise ValueError(
                    f"timeframe must be a multiple of {self.finest(kind)} for "
                    f"{self.instrument.pair} {kind} candles, got {interval!r}"
                )
            longest = min(sources, key=lambda i: (int(stored[i].time[0]), -interval_ms(i)))
            self._resampled[kind, interval] = resample(stored[longest], ms)
        return self._resampled[kind, interval]

    @property
    def start(self) -> int:
        """When the first traded candle opens, ms."""
        return min(int(candles.time[0]) for candles in self.stored[Kind.LAST].values())

    @property
    def end(self) -> int:
        """When the last traded candle closes, ms."""
        stored = self.stored[Kind.LAST]
        return max(_end(stored, interval) for interval in stored)

    def shifted(self, ms: int) -> PairHistory:
        return PairHistory(
            self.instrument.shifted(ms),
            {k: {i: c.shifted(ms) for i, c in by.items()} for k, by in self.stored.items()},
            self.funding.shifted(ms),
            self.positioning.shifted(ms) if self.positioning else None,
        )


def _end(stored: Mapping[str, Candles], interval: str) -> int:
    return int(stored[interval].time[-1]) + interval_ms(interval)


@dataclass(frozen=True)
class History:
    """:param pairs: by the exchange's symbol, e.g. "BTCUSDT"; at least one"""

    pairs: Mapping[str, PairHistory]

    def __iter__(self) -> Iterator[PairHistory]:
        return iter(self.pairs.values())

    @property
    def start(self) -> int:
        """When the last of the pairs gets candles, ms."""
        return max(pair.start for pair in self)

    @property
    def end(self) -> int:
        """When the first of the pairs runs out of candles, ms."""
        return min(pair.end for pair in self)

    def shifted(self, ms: int) -> History:
        out = {}
        for symbol, pair in self.pairs.items():
            moved = pair.shifted(ms)
            renamed = moved.instrument != pair.instrument  # a dated contract, by its delivery
            out[moved.instrument.symbol if renamed else symbol] = moved
        return History(out)

"""Makes the market that the options of `perpkit venue` describe, and fits it to the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.venue.market import datadir, synthetic
from perpkit.venue.market.candles import interval_ms
from perpkit.venue.market.clock import Clock, iso_date
from perpkit.venue.market.history import History
from perpkit.venue.market.listing import Lifetime
from perpkit.venue.market.market import Market
from perpkit.venue.market.relabel import relabelled

# Length of history beyond the present, which is revealed as time passes.
_SYNTHETIC_MARGIN_DAYS = 30
_REPLAY_MARGIN_MS = DAY_MS
# Relabelled histories are short: this fraction of them lies in the future.
_RELABELLED_MARGIN = 0.25

Labels = tuple[str, str]


def labels(text: str) -> Labels:
    """The two intervals in a text such as "1h:1m": coarse candles, served as fine ones.

    :raises ValueError: naming the option
    """
    coarse, colon, fine = text.partition(":")
    if not colon:
        raise ValueError(f"relabel must look like 1h:1m, got {text!r}")
    for interval in (coarse, fine):
        interval_ms(interval)
    return coarse, fine


def synthetic_market(
    seed: int,
    first: int,
    anchor: int,
    base: str,
    pairs: Sequence[str],
    clock: Clock,
    labels: Labels | None,
) -> Market:
    """Generates a market whose history begins at `first`.

    :param first: midnight UTC, ms
    :param anchor: see `synthetic.generate`
    """
    now = clock.now()
    if first >= now:
        raise ValueError(f"start must lie in the past, got {iso_date(first)}")
    history = synthetic.generate(
        seed=seed,
        start=first,
        days=(now - first) // DAY_MS + 1 + _SYNTHETIC_MARGIN_DAYS,
        pairs=pairs,
        base=base,
        anchor=anchor,
    )
    if labels is not None:
        history = _faster(history, labels, now)
    return Market(history, clock, seed)


def replayed_market(
    directory: Path, pairs: list[str], clock: Clock, labels: Labels | None, *, keep_dates: bool
) -> Market:
    """Reads a market from a data directory.

    :param keep_dates: whether the clock is within the history; else the history is moved to it
    """
    history = _ended(datadir.read(directory, pairs))
    now = clock.now()
    if labels is not None:
        history = _faster(history, labels, now if keep_dates else history.end)
    if keep_dates:
        return Market(history, clock)
    # Moved by whole days, so that funding times and hours of the day stay what they were. There are
    # none to keep where an hour passes in a minute.
    margin, step = _REPLAY_MARGIN_MS, DAY_MS
    if labels is not None:
        margin, step = int((history.end - history.start) * _RELABELLED_MARGIN), HOUR_MS
    behind = now + margin - history.end
    return Market(history.shifted(-(-behind // step) * step), clock)


def _ended(history: History) -> History:
    """Delists the pairs whose candles end a day or more before the last candle of any pair."""
    last = max(pair.end for pair in history)
    return History(
        {
            symbol: replace(pair, life=Lifetime(pair.start, pair.end))
            if pair.end <= last - DAY_MS
            else pair
            for symbol, pair in history.pairs.items()
        }
    )


def _faster(history: History, labels: Labels, around: int) -> History:
    coarse, fine = labels
    ms = interval_ms(coarse)
    return relabelled(history, coarse, fine, around // ms * ms)

"""Completes the store from the exchange: fetches missing readings and stores them page by page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pandas as pd

from perpkit.bot.positioning.paced import RefusedError
from perpkit.bot.positioning.sources import PositioningSource
from perpkit.checks import is_number, one_of, refuse
from perpkit.market import store
from perpkit.market.coverage import ReadingSpan, missing, reading_time
from perpkit.market.store import PERIODS
from perpkit.market.times import dates_of

# The start of the exchange's 30 days moves forward while pages are fetched.
_MARGIN = timedelta(minutes=30)
_NOT_LISTED = "the exchange lists no perpetual of that name"


@dataclass(frozen=True)
class DownloadProgress:
    """Progress of a download.

    :param page: number of pages fetched so far, of `pages` in total
    :param added: readings added to the store so far
    """

    pair: str
    page: int
    pages: int
    added: int


@dataclass(frozen=True)
class Downloaded:
    """Result of a download.

    :param added: number of readings added to the store
    :param refused: the exchange's reasons for refusing pairs, by pair
    :param lacking: how many of the readings asked for the exchange does not have, by pair
    """

    added: int
    refused: Mapping[str, str]
    lacking: Mapping[str, int] = field(default_factory=dict)


def download(
    client: PositioningSource,
    datadir: Path,
    pairs: Sequence[str],
    period: str,
    days: float,
    told: Callable[[DownloadProgress], None] = lambda _: None,
) -> Downloaded:
    """Fetches the readings of the last `days` that the store lacks.

    If it is interrupted, every page fetched so far is in the store, and another run continues with
    the next page. Readings that the exchange lacks are requested again in every run. If the
    exchange refuses a pair, or does not list it, the other pairs are still fetched.

    :param days: at most those that the exchange keeps
    :param told: receives the progress before each page and at the end
    :raises ValueError: for an argument, naming it and what is allowed
    :raises StoreError: for a stored file, or an answer, that cannot be positioning data
    :raises DownloadError: when the exchange does not answer
    :raises BusyError: when another process is downloading into this store
    """
    period = one_of("period", period, client.periods)
    kept, series = client.kept(period), list(client.series)
    if not (is_number(days) and 0 < days <= kept.days):
        refuse("days", f"above 0 and at most {kept.days}", days)
    with store.sole_downloader(datadir):
        symbols = client.symbols(pairs)
        refused = {pair: _NOT_LISTED for pair in pairs if pair not in symbols}
        now, step = client.now(), PERIODS[period]
        since = max(now - timedelta(days=days), now - kept + _MARGIN)
        wanted = ReadingSpan(reading_time(since, step, up=True), reading_time(now, step))
        plan = [
            (pair, window)
            for pair in symbols
            for window in missing(
                store.read(datadir, pair, period), series, wanted, step, client.page_size
            )
        ]
        added, lacking = 0, dict.fromkeys(symbols, 0)
        for number, (pair, window) in enumerate(plan):
            told(DownloadProgress(pair, number, len(plan), added))
            if pair in refused:
                continue
            try:
                readings = _readings(client, symbols[pair], period, window)
            except RefusedError as error:
                refused[pair] = str(error)
            else:
                added += store.merge(datadir, pair, period, readings).added
                whole = readings.reindex(columns=series).notna().all(axis=1)
                lacking[pair] += max(0, window.readings(step) - int(whole.sum()))
        told(DownloadProgress(pairs[-1] if pairs else "", len(plan), len(plan), added))
    return Downloaded(added, refused, {pair: lacks for pair, lacks in lacking.items() if lacks})


def _readings(
    client: PositioningSource, symbol: str, period: str, window: ReadingSpan
) -> pd.DataFrame:
    frame = client.readings(symbol, period, window).sort_index()
    frame = frame.dropna(how="all")
    dates = dates_of(frame.index).rename("date")
    return frame.set_axis(dates).reset_index()

"""Measures a bot beside its backtest: drawdown, and the return in the band that was predicted."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.files.contents import json_of
from perpkit.files.errors import FileError
from perpkit.files.zipped import unpacked
from perpkit.golive.band import Band, bands
from perpkit.golive.criteria import Criteria
from perpkit.golive.evidence import Made, Missing
from perpkit.research.accounts import MarkedAccount
from perpkit.research.marked import daily_returns, figures
from perpkit.research.results import Results

# Of which a verdict keeps the band, for the performance monitor.
HORIZONS = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90, 120, 180, 270, 365)
_MOST_BYTES = 2**24


class Traded(NamedTuple):
    """What an export says of the strategy that it is of.

    :param source: content of its file
    :param parameters: by space; empty without a file of parameters
    """

    source: bytes
    parameters: Mapping[str, Any]


def drawdown(account: MarkedAccount) -> float | Missing:
    """Returns the worst drawdown at any candle close, as a fraction."""
    if account.unpriced:
        return Missing(_without_candles(account.unpriced))
    return figures(account.equity).max_drawdown


def made(
    criteria: Criteria, live: MarkedAccount, begin: float, backtest: MarkedAccount
) -> tuple[Made | Missing, list[Band]]:
    """Returns what the bot made with its band, and the bands of `HORIZONS`.

    The backtest counts up to the beginning of the bot: what came later is what it predicts.

    :param begin: of the bot, s since 1970 UTC
    """
    if unpriced := sorted({*live.unpriced, *backtest.unpriced}):
        return Missing(_without_candles(unpriced)), []
    first = pd.Timestamp(begin, unit="s", tz="UTC").floor("D")
    returns = daily_returns(backtest.equity)
    before: NDArray[np.float64] = returns[returns.index < first].to_numpy(dtype=np.float64)
    days = len(daily_returns(live.equity))
    least = max(criteria.band_days, days)
    if len(before) < least:
        since = first - pd.Timedelta(days=least)
        return Missing(
            f"the backtest must have {least} days before the bot began, has {len(before)}: "
            f"`freqtrade backtesting --timerange {since:%Y%m%d}-`, or earlier"
        ), []
    kept = [each for each in HORIZONS if each <= len(before)]
    asked = sorted({*kept, days})
    found = bands(before, asked, criteria.band_confidence, seed=criteria.seed)
    own = next(band for band in found if band.days == days)
    share = float(live.equity.iloc[-1] / live.equity.iloc[0] - 1)
    return Made(share, own), [band for band in found if band.days in kept]


def traded(results: Results) -> Traded | None:
    """Returns the strategy that an export keeps; None where it keeps none, as in a .json file.

    :raises FileError: if the export is damaged
    """
    path, stem = results.source, f"{results.source.stem}_{results.strategy}"
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
    if f"{stem}.py" not in names:
        return None
    parameters: Mapping[str, Any] = {}
    if f"{stem}.json" in names:
        document = json_of(_member(path, f"{stem}.json"), str(path))
        if not isinstance(document, dict) or not isinstance(document.get("params"), dict):
            raise FileError(f"{path}: {stem}.json must be a file of parameters")
        parameters = document["params"]
    return Traded(_member(path, f"{stem}.py"), parameters)


def _member(path: Path, name: str) -> bytes:
    return unpacked(path, str(path), lambda _: name, _MOST_BYTES)


def _without_candles(pairs: Sequence[str]) -> str:
    return f"there are no candles of {', '.join(pairs)}: `freqtrade download-data`"

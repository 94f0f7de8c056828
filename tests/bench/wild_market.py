"""A stored market in which everything happens that a breaker may look for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from perpkit.market import store
from tests import factories
from tests.factories import START

HOUR = timedelta(hours=1)
BTC, ETH, XRP = PAIRS = tuple(f"{base}/USDT:USDT" for base in ("BTC", "ETH", "XRP"))
HOURS = 60 * 24
END = START + HOURS * HOUR
PRICES = ["open", "high", "low", "close"]

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Market:
    """By pair: hourly candles, funding rates, and hourly positioning."""

    candles: Frames
    funding: Frames
    positioning: Frames

    def write(self, datadir: Path) -> Path:
        """As files of Freqtrade and of Perpkit's store."""
        (datadir / "futures").mkdir(parents=True, exist_ok=True)
        for pair in PAIRS:
            factories.write_candles(datadir, pair, self.candles[pair])
            factories.write_candles(datadir, pair, self.candles[pair], "mark")
            factories.write_candles(datadir, pair, self.funding[pair], "funding_rate")
            store.merge(datadir, pair, "1h", self.positioning[pair])
        return datadir

    def without_what_follows(self, moment: datetime) -> Market:
        """Candles and readings of before; funding that was settled by then."""
        cut = {
            name: {pair: frame[frame["date"] < moment] for pair, frame in frames.items()}
            for name, frames in vars(self).items()
        }
        return replace(self, **cut)

    def shocked_after(self, moment: datetime) -> Market:
        """Whatever follows is extreme."""

        def shocked(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
            frame = frame.copy()
            present = [column for column in columns if column in frame]
            frame.loc[frame["date"] >= moment, present] *= 3
            return frame

        return Market(
            {p: shocked(f, [*PRICES, "volume"]) for p, f in self.candles.items()},
            {p: shocked(f, ["open", "funding_rate"]) for p, f in self.funding.items()},
            {p: shocked(f, list(store.SERIES)) for p, f in self.positioning.items()},
        )


def wild_market() -> Market:
    """Sixty days of three pairs. One begins late, one ends early, and BTC, which leads, ends before
    the others do."""
    candles = {pair: _candles(seed) for seed, pair in enumerate(PAIRS)}
    candles[BTC] = candles[BTC][:-20]
    candles[ETH] = candles[ETH][: HOURS - 100]
    candles[XRP] = candles[XRP][150:]
    return Market(
        {pair: frame.reset_index(drop=True) for pair, frame in candles.items()},
        {pair: _funding(seed) for seed, pair in enumerate(PAIRS)},
        {pair: _positioning(seed) for seed, pair in enumerate(PAIRS)},
    )


def _candles(seed: int) -> pd.DataFrame:
    """Calm and wild days; a fall, a rise, an outage, and gaps in the price and in the file."""
    rng = np.random.default_rng(seed)
    wild = np.repeat(rng.permutation([0.002] * 24 + [0.012] * 4 + [0.025] * 2), HOURS // 30)
    frame = factories.candles(HOURS, seed=seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, wild)))
    for row, factor in zip(rng.choice(np.arange(800, 1300), 3), (0.8, 1.25, 0.85), strict=True):
        close[row:] *= factor
    opening = np.append(100, close[:-1])
    gap = int(rng.integers(900, 1300))
    opening[gap] *= 1.15
    frame = frame.assign(open=opening, close=close)
    width = np.abs(rng.normal(0, wild / 2, (2, HOURS)))
    frame["high"] = frame[["open", "close"]].max(axis=1) * (1 + width[0])
    frame["low"] = frame[["open", "close"]].min(axis=1) * (1 - width[1])
    outage = int(rng.integers(900, 1300))
    frame.loc[outage : outage + 3, "volume"] *= 0.001
    return frame.drop(index=rng.choice(np.arange(200, HOURS - 200), 12, replace=False))


def _funding(seed: int) -> pd.DataFrame:
    """Rates every 8 hours around the usual 0.01%, with extremes on both sides, and two missing."""
    rng = np.random.default_rng(seed)
    rates = rng.normal(1e-4, 5e-5, HOURS // 8)
    for row in rng.choice(np.arange(100, len(rates) - 10), 4, replace=False):
        rates[row : row + 3] = rng.choice([0.004, -0.004])
    frame = factories.funding(rates)
    return frame.drop(index=[130, 131]).reset_index(drop=True)


def _positioning(seed: int) -> pd.DataFrame:
    """Readings that wander, with extremes on both sides."""
    rng = np.random.default_rng(seed)
    dates = pd.date_range(START, periods=HOURS, freq="h")
    frame = pd.DataFrame({"date": dates})
    for name in store.SERIES:
        walk = np.exp(np.cumsum(rng.normal(0, 0.02, HOURS)).clip(-1, 1))
        for row in rng.choice(np.arange(800, HOURS - 100), 4, replace=False):
            walk[row : row + 12] *= rng.choice([0.2, 5.0])
        frame[name] = walk if name.endswith("ratio") else 1e6 * walk
    return frame

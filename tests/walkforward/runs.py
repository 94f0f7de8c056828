"""Made-up windows, samples and requests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from perpkit.market.times import dates_every
from perpkit.walkforward.record import Epoch, Request, Sample, Window, WindowResult
from tests.walkforward import made_runs

START = datetime(2021, 1, 1, tzinfo=UTC)
DAYS = 30


def window(number: int) -> Window:
    begin = START + timedelta(days=DAYS * (number - 1))
    length = timedelta(days=DAYS)
    return Window(number, begin - length, begin, begin, begin + length)


def sample(start: datetime, seed: int, balance: float = 1000.0) -> Sample:
    steps = np.random.default_rng(seed).normal(0.0, 0.002, 24 * DAYS)
    times = dates_every(start, timedelta(hours=1), len(steps) + 1)
    values = balance * np.exp(np.append(0.0, np.cumsum(steps)))
    trade = made_runs.trade(start, 0.1 + seed) | {
        "open_date": pd.Timestamp(start),
        "stop_loss_ratio": np.float64("nan"),
        "is_open": np.False_,
    }
    return Sample(balance, (trade,), pd.Series(values, times, name="equity"))


def result(number: int, epochs: int = 3) -> WindowResult:
    one = window(number)
    tried = tuple(
        Epoch(k, 1.5 - k, 10 * k, 0.01 * k, {"buy": {"fast": 10 + k}}) for k in range(1, epochs + 1)
    )
    days = dates_every(one.train_start, timedelta(days=1), DAYS)
    values = np.random.default_rng(number).normal(0.0, 0.01, (DAYS, epochs))
    return WindowResult(
        window=one,
        parameters={"buy": {"fast": 10 + number}, "roi": {"0": 0.1}},
        out_of_sample=sample(one.test_start, number),
        in_sample=sample(one.train_start, 100 + number),
        chosen=epochs,
        epochs=tried,
        trials=pd.DataFrame(values, days, columns=range(1, epochs + 1)),
    )


def request(**changed: Any) -> Request:
    given: dict[str, Any] = {
        "strategy": "Some",
        "timeframe": "1h",
        "stake_currency": "USDT",
        "pairs": ("BTC/USDT:USDT",),
        "windows": (window(1), window(2), window(3)),
        "files": {"strategy Some.py": "0a"},
        "settings": {"max_open_trades": float("inf"), "perpkit": "0b"},
        "parameters": {},
        "protections": True,
        "epochs": 3,
        "spaces": ("buy",),
        "loss": "SharpeHyperOptLossDaily",
        "min_trades": 1,
        "seed": 1,
        "made_with": {"freqtrade": "2026.9", "perpkit": "0.1.0"},
    }
    return Request(**{**given, **changed})

"""Runs of a walk-forward by hand: equity that is drawn, and trades that say what they made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from perpkit.walkforward.record import Epoch, Request, Run, Sample, Window, WindowResult

START = datetime(2021, 1, 1, tzinfo=UTC)
BALANCE = 1_000.0
PAIR = "BTC/USDT:USDT"
TRAIN, TEST = timedelta(days=200), timedelta(days=60)


def window(number: int) -> Window:
    begin = START + (number - 1) * TEST
    return Window(number, begin - TRAIN, begin, begin, begin + TEST)


def sample(
    start: datetime, days: int, daily: Sequence[float], trades: Sequence[Mapping[str, Any]] = ()
) -> Sample:
    """:param daily: its returns, one a day"""
    times = pd.date_range(start, periods=days + 1, freq="D").as_unit("ns")
    equity = BALANCE * np.cumprod([1.0, *(1 + np.asarray(daily))])
    return Sample(BALANCE, tuple(trades), pd.Series(equity, times, name="equity"))


def trade(at: datetime, profit: float, reason: str = "exit_signal") -> dict[str, Any]:
    """Of a day, as Freqtrade exports it."""
    opened, closed = (int(each.timestamp() * 1000) for each in (at, at + timedelta(days=1)))
    orders = [
        {"order_filled_timestamp": opened, "amount": 1.0, "safe_price": 100.0, "ft_is_entry": True},
        {
            "order_filled_timestamp": closed,
            "amount": 1.0,
            "safe_price": 100.0 + profit,
            "ft_is_entry": False,
        },
    ]
    return {
        "pair": PAIR, "is_short": False, "is_open": False, "fee_open": 0.0, "fee_close": 0.0,
        "open_timestamp": opened, "close_timestamp": closed, "profit_abs": profit,
        "profit_ratio": profit / 100, "exit_reason": reason, "enter_tag": "", "leverage": 1.0,
        "orders": orders,
    }  # fmt: skip


def epochs(values: Mapping[str, Sequence[Any]], losses: Sequence[float]) -> tuple[Epoch, ...]:
    """:param values: of each parameter of the space buy, one for each epoch"""
    return tuple(
        Epoch(
            number,
            loss,
            10,
            0.0,
            {"buy": {name: each[number - 1] for name, each in values.items()}},
        )
        for number, loss in enumerate(losses, 1)
    )


def result(
    number: int,
    daily: Sequence[float],
    trades: Sequence[Mapping[str, Any]] = (),
    tried: tuple[Epoch, ...] = (),
    trials: pd.DataFrame | None = None,
    trained: Sequence[float] = (),
) -> WindowResult:
    of = window(number)
    chosen = min(tried, key=lambda epoch: epoch.loss, default=None)
    return WindowResult(
        window=of,
        parameters=chosen.parameters if chosen else {},
        out_of_sample=sample(of.test_start, TEST.days, daily, trades),
        in_sample=sample(of.train_start, TRAIN.days, trained) if len(trained) else None,
        chosen=chosen and chosen.number,
        epochs=tried,
        trials=pd.DataFrame() if trials is None else trials,
    )


def request(windows: int, epochs: int = 0) -> Request:
    return Request(
        strategy="Made",
        timeframe="1d",
        stake_currency="USDT",
        pairs=(PAIR,),
        windows=tuple(window(number) for number in range(1, windows + 1)),
        files={"strategy Made.py": "0" * 64},
        settings={},
        parameters={},
        protections=True,
        epochs=epochs,
        spaces=("buy",) if epochs else (),
        loss="",
        min_trades=0,
        seed=1,
        made_with={},
    )


def drawn(seed: int, days: int, ratio: float) -> np.ndarray:
    """Daily returns whose annual Sharpe ratio is exactly this."""
    noise = np.random.default_rng(seed).standard_normal(days)
    return 0.01 * ((noise - noise.mean()) / noise.std(ddof=1) + ratio / np.sqrt(365))


def optimised_run(windows: int = 12, ratio: float = 2.5, kept: float = 1.0) -> Run:
    """:param ratio: annual Sharpe ratio of each training; `kept` of it is left in the tests"""
    tests = drawn(1, windows * TEST.days, ratio * kept).reshape(windows, -1)
    results = []
    for number in range(1, windows + 1):
        generator = np.random.default_rng(number)
        tried = epochs(
            {
                "rsi": generator.integers(10, 50, 40).tolist(),
                "share": generator.random(40).tolist(),
            },
            generator.random(40).tolist(),
        )
        begin = window(number).train_start
        trials = pd.DataFrame(
            generator.standard_normal((TRAIN.days, 40)),
            pd.date_range(begin, periods=TRAIN.days, freq="D").as_unit("ns"),
            range(1, 41),
        )
        begin = window(number).test_start
        trades = [trade(begin, 3.0), trade(begin + timedelta(days=9), -2.0, "force_exit")]
        results.append(
            result(
                number, tests[number - 1], trades, tried, trials, drawn(number, TRAIN.days, ratio)
            )
        )
    return Run(request(windows, epochs=40), tuple(results))

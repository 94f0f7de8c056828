"""A backtest of random trades with random breakers, and the replay of its export."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import typer
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType
from typer.testing import CliRunner

from perpkit.ops.replay import breakers
from tests import factories
from tests.bench.backtests import PAIRS, PRICES, Backtested, backtest
from tests.factories import START

ROWS = 24 * 24
HOUR = pd.Timedelta("1h")
# Decimals of prices in the files, which decide how Freqtrade rounds an average entry.
DECIMALS = (1, 2, 4)

DRAWDOWN = "DrawdownBreaker"

app = typer.Typer()
app.add_typer(breakers, name="breakers")


def write_market(datadir: Path, seed: int) -> None:
    """Wild candles of one hour, four hours and a quarter, and funding that is worth something."""
    rng = np.random.default_rng(seed)
    handler = get_datahandler(datadir, "feather")
    for number, (pair, price) in enumerate(zip(PAIRS, PRICES, strict=True)):
        frame = factories.candles(
            4 * ROWS, "15min", seed=100 * seed + number, price=price, volatility=0.006
        )
        for row in rng.choice(4 * ROWS, 2):
            frame.loc[row:, ["open", "high", "low", "close"]] *= rng.choice([0.88, 1.12])
        prices = ["open", "high", "low", "close"]
        frame[prices] = frame[prices].round(DECIMALS[number])
        handler.ohlcv_store(pair, "15m", frame, CandleType.FUTURES)
        for timeframe in ("1h", "4h"):
            handler.ohlcv_store(pair, timeframe, _longer(frame, timeframe), CandleType.FUTURES)
        handler.ohlcv_store(pair, "1h", _longer(frame, "1h"), CandleType.MARK)
        rates = rng.normal(1e-4, 5e-4, ROWS // 8)
        rates[rng.choice(len(rates), 6)] *= 8
        handler.ohlcv_store(pair, "1h", factories.funding(rates), CandleType.FUNDING_RATE)


def _longer(frame: pd.DataFrame, timeframe: str) -> pd.DataFrame:
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return frame.resample(timeframe, on="date").agg(how).reset_index()


def random_breakers(seed: int, userdir: Path) -> dict[str, dict[str, Any]]:
    """Parameters with which each breaker acts now and then; writes the maintenance calendar."""
    rng = np.random.default_rng(seed)

    def loss(least: float, most: float) -> float:
        return float(round(rng.uniform(least, most), 4)) if rng.random() < 0.7 else 0.0

    further = [
        {"loss": 0.01, "reference": "open", "trading": "reducing"},
        {"loss": 0.012, "reference": "start", "hours": 12, "cool_down_hours": 3},
        {"loss": 0.015, "reference": "trailing", "hours": 48, "longest_hours": 6},
        {"loss": 0.05, "reference": "high_water", "trading": "halted"},
    ]
    drawdown = {
        "hour_loss": loss(0.002, 0.01),
        "day_loss": loss(0.005, 0.02),
        "week_loss": loss(0.01, 0.05),
        "week_block_hours": float(rng.integers(2, 30)),
        "cool_down_hours": float(rng.integers(0, 8)),
        "open_loss": loss(0.01, 0.04),
        "high_water_loss": loss(0.03, 0.08),
        "daily_loss": loss(0.005, 0.02),
        "reset_hour": int(rng.integers(0, 24)),
        "streak_losses": int(rng.choice([0, 2, 3])),
        "streak_hours": float(rng.integers(2, 12)),
        "pair_streak_losses": int(rng.choice([0, 2])),
        "pair_streak_hours": float(rng.integers(2, 12)),
        "backtest_clear_hours": float(rng.integers(6, 60)),
        "limits": [limit for limit in further if rng.random() < 0.4],
    }
    begins = START + pd.Timedelta("1D") * rng.uniform(5, 20)
    window = {"from": begins.isoformat(), "until": (begins + 5 * HOUR).isoformat()}
    (userdir / "windows.json").write_text(json.dumps([window]))
    before = float(rng.integers(10, 300))
    found = {
        "CryptoVixBreaker": {"window_days": 20, "min_history_days": 5, "floor_annual": 0.3},
        "DrawdownBreaker": drawdown,
        "FlashCrashBreaker": {
            "windows": [[60, float(rng.uniform(0.04, 0.09))], [240, 0.13]],
            "calm_range": 0.01,
        },
        "FundingBreaker": {
            "window_days": 15,
            "extreme_percentile": int(rng.integers(90, 99)),
            "extreme_release_percentile": 80,
        },
        "VenueHealthBreaker": {
            "maintenance_file": "windows.json",
            "no_entries_before_minutes": before,
            "flat_before_minutes": float(rng.choice([5, before])),
        },
    }
    # The more breakers, the fewer trades.
    return {name: given for name, given in found.items() if name == DRAWDOWN or rng.random() < 0.6}


def random_backtest(config: dict[str, Any], seed: int) -> tuple[Backtested, dict[str, Any]]:
    """Runs RandomTrades with all breakers attached.

    :param config: of a bot with an empty `datadir`; needs the fixture `offline_markets`
    :return: the backtest, and the parameters of the breakers
    """
    write_market(config["datadir"], seed)
    chosen = random_breakers(seed, config["user_data_dir"])
    rng = np.random.default_rng(seed + 1)
    candles = [("1h", ""), ("1h", "15m"), ("15m", ""), ("4h", "1h"), ("4h", "")]
    timeframe, detail = candles[rng.choice(5, p=[0.35, 0.2, 0.15, 0.15, 0.15])]
    patience = {"entry": int(rng.integers(100, 1_000)), "exit": int(rng.integers(100, 1_000))}
    run = backtest(
        config,
        "RandomTrades",
        enable_protections=True,
        timeframe=timeframe,
        timeframe_detail=detail,
        random_trades=seed,
        unfilledtimeout={**patience, "unit": "minutes"},
        max_open_trades=3,
        stake_amount=2_500,
        timerange=f"{START + pd.Timedelta('3D'):%Y%m%d}-{START + pd.Timedelta('22D'):%Y%m%d}",
        perpkit={
            "attach": ["breakers"],
            "protections": [{"method": name, **given} for name, given in chosen.items()],
        },
    )
    return run, chosen


def replayed(config: Mapping[str, Any], export: Path, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """What `perpkit breakers replay` prints of an export."""
    folders = f"--datadir={config['datadir']}", f"--userdir={config['user_data_dir']}"
    options = ["breakers", "replay", "--json", f"--export={export}", *folders]
    options += [f"--breaker={name}" for name in chosen]
    options += [
        f"--set={name}.{key}={json.dumps(value)}"
        for name, given in chosen.items()
        for key, value in given.items()
    ]
    result = CliRunner().invoke(app, options)
    if result.exit_code:
        raise RuntimeError(result.output) from result.exception
    found: dict[str, Any] = json.loads(result.stdout) | {"said": result.stderr}
    return found


def differing(one: list[Mapping[str, Any]], other: list[Mapping[str, Any]]) -> Counter[str]:
    """How many locks are in only one of two lists, by breaker."""
    sets = [{json.dumps(lock, sort_keys=True) for lock in locks} for locks in (one, other)]
    return of_breaker(json.loads(lock) for lock in sets[0] ^ sets[1])


def of_breaker(locks: Iterator[Mapping[str, Any]] | list[Mapping[str, Any]]) -> Counter[str]:
    return Counter(str(lock["reason"]).split(" ")[0] for lock in locks)

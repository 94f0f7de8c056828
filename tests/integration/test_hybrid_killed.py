"""`kill -9` of a backtest that trains HybridAi's model, and the same command on what is left."""

from __future__ import annotations

import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from tests.bench.process import Process
from tests.bot.hybrid.trained import SMALL, freqai, need_freqai

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

PAIR = "BTC/USDT:USDT"
# Of the stored days, with some 60 before them to warm up and to train on.
SPAN = "20250415-20250430"
WINDOWS = 3
SETTINGS = {
    "freqaimodel": "LightGbmTripleBarrier",
    "exchange": {"pair_whitelist": [PAIR]},
    "pairlists": [{"method": "StaticPairList"}],
    "freqai": freqai(**SMALL["LightGbmTripleBarrier"]),
    "perpkit": {"hybrid": {"vote": "agree"}},
}


@pytest.fixture
def training(bot):
    need_freqai()
    arguments = bot.arguments(
        "backtesting", f"--datadir={bot.datadir}", "--strategy=HybridAi", f"--timerange={SPAN}",
        "--cache=none", **SETTINGS,
    )  # fmt: skip
    started: list[Process] = []

    def start() -> Process:
        started.append(Process([*map(str, arguments)]))
        return started[-1]

    yield start
    for process in started:
        process.close()


def predictions(userdir: Path) -> dict[str, pd.DataFrame]:
    found = sorted(userdir.rglob("*_prediction.feather"))
    return {path.name: pd.read_feather(path) for path in found}


def complete(process: Process) -> list[str]:
    process.wait_for("BACKTESTING REPORT", 300)
    assert process.wait() == 0
    return process.log


def test_a_backtest_that_was_killed_in_its_trainings_ends_as_another(bot, training):
    log = complete(training())
    assert sum("Done training" in line for line in log) == WINDOWS
    undisturbed = predictions(bot.userdir)
    assert len(undisturbed) == WINDOWS
    shutil.rmtree(bot.userdir / "models")
    # Within a training, and as the files of the next one are written.
    for line, seconds in (("Starting training", 0.3), ("Done training", 0.02)):
        process = training()
        process.wait_for(line, 180)
        time.sleep(seconds)
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
        assert len(predictions(bot.userdir)) < WINDOWS
    log = complete(training())
    found = predictions(bot.userdir)
    assert list(found) == list(undisturbed)
    for name, frame in found.items():
        pd.testing.assert_frame_equal(frame, undisturbed[name])
    assert sum("damaged" in line for line in log) <= 1
    assert not any("Traceback" in line for line in log)

"""A model of HybridAi in a running bot: trained beside it, trained again, and asked each candle."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from perpkit.record.state_file import read
from tests.bench.process import trading
from tests.bot.hybrid.trained import SMALL, freqai, missing, need_freqai
from tests.integration.conftest import bot_at, present_venue

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(600)]

PAIR = "BTC/USDT:USDT"
# FreqAI's line begins with a capital letter, unless agents were trained.
TRAINED = f"one training {PAIR}"
# Candles of a minute, so that some of them are seen; without the ranks among a month of them.
QUICK = """
from strategies.HybridAi import HybridAi

class Quick(HybridAi):
    timeframe = "1m"
    trend_timeframe = "5m"
    startup_candle_count = 1500

    def feature_engineering_expand_basic(self, dataframe, metadata, **kwargs):
        return dataframe
"""


@pytest.fixture
def quick(tmp_path: Path) -> Path:
    need_freqai()
    folder = tmp_path / "strategies"
    folder.mkdir()
    (folder / "Quick.py").write_text(QUICK)
    return folder


@pytest.fixture(
    params=[
        "LightGbmTripleBarrier",
        pytest.param("LstmTripleBarrier", marks=missing("torch")),
        pytest.param("PpoAgents", marks=missing("stable_baselines3")),
    ]
)
def model(request) -> str:
    return request.param


def settings(quick: Path, model: str) -> dict:
    """Trained on a day, and again as soon as that is done."""
    task = "action" if model == "PpoAgents" else "outcome"
    return {
        "dry_run": True,
        "timeframe": "1m",
        "strategy_path": str(quick),
        "freqaimodel": model,
        "exchange": {"pair_whitelist": [PAIR]},
        "pairlists": [{"method": "StaticPairList"}],
        "freqai": freqai(
            train_period_days=1,
            live_retrain_hours=0.001,
            expiration_hours=1,
            feature_parameters={"include_timeframes": ["1m"]},
            conv_width=1 if model == "LightGbmTripleBarrier" else 8,
            **SMALL[model],
        ),
        # Within minutes hardly an entry earns its costs: at some hours of the day none would pay.
        "perpkit": {
            "use": {"refresh": False},
            "hybrid": {"task": task},
            "label": {"costs": 0.0},
        },
        "internals": {"process_throttle_secs": 2, "heartbeat_interval": 10},
    }


def test_it_is_trained_again_and_again_without_missing_a_loop(tmp_path, quick, model):
    venue = present_venue(PAIR)
    with (
        bot_at(venue, tmp_path, tmp_path) as bot,
        trading(bot, "Quick", **settings(quick, model)) as process,
    ):
        process.wait_for("No model ready", 180)
        process.wait_for(TRAINED, 180)
        process.wait_for(TRAINED, 180)
        process.wait_for("the model is used again", 240)  # FreqAI uses it a candle later
        process.wait_for(TRAINED, 180)
        process.wait_for("Bot heartbeat", 60)
        [path] = Path(tmp_path).rglob("*.state.json")
        state, log = read(path), "".join(process.log)  # before an interrupt, which may hit anything
        assert process.end() in (0, 130)
    assert "Traceback" not in log, log[-4000:]
    assert "returning null values" in log
    assert (state.loop.failed, state.model.pairs) == (0, {})
    assert state.model.used >= 1
    assert state.model.without["untrained"] >= 1
    assert state.model.without["starting"] == 1
    assert state.loop.max_seconds < 60  # of a candle


def test_a_bot_that_was_killed_in_a_training_trains_a_damaged_model_again(tmp_path, quick, model):
    """`kill -9` within a training, and half of the model that it had: the rules decide until there
    is another, with one line."""
    venue, given = present_venue(PAIR), settings(quick, model)
    with bot_at(venue, tmp_path, tmp_path) as bot:
        with trading(bot, "Quick", **given) as process:
            process.wait_for(TRAINED, 180)
            process.wait_for(f"Starting training {PAIR}", 180)
            process.end(signal.SIGKILL)
        models = sorted(tmp_path.rglob("*_model.joblib"))
        assert models
        for path in models:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with trading(bot, "Quick", **given) as process:
            said = process.wait_for("the model is not used", 180)
            process.wait_for(TRAINED, 180)
            process.wait_for("the model is used again", 240)
            process.wait_for("Bot heartbeat", 60)
            [path] = Path(tmp_path).rglob("*.state.json")
            state, log = read(path), "".join(process.log)
            assert process.end() in (0, 130)
    assert "Traceback" not in log, log[-4000:]
    assert "Error: " in said
    assert said.strip().endswith("The rules decide alone.")
    assert (
        sum("the model is not used, " in line and "Error: " in line for line in log.splitlines())
        == 1
    )
    assert (state.loop.failed, state.model.pairs) == (0, {})
    assert state.model.without["failed"] >= 1
    assert state.model.used >= 1

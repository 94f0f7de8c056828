"""`perpkit why` of backtests: reasons are planted by a script, and asked about by the command."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, NamedTuple

import pandas as pd
import pytest
from freqtrade.exceptions import ConfigurationError
from typer.testing import CliRunner

from perpkit.bot.decided import wanted
from perpkit.cli import app
from tests.bench.backtests import PAIRS, backtest, write_candles
from tests.cases import SLOW
from tests.factories import START

BTC, ETH, XRP = PAIRS
HOUR = timedelta(hours=1)
FIRST = 96  # candles in front of the run: see tests.bench.backtests


@pytest.fixture
def config(offline_markets, default_futures_config):
    write_candles(default_futures_config["datadir"], rows=400)
    return default_futures_config


def at(row: int) -> str:
    """When the candle in a row of the run has closed, and its signal is acted on."""
    return f"{pd.Timestamp(START) + (FIRST + row + 1) * HOUR:%Y-%m-%dT%H:%M}"


class Told:
    """The log of a backtest, asked by the command."""

    def __init__(self, config: dict[str, Any], strategy: str, **changed: Any) -> None:
        given = {"decisions": True, **changed.pop("perpkit", {})}
        self._userdir, self._strategy = config["user_data_dir"], strategy
        self.run = backtest(config, strategy, perpkit=given, **changed)
        self.run.strategy._perpkit.close()  # as at the end of its process

    def why(self, pair: str, time: str, *arguments: str) -> dict[str, Any]:
        options = ["--backtest", self._strategy, "--userdir", str(self._userdir)]
        command = ["why", pair, time, *arguments, *options]
        told = CliRunner().invoke(app, command)
        assert told.exit_code == 0, told.output
        [row] = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
        assert row["text"].rstrip(".") in told.output
        return row


class Question(NamedTuple):
    """
    :param changed: settings of the run
    :param script: rows of signals, by pair and column
    :param asked: (pair, row)
    :param answer: (kind, reason)
    :param words: of the sentence
    """

    changed: dict[str, Any]
    script: dict[str, dict[str, list[int]]]
    asked: tuple[str, int]
    answer: tuple[str, str]
    words: str


ATTACHED = {"attach": ["limits"], "limits": {"max_positions": 9}}
LONG = {BTC: {"enter_long": [150]}}


def limited(**limits: Any) -> dict[str, Any]:
    return {"perpkit": {"attach": ["limits"], "limits": limits}}


QUESTIONS = {
    "stake": Question(
        {"stake_amount": 50_000}, LONG, (BTC, 150), ("refused", "stake"), "is lower than stake"
    ),
    "smallest": Question(
        {"stake_amount": 1}, LONG, (BTC, 150), ("refused", "smallest"), "below the smallest of"
    ),
    "no stake": Question(
        {"asked_stake": 0.0}, LONG, (BTC, 150), ("refused", "strategy"), "gave no stake"
    ),
    "timeout": Question(
        {"asked_price": 0.8, "unfilledtimeout": {"entry": 90, "unit": "minutes"}},
        LONG,
        (BTC, 153),
        ("withdrawn", "entry order"),
        "7,200 s: Freqtrade's unfilledtimeout of 5,400 s; 0 of",
    ),
    "size": Question(
        limited(max_longs=0), LONG, (BTC, 150), ("refused", "size"), "open longs 0 of 0"
    ),
    "target": Question(
        {"minimal_roi": {"0": 0.001}}, LONG, (BTC, 250), ("exited", "roi"), "profit +"
    ),
    "stop": Question({"stoploss": -0.01}, LONG, (BTC, 250), ("exited", "stop_loss"), "profit -"),
    "last": Question({}, LONG, (BTC, 303), ("exited", "force_exit"), "profit "),
    "loss": Question(
        limited(max_trade_loss=0.0005),
        {BTC: {"enter_short": [150]}},
        (BTC, 250),
        ("exited", "max_trade_loss"),
        "profit -",
    ),
}
DEFAULT = ("smallest", "loss", "timeout")


ONE_RUN = [
    ((BTC, 140), ("no signal", "signal"), "has no entry signal"),
    ((BTC, 150), ("entered", "entry"), "exposure in the pair"),
    ((ETH, 160), ("refused", "slots"), "max_open_trades: 1 of 1 are open"),
    ((BTC, 160), ("entered", "entry"), "of stake at 2x"),  # it is held
    ((BTC, 170), ("exited", "exit_signal"), "profit "),
    ((XRP, 180), ("refused", "strategy"), "confirm_trade_entry refused"),
    ((ETH, 190), ("no signal", "signal"), "enter_long and enter_short are set: they cancel each"),
    ((ETH, 200), ("entered", "entry"), "of stake at 2x"),
    ((ETH, 303), ("exited", "stop_loss"), "profit -"),
]


def test_one_run_answers_many_questions(config):
    script = {
        BTC: {"enter_long": [150], "exit_long": [170]},
        ETH: {"enter_long": [160, 190], "enter_short": [190, 200]},
        XRP: {"enter_long": [180]},
    }
    changed = {"max_open_trades": 1, "denied": [XRP], "asked_leverage": 2.0}
    told = Told(config, "AskedSignals", script=script, **limited(max_pair=0.05), **changed)
    for (pair, row), answer, words in ONE_RUN:
        exits = ("--kind", "exited") if answer[0] == "exited" else ()
        found = told.why(pair, at(row), *exits)
        assert ((pair, row), found["kind"], found["reason"]) == ((pair, row), *answer)
        assert words in found["text"]


@pytest.mark.parametrize(
    "name", [name if name in DEFAULT else pytest.param(name, marks=SLOW) for name in QUESTIONS]
)
def test_a_planted_reason_is_told(config, name):
    changed, script, (pair, row), answer, words = QUESTIONS[name]
    changed = {"perpkit": ATTACHED, "max_open_trades": 3, **changed}
    told = Told(config, "AskedSignals", script=script, **changed)
    kind, _ = answer
    exits = ("--kind", kind) if kind in ("exited", "withdrawn") else ()
    found = told.why(pair, at(row), *exits)
    assert (found["kind"], found["reason"]) == answer
    assert words in found["text"]


CRASH = {"method": "FlashCrashBreaker", "windows": [[60, 0.1]], "cool_down_minutes": 600}


def test_a_breaker_that_locks_is_told(config):
    write_candles(config["datadir"], rows=400, crash=200)
    perpkit = {"attach": ["breakers"], "protections": [CRASH]}
    script = {BTC: {"enter_long": [203 - FIRST]}}
    told = Told(config, "AskedSignals", script=script, perpkit=perpkit, enable_protections=True)
    found = told.why(BTC, at(203 - FIRST))
    assert (found["kind"], found["reason"]) == ("refused", "lock")
    assert "FlashCrashBreaker" in found["text"]


@pytest.mark.parametrize("decisions", [True, pytest.param(False, marks=SLOW)])
def test_the_log_changes_no_trade(config, decisions):
    plain = backtest(config, "LimitedAveraging", perpkit={"limits": {"max_positions": 2}})
    perpkit = {"limits": {"max_positions": 2}, "decisions": decisions}
    run = backtest(config, "LimitedAveraging", perpkit=perpkit)
    run.strategy._perpkit.close()
    assert run.trades == plain.trades
    assert run.trades
    written = list((config["user_data_dir"] / "perpkit").glob("*.decisions.jsonl"))
    assert bool(written) is decisions


def test_every_trade_of_a_run_is_in_the_log(config):
    told = Told(config, "LimitedAveraging", perpkit={"limits": {"max_positions": 2}})
    options = ["--backtest", "LimitedAveraging", "--userdir", str(config["user_data_dir"])]
    command = ["why", "--all", "--json", *options]
    rows = json.loads(CliRunner().invoke(app, command).output)
    kinds = pd.Series([row["kind"] for row in rows]).value_counts()
    trades = told.run.trades
    assert kinds["entered"] == kinds["exited"] == len(trades)
    filled = [order for trade in trades for order in trade["orders"]]
    assert kinds[["entered", "added", "reduced", "exited"]].sum() == len(filled)
    profits = [row["figures"]["profit"] for row in rows if row["kind"] == "exited"]
    assert sorted(profits) == pytest.approx(sorted(trade["profit_abs"] for trade in trades))


@pytest.mark.parametrize("given", ["yes", 1, {}, []])
def test_a_wrong_option_is_refused_by_name(given):
    with pytest.raises(ConfigurationError, match=r'"perpkit\.decisions" must be true'):
        wanted({"perpkit": {"decisions": given}})

"""A live bot and its verdict: refused when flat, without entries when it holds something."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freqtrade.exceptions import StrategyError

from perpkit.bot.binding import binding
from perpkit.ops.bot_config import load_strategy, read_config
from perpkit.record import golive
from perpkit.record.golive import Verdict, golive_file
from perpkit.record.machine_key import machine_key_made
from perpkit.record.state_file import read as read_state
from tests.bench.acts import MINUTE, STEP, hold, live_stops
from tests.bench.in_process import STRATEGIES, arguments_of, bench
from tests.bench.live import LIVE, SameVenue
from tests.bench.machine import machine  # noqa: F401
from tests.bench.scripted_market import scripted_market

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("machine")]

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
NAME = "DeskSteered"
LATER = START + timedelta(minutes=10)


class Desk:
    """A user directory with a strategy of its own, whose bots trade at one venue."""

    def __init__(self, folder):
        self.venue = SameVenue()
        self.folder = folder
        self.source = folder / "strategies" / f"{NAME}.py"
        self.source.parent.mkdir(parents=True)
        code = (STRATEGIES / "GuardedSteered.py").read_text()
        self.source.write_text(code.replace("GuardedSteered", NAME))

    def settings(self, **given):
        return {**LIVE, "db_url": f"sqlite:///{self.folder}/trades.sqlite", **given}

    @contextmanager
    def start(self, at=LATER, **given):
        serve, userdir = self.venue.serve, self.folder
        settings = self.settings(**given)
        with bench(NAME, STILL, at, serve=serve, userdir=userdir, gated=True, **settings) as bot:
            yield bot

    def judge(self, **changed):
        """A verdict on the strategy as `perpkit golive` loads it."""
        given = arguments_of(self.folder, NAME, STILL, self.settings())
        config = read_config([Path(file) for file in given["config"]], self.folder).config
        key = machine_key_made()
        verdict = {
            "strategy": NAME,
            "passed": True,
            "failed": (),
            "at": START,
            "until": START + timedelta(days=90),
            "by": "me@here",
            "bound": binding(load_strategy({**config, "strategy": NAME})).digests(key),
            **changed,
        }
        golive.write(golive_file(config, NAME), Verdict(**verdict), key)


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "user_data")


def refused(desk, **settings):
    """Returns why a bot is not started."""
    with pytest.raises(StrategyError) as error, desk.start(**settings):
        pass
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_flat_bot_without_a_verdict_is_refused(desk):
    assert refused(desk).startswith(
        "Go-live gate: DeskSteered may not trade real money: it has no verdict ("
    )


def test_with_a_verdict_it_trades(desk):
    desk.judge()
    with desk.start() as bot:
        hold(bot, desk.venue)
        assert not [m for m in bot.messages if "Go-live" in m.get("msg", "")]


def test_one_that_holds_a_position_manages_it_and_enters_nothing(desk):
    desk.judge()
    with desk.start(START) as bot:
        hold(bot, desk.venue)
    golive_file({"user_data_dir": desk.folder}, NAME).unlink()
    with desk.start() as bot:
        bot.bot.strategy.side = "long"
        bot.run(3, STEP)
        [message] = [m["msg"] for m in bot.messages if "Go-live" in m.get("msg", "")]
        assert message.startswith("REDUCING: Go-live gate")
        assert live_stops(desk.venue)
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not desk.venue.amount, 2 * MINUTE, STEP)
        bot.bot.strategy.leave = False
        bot.run(24, STEP)
        assert [trade.is_open for trade in bot.trades()] == [False]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"source": "\n# another one\n"}, "the file DeskSteered.py"),
        ({"parameters": {"buy": {"anything": 1}}}, "the parameters of buy"),
        ({"stake_amount": 400}, '"stake_amount"'),
        ({"perpkit": {"sizing": {"risk_per_trade": 0.004}}}, '"perpkit.sizing"'),
        ({"exchange": {"pair_blacklist": ["ETH/USDT:USDT"]}}, '"exchange.pair_blacklist"'),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_has_changed_is_named(desk, change, named):
    desk.judge()
    settings = dict(change)
    if more := settings.pop("source", ""):
        desk.source.write_text(desk.source.read_text() + more)
    if parameters := settings.pop("parameters", None):
        content = {"strategy_name": NAME, "params": parameters}
        desk.source.with_suffix(".json").write_text(json.dumps(content))
    if own := settings.pop("perpkit", None):
        settings["perpkit"] = {"use": {"refresh": False}, **own}
    if exchange := settings.pop("exchange", None):
        settings["exchange"] = {**LIVE["exchange"], **exchange}
    reason = refused(desk, **settings)
    assert f"changed since its verdict of 2026-03-02 10:00 UTC: {named}; run" in reason


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"passed": False, "failed": ("days",)}, "it did not pass at 2026-03-02 10:00 UTC (days)"),
        ({"until": LATER}, "its verdict expired at 2026-03-02 10:10 UTC"),
    ],
)
def test_a_verdict_that_does_not_allow_it(desk, changed, words):
    desk.judge(**changed)
    assert words in refused(desk)


def test_a_live_bot_says_that_its_performance_is_not_watched(desk):
    desk.judge()
    with desk.start() as bot:
        bot.run(3, STEP)
        [message] = [m["msg"] for m in bot.messages if "Performance monitor" in m.get("msg", "")]
        assert message == (
            "Performance monitor is idle: the verdict of 'perpkit golive' has no band."
        )


@pytest.mark.parametrize(
    ("given", "words"),
    [("no", '"perpkit.require_golive" must be true or false'), (True, "it has no verdict")],
)
def test_the_option(desk, given, words):
    assert words in refused(desk, perpkit={"require_golive": given})


def test_without_the_gate_it_says_so(desk):
    with desk.start(perpkit={"require_golive": False, "use": {"refresh": False}}) as bot:
        bot.run(2, STEP)
        [message] = [m["msg"] for m in bot.messages if "go-live gate off" in m.get("msg", "")]
        assert 'as "perpkit.require golive" is false' in message
        state = read_state(desk.folder / "trades.state.json")
        assert any("go-live gate off" in line for line in state.parts_off)


def test_in_dry_run_nothing_is_asked(desk):
    with desk.start(dry_run=True) as bot:
        bot.run(1, STEP)
        assert bot.messages

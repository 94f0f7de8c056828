"""What is done, and in which order, by how the bot does.

The exchange is a script here; there is a venue in tests/integration/test_emergency_stop.py.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from filelock import FileLock

from perpkit.ops.stop import alive, by_bot, engine
from perpkit.ops.stop.flattened import Flattened
from perpkit.ops.stop.one_account import StopRequest, stop_account
from perpkit.ops.stored import BadInputError
from perpkit.record.bot_lock import is_held
from perpkit.record.latch import LatchState, read, write
from tests.bench.freqtrade_like import freqtrade_like
from tests.bench.receiver import receiver
from tests.ops.stop.conftest import PASSWORD, USER, close_trade

TELEGRAM = {"enabled": True, "token": "1:x", "chat_id": "7"}


class Exchange:
    """In place of `flatten`.

    :param calls: everything, preview, and what the latch said
    :param answers: one for each call, the last one for all that follow
    """

    def __init__(self, latch: Path) -> None:
        self._latch = latch
        self.calls: list[tuple[str, LatchState]] = []
        self.answers: list[Flattened | Exception] = [Flattened(True, closed=("BTC",), requests=7)]

    def __call__(self, config, *, everything, preview, log, deadline_seconds):
        kind = ("preview" if preview else "flatten") + (", everything" if everything else "")
        self.calls.append((kind, read(self._latch).state))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def asked(self) -> list[str]:
        return [kind for kind, _ in self.calls]


@pytest.fixture
def chat(monkeypatch):
    with receiver() as made:
        monkeypatch.setenv("PERPKIT_ALERTS", made.url)
        yield made


@pytest.fixture
def latch(tmp_path) -> Path:
    return tmp_path / "user_data" / "perpkit" / "latch" / "main.live.json"


@pytest.fixture
def exchange(latch, monkeypatch):
    made = Exchange(latch)
    monkeypatch.setattr(engine, "flatten", made)
    monkeypatch.setattr(by_bot, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr("perpkit.ops.stop.one_account.PATIENCE_SECONDS", 1.5)
    monkeypatch.setattr("perpkit.ops.stop.one_account._LOOK_SECONDS", 0.0)
    monkeypatch.setattr(alive, "_CYCLE_SECONDS", 0.2)
    return made


@pytest.fixture
def stop(bot, database, api, exchange, chat):
    """Runs it on the bot of `conftest.py`, with its API on."""
    said: list[str] = []

    def run(*, rest=True, everything=False, preview=False, seconds=60.0, **settings):
        port = int(api.url.rsplit(":", 1)[1])
        server = {"enabled": rest, "listen_port": port, "username": USER, "password": PASSWORD}
        internals = {"process_throttle_secs": 0}
        own = bot(api_server=server, internals=internals, **settings)
        order = StopRequest(
            [*own.files], own.user_data_dir, None, everything, preview, "why", seconds, None
        )
        return stop_account(order, said.append)

    run.said = said
    return run


def without_api(api):
    api.answers["health"] = lambda _: None


def closes(api):
    def answer(_):
        close_trade(1)
        close_trade(2)
        return {"result": "ok"}

    api.answers["forceexit"] = answer


def test_the_latch_comes_first_and_a_dead_bots_account_is_closed(stop, exchange, latch, api, chat):
    without_api(api)
    report = stop()
    assert exchange.calls == [("flatten", LatchState.HALTED)]
    assert (read(latch).state, read(latch).why) == (LatchState.HALTED, "why")
    assert (report.exit_code, report.bot, report.flat, report.closed) == (0, "dead", True, ["BTC"])
    assert (report.requests, report.alert) == (7, "sent")
    [message] = chat.got
    assert message["title"].startswith("Emergency stop: main (live): flat, latched")
    actions = [json.loads(line) for line in Path(report.log).read_text().splitlines()]
    assert [action["action"] for action in actions] == ["latch", "bot", "end"]
    assert all(action["at"].endswith("+00:00") for action in actions)


def test_a_preview_writes_and_sends_nothing(stop, exchange, latch, api, chat, tmp_path):
    exchange.answers = [Flattened(False, planned=("close 1 of BTC",))]
    report = stop(preview=True)
    assert exchange.calls == [("preview", LatchState.CLEAR)]
    assert (report.exit_code, report.closed, report.bot) == (0, ["close 1 of BTC"], "alive")
    assert not latch.parent.exists()
    assert not (tmp_path / "user_data" / "perpkit").exists()
    assert [what for what, _ in api.asked] == ["health"]
    assert chat.got == []


def test_a_bot_that_is_alive_closes_and_the_exchange_is_looked_at(stop, exchange, api, tmp_path):
    closes(api)
    exchange.answers = [Flattened(True)]
    with freqtrade_like(tmp_path, tmp_path / "trades.sqlite") as process:
        report = stop(telegram=TELEGRAM)
        assert process.poll() is None
    assert exchange.asked == ["preview"]
    assert (report.exit_code, report.bot, report.bot_after) == (0, "alive", "alive")
    assert len(report.closed) == 2
    assert report.alert == "by the bot's own Telegram"


def test_with_everything_the_rest_follows(stop, exchange, api):
    closes(api)
    exchange.answers = [Flattened(True), Flattened(True, cancelled=("by hand",))]
    report = stop(everything=True)
    assert exchange.asked == ["preview", "flatten, everything"]
    assert (report.exit_code, report.cancelled) == (0, ["by hand"])


def test_without_telegram_apprise_says_it(stop, api, chat):
    closes(api)
    assert stop().alert == "sent"
    assert len(chat.got) == 1


@pytest.mark.parametrize("how", ["it closes nothing", "the exchange shows more than it knows"])
def test_one_that_does_not_close_all_is_ended(stop, exchange, api, tmp_path, how):
    if "exchange" in how:
        closes(api)
        exchange.answers = [Flattened(False, planned=("close it",)), Flattened(True)]
    with freqtrade_like(tmp_path, tmp_path / "trades.sqlite") as process:
        report = stop()
        assert process.wait(10) == 0
    assert exchange.asked[-1] == "flatten"
    assert (report.exit_code, report.bot, report.bot_after) == (0, "alive", "ended")


def test_one_that_hangs_is_ended_before_anything_is_closed(stop, exchange, api, bot, tmp_path):
    ended_before = []

    def answer(*given, **more):
        ended_before.append(process.poll() is not None)
        return Flattened(True)

    lock = bot().places.lock
    with freqtrade_like(tmp_path, lock=lock) as process, pytest.MonkeyPatch.context() as patch:
        process.send_signal(signal.SIGSTOP)
        patch.setattr(engine, "flatten", answer)
        report = stop()
        assert ended_before == [True]
    assert (report.exit_code, report.bot, report.bot_after) == (0, "hung", "ended")
    assert api.asked == []


def test_while_it_closes_no_bot_can_start(stop, exchange, api, bot):
    without_api(api)
    lock, free = bot().places.lock, []

    def answer(*given, **more):
        free.append(not is_held(lock, unknown=False))
        return Flattened(True)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "flatten", answer)
        stop()
    assert free == [False]
    assert not is_held(lock, unknown=False)


def test_one_out_of_reach_is_a_finding_and_all_is_closed(stop, exchange, api, bot, tmp_path):
    without_api(api)
    with freqtrade_like(tmp_path, lock=bot().places.lock, name="renamed") as process:
        report = stop()
        assert process.poll() is None
    assert exchange.asked == ["flatten"]
    assert (report.exit_code, report.bot_after, report.flat) == (1, "out of reach", True)
    assert "another container" in report.problems[0]


def test_a_latch_that_cannot_be_written_stops_nothing(stop, exchange, latch, api):
    without_api(api)
    latch.parent.parent.mkdir(parents=True)
    latch.parent.write_text("no folder")
    report = stop()
    assert exchange.asked == ["flatten"]
    assert (report.exit_code, report.latched, report.flat) == (1, False, True)
    assert "cannot be written" in report.problems[0]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (BadInputError("exchange.key must be given"), "exchange.key must be given"),
        (KeyError("secret"), "closing at the exchange has failed: KeyError"),
    ],
)
def test_what_fails_at_the_exchange_is_reported(stop, exchange, latch, api, chat, error, words):
    without_api(api)
    exchange.answers = [error]
    report = stop()
    assert (report.exit_code, report.flat, report.latched) == (1, False, True)
    assert words in report.problems[0]
    assert len(chat.got) == 1


def test_again_on_a_flat_account_it_says_nothing_new(stop, exchange, latch, api, chat):
    without_api(api)
    exchange.answers = [Flattened(True)]
    write(latch, LatchState.HALTED, "anna@desk", "too hot")
    report = stop()
    assert (report.exit_code, report.flat, report.alert) == (0, True, "")
    assert (read(latch).by, read(latch).why) == ("anna@desk", "too hot")
    assert chat.got == []


def test_a_damaged_latch_is_halted(stop, latch, api):
    without_api(api)
    latch.parent.mkdir(parents=True)
    latch.write_text("{")
    assert stop().exit_code == 0
    assert read(latch).state is LatchState.HALTED


def test_of_two_at_once_one_waits(stop, exchange, latch, api):
    without_api(api)
    folder = latch.parent.parent / "stop"
    folder.mkdir(parents=True)
    with FileLock(folder / "trades.state.lock"):
        report = stop(seconds=0.5)
    assert exchange.asked == []
    assert (report.exit_code, report.flat, report.latched) == (1, None, True)
    assert "another perpkit stop" in report.problems[0]


# Dry-run


def test_in_dry_run_nothing_is_at_the_exchange(stop, exchange, api, tmp_path, bot):
    without_api(api)
    report = stop(dry_run=True)
    assert (report.exit_code, report.flat, exchange.asked) == (0, True, [])
    written = tmp_path / "user_data" / "perpkit" / "latch" / "main.dry-run.json"
    assert read(written).state is LatchState.HALTED


def test_in_dry_run_a_bot_that_is_alive_closes(stop, exchange, api):
    closes(api)
    report = stop(dry_run=True)
    assert (report.exit_code, report.flat, exchange.asked) == (0, True, [])
    assert len(report.closed) == 2


def test_in_dry_run_one_that_does_not_is_said_and_not_ended(stop, exchange, tmp_path):
    with freqtrade_like(tmp_path, tmp_path / "trades.sqlite") as process:
        report = stop(dry_run=True)
        assert process.poll() is None
    assert (report.exit_code, report.flat, exchange.asked) == (1, False, [])
    assert "stay open" in report.left[0]


# Without a configuration


def test_without_a_configuration_the_latch_alone(tmp_path, latch, exchange):
    (tmp_path / "user_data").mkdir()
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    order = StopRequest([broken], tmp_path / "user_data", None, False, False, "", 60, None)
    report = stop_account(order, lambda _: None)
    assert (report.exit_code, report.latched, exchange.asked) == (2, True, [])
    assert "only the stop latch was set" in report.mistake
    assert read(latch).state is LatchState.HALTED


def test_without_anything_nothing_is_said_to_be_done(tmp_path, exchange, monkeypatch):
    monkeypatch.chdir(tmp_path)
    order = StopRequest([tmp_path / "absent.json"], None, None, False, False, "", 60, None)
    report = stop_account(order, lambda _: None)
    assert (report.exit_code, report.latched, report.latch) == (2, False, [])
    assert "NOTHING was latched or closed" in report.mistake

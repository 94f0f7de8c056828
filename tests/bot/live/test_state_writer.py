"""The state file is written in every cycle, without disturbing it. With a whole bot:
tests/integration/test_state_file.py."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import time_machine
from freqtrade.enums import State
from freqtrade.exceptions import OperationalException, TemporaryError
from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.live.state_writer import StateWriter
from perpkit.bot.positions.account import AccountStanding
from perpkit.bot.positions.trade_lock import TradeLock
from perpkit.bot.positions.trades import TradeStates
from perpkit.record import state_file
from tests import factories
from tests.factories import START as NOW


class Bot:
    """The part of Freqtrade's bot that is needed here. `fails` is raised by its cycle."""

    def __init__(self, folder) -> None:
        self.config = {
            "db_url": f"sqlite:///{folder}/trades.sqlite",
            "user_data_dir": folder,
            "dry_run": False,
            "stake_currency": "USDT",
            "timeframe": "1h",
        }
        self.active_pair_whitelist: list[str] = []
        self.strategy = SimpleNamespace(get_strategy_name=lambda: "Mine")
        self.state = State.RUNNING
        self._exit_lock = TradeLock()
        self.fails: BaseException | None = None
        self.cycles: list[str] = []
        self.told: list[str] = []

    def process(self) -> None:
        self.cycles.append("process")
        if self.fails:
            raise self.fails

    def process_stopped(self) -> None:
        self.cycles.append("process_stopped")

    def notify_status(self, message, kind) -> None:
        self.told.append(message)


@pytest.fixture(autouse=True)
def clock():
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def bot(tmp_path, trade_database) -> Bot:
    return Bot(tmp_path)


class Priced:
    """An account in which every pair costs as much."""

    def __init__(self, price: float) -> None:
        self.price = price

    def rate(self, _pair, _now) -> float:
        return self.price

    def capital(self, _now) -> float:
        return 1_000.0

    def at(self, _now) -> AccountStanding:
        return AccountStanding(10.0, 5.0)

    def balance(self) -> None:
        return None


def writer_of(bot) -> StateWriter:
    return StateWriter(bot, TradeStates(True), Priced(30_000.0))


def started(bot, **reports) -> StateWriter:
    writer = writer_of(bot)
    for name, report in reports.items():
        writer.add(name, report)
    writer.start()
    return writer


def test_a_cycle_is_written(bot, clock):
    writer = started(bot, parts_off=lambda _now: ("nothing",))
    bot.process()
    bot.state = State.STOPPED
    clock.shift(5)
    bot.process_stopped()
    written = state_file.read(writer.path)
    assert bot.cycles == ["process", "process_stopped"]
    assert (written.strategy, written.mode, written.bot_state) == ("Mine", "live", "stopped")
    assert (written.started_at, written.age_seconds(NOW)) == (NOW, -5)
    assert written.parts_off == ("nothing",)
    assert written.loop.cycles == 2
    assert written.loop.succeeded_at == written.written_at
    assert written.missing == {}


def test_the_file_of_an_earlier_process_is_not_taken_for_this_one(bot):
    seen = []
    bot.process = lambda: seen.append(state_file.read(writer.path).loop)
    writer = started(bot)
    bot.process()
    bot.process()
    assert [loop and loop.cycles for loop in seen] == [None, 1]


@pytest.mark.parametrize("error", [TemporaryError("no answer"), OperationalException("no")])
def test_one_that_fails_is_written_and_goes_on_failing(bot, error):
    writer = started(bot)
    bot.process()
    bot.fails = error
    for _ in range(2):
        with pytest.raises(type(error)):
            bot.process()
    loop = state_file.read(writer.path).loop
    assert (loop.cycles, loop.failed, loop.succeeded_at) == (3, 2, NOW)
    assert loop.error == f"{type(error).__name__}: {error}"
    bot.fails = None
    bot.process()
    loop = state_file.read(writer.path).loop
    assert (loop.failed, loop.error) == (0, "")


def test_a_failure_that_another_part_swallows_is_seen(bot):
    writer = writer_of(bot)
    cycle = bot.process

    def swallowing() -> None:
        with pytest.raises(TemporaryError):
            cycle()

    replace(bot, "bot.process", swallowing)
    writer.start()
    bot.fails = TemporaryError("no answer")
    bot.process()
    assert state_file.read(writer.path).loop.failed == 1


def test_the_end_of_the_process_does_not_wait_for_it(bot):
    writer = started(bot)
    bot.fails = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        bot.process()
    assert state_file.read(writer.path).loop is None


def test_a_part_that_fails_is_named_and_the_rest_is_there(bot, caplog):
    def fails(_now):
        raise KeyError("x")

    writer = started(bot, trading=fails, parts_off=lambda _now: ())
    factories.trade()
    for _ in range(3):
        bot.process()
    written = state_file.read(writer.path)
    assert written.missing == {"trading": "KeyError: 'x'"}
    assert written.trading is None
    assert written.parts_off == ()
    assert len(written.positions) == 1
    assert len([m for m in caplog.messages if "cannot be collected" in m]) == 1


def test_without_the_database_the_rest_is_there(bot, monkeypatch):
    def fails():
        raise RuntimeError("database is locked")

    monkeypatch.setattr(Trade, "get_open_trades", fails)
    writer = started(bot)
    bot.process()
    written = state_file.read(writer.path)
    assert written.missing == {"positions": "RuntimeError: database is locked"}
    assert written.positions is written.entries is None


def test_a_part_that_does_not_fit_is_an_error_of_the_file_only(bot):
    started(bot, parts_off=lambda _now: 7)
    bot.process()
    assert bot.cycles == ["process"]
    assert len(bot.told) == 1


def test_a_place_that_cannot_be_written_is_said_once(bot, caplog, tmp_path):
    caplog.set_level("INFO")
    bot.config["db_url"] = f"sqlite:///{tmp_path}/file/trades.sqlite"
    (tmp_path / "file").touch()
    writer = started(bot)
    for _ in range(3):
        bot.process()
    assert len(bot.cycles) == 3
    [told] = bot.told
    assert "cannot be written" in told
    assert "Trading continues" in told
    (tmp_path / "file").unlink()
    bot.process()
    assert state_file.read(writer.path).loop.cycles == 4
    assert "The state file can be written again." in caplog.messages
    writer.path.unlink()
    writer.path.parent.rmdir()
    (tmp_path / "file").touch()
    bot.process()
    assert len(bot.told) == 2


def test_an_operator_who_cannot_be_told_is_no_reason_to_stop(bot, monkeypatch):
    def fails(*_):
        raise RuntimeError("no Telegram")

    monkeypatch.setattr(bot, "notify_status", fails)
    monkeypatch.setattr(state_file, "write", fails)
    started(bot)
    bot.process()
    assert bot.cycles == ["process"]


def test_only_fields_of_the_file_can_be_reported(bot):
    with pytest.raises(KeyError, match="weather"):
        started(bot, weather=lambda _now: "fine")

"""A signal ends the bot, however it is hidden. Processes: tests/integration/test_signals.py."""

from __future__ import annotations

import signal
from contextlib import suppress
from threading import Thread

import numpy as np
import pytest
from freqtrade.enums import State

from perpkit.bot.live.ending_signals import LOST, EndingSignals

BOTH = (signal.SIGINT, signal.SIGTERM)


def freqtrade_raises(_number, _frame):
    raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def freqtrade():
    """Its handlers; what was there before comes back."""
    before = {each: signal.signal(each, freqtrade_raises) for each in BOTH}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)


class Bot:
    """With a cycle that does `work`."""

    def __init__(self, work=lambda: None) -> None:
        self.work = work
        self.state = State.RUNNING
        self.cleaned = False

    def process(self):
        self.work()

    process_stopped = process

    def cleanup(self):
        self.cleaned = True


class ColumnType:
    """As a time with a zone, which numpy shows in an error of its own and clears that error."""

    def __init__(self, each) -> None:
        self._each = each

    def __repr__(self) -> str:
        signal.raise_signal(self._each)
        return "datetime64[us, UTC]"


def swallowed(each):
    """As by the bare `except` of a strategy."""
    with suppress(BaseException):
        signal.raise_signal(each)


def replaced(each):
    """As by an assertion in a `finally` of SQLAlchemy's."""
    try:
        signal.raise_signal(each)
    finally:
        raise AssertionError


def in_a_finalizer(each):
    class Finalized:
        def __del__(self):
            signal.raise_signal(each)

    Finalized()


def cleared(each):
    assert np.dtype(float) != ColumnType(each)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("cycle", ["process", "process_stopped"])
@pytest.mark.parametrize("each", BOTH)
@pytest.mark.parametrize("hidden", [swallowed, replaced, in_a_finalizer, cleared])
def test_a_hidden_signal_ends_the_bot_with_its_cycle(hidden, each, cycle, caplog):
    bot, done = Bot(), []
    bot.work = lambda: (hidden(each), done.append(True))
    EndingSignals(bot)
    with pytest.raises(KeyboardInterrupt):
        getattr(bot, cycle)()
    assert done == ([] if hidden is replaced else [True])  # nothing more is broken off
    assert LOST in caplog.text


def test_one_hidden_between_two_cycles_ends_the_bot_before_the_next():
    worked = []
    bot = Bot(lambda: worked.append(True))
    EndingSignals(bot)
    swallowed(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        bot.process()
    assert worked == []


def test_one_that_is_not_hidden_ends_the_bot_at_once(caplog):
    bot = Bot(lambda: signal.raise_signal(signal.SIGINT))
    EndingSignals(bot)
    with pytest.raises(KeyboardInterrupt):
        bot.process()
    assert LOST not in caplog.text


def test_an_error_without_a_signal_is_as_it_was():
    def work():
        raise ValueError("its own")

    bot = Bot(work)
    EndingSignals(bot)
    with pytest.raises(ValueError, match="its own"):
        bot.process()


def test_an_ignored_signal_stays_ignored():
    """As of `nohup`, or of a job in a shell's background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    bot = Bot(lambda: signal.raise_signal(signal.SIGINT))
    EndingSignals(bot)
    bot.process()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


@pytest.mark.parametrize("when", ["before", "while"])
def test_one_hidden_around_a_reload_ends_the_next_bot(when):
    first, second = Bot(), Bot()
    EndingSignals(first)
    first.state = State.RELOAD_CONFIG
    if when == "before":
        swallowed(signal.SIGTERM)
    first.cleanup()
    if when == "while":
        swallowed(signal.SIGTERM)
    EndingSignals(second)
    with pytest.raises(KeyboardInterrupt):
        second.process()
    second.cleanup()
    assert [signal.getsignal(each) for each in BOTH] == [freqtrade_raises] * 2


def test_a_handler_that_goes_on_ends_nothing(caplog):
    signal.signal(signal.SIGTERM, lambda *_: None)
    bot = Bot(lambda: signal.raise_signal(signal.SIGTERM))
    EndingSignals(bot)
    bot.process()
    assert LOST not in caplog.text


def test_the_handlers_come_back_when_the_bot_is_cleaned_up():
    first, second = Bot(), Bot()
    for bot in (first, second):
        EndingSignals(bot)
        assert signal.getsignal(signal.SIGTERM) is not freqtrade_raises
        bot.cleanup()
        assert bot.cleaned
    assert [signal.getsignal(each) for each in BOTH] == [freqtrade_raises] * 2


def test_a_handler_that_came_later_is_kept():
    bot = Bot()
    EndingSignals(bot)
    signal.signal(signal.SIGTERM, later := lambda *_: None)
    bot.cleanup()
    assert signal.getsignal(signal.SIGTERM) is later
    assert signal.getsignal(signal.SIGINT) is freqtrade_raises


def test_outside_of_the_main_thread_nothing_changes():
    bot = Bot()
    thread = Thread(target=EndingSignals, args=(bot,))
    thread.start()
    thread.join()
    bot.process()
    assert signal.getsignal(signal.SIGTERM) is freqtrade_raises

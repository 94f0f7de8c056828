"""The lock under which trades are read and changed. With whole bots: tests/integration."""

from __future__ import annotations

from threading import Event, Lock, Thread
from types import SimpleNamespace
from unittest import mock

import pytest
from freqtrade.persistence import Trade, init_db
from sqlalchemy import event, text

from perpkit.bot.live.shared_trades import UNLOCKED, share_trades
from perpkit.bot.positions.trade_lock import TradeLock, lock_of
from perpkit.bot.refusals import RefusalKind, Refusals
from tests import factories


class Bot:
    def __init__(self) -> None:
        self._exit_lock = Lock()
        self.slots, self.entered = 1, []
        self.held: list[bool] = []
        for attribute in UNLOCKED:
            setattr(
                self,
                attribute.removeprefix("bot."),
                lambda: self.held.append(self._exit_lock.locked()),
            )

    def execute_entry(self, pair, stake_amount, price=None, **kwargs) -> bool:
        self.entered.append(pair)
        return True

    def get_free_open_trades(self) -> int:
        return self.slots

    def cleanup(self) -> None:
        self.counted = len(Trade.get_open_trades())
        Trade.commit()


@pytest.fixture
def database(tmp_path):
    init_db(f"sqlite:///{tmp_path}/trades.sqlite")
    Trade.use_db = True
    yield
    Trade.session.remove()


def elsewhere(statement: str) -> None:
    """Runs in another thread, which has its own session."""

    def run() -> None:
        Trade.session.execute(text(statement))
        Trade.commit()
        Trade.session.remove()

    thread = Thread(target=run)
    thread.start()
    thread.join()


def test_what_was_read_before_is_read_again(database):
    trade, lock = factories.trade(), TradeLock()
    assert trade.stop_loss > 20_000
    elsewhere("UPDATE trades SET stop_loss = 1")
    assert trade.stop_loss > 20_000  # as SQLAlchemy has it
    with lock:
        assert trade.stop_loss == 1
        with lock:  # for what it calls, which may take it as well
            trade.stop_loss = 2.0
        assert trade.stop_loss == 2
    elsewhere("UPDATE trades SET stop_loss = stop_loss + 1")
    assert trade.stop_loss == 3


def test_what_cannot_be_stored_is_given_up(database, monkeypatch):
    """A cycle must continue with the state in the database."""
    trade, commit = factories.trade(), Trade.commit

    def fails() -> None:
        monkeypatch.setattr(Trade, "commit", commit)
        raise OSError("the disk is full")

    trade.stop_loss = 5.0
    monkeypatch.setattr(Trade, "commit", fails)
    with TradeLock():
        assert trade.stop_loss > 20_000


def test_an_error_under_it_releases_it(database):
    lock = TradeLock()
    with pytest.raises(RuntimeError), lock, lock:
        raise RuntimeError
    assert not lock.locked()
    thread = Thread(target=lambda: lock.__enter__().__exit__(None, None, None))
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("when", ["before_commit", "after_commit"])
@pytest.mark.parametrize("entering", [True, False])
def test_a_signal_within_its_commit_leaves_a_session_to_use(database, when, entering):
    """Freqtrade's own last commit follows, and other threads wait for the lock."""
    trade, lock, signals = factories.trade(), TradeLock(), [KeyboardInterrupt]

    def signal(_session) -> None:
        if signals:
            raise signals.pop()

    if not entering:
        lock.__enter__()
    trade.stop_loss = 5.0
    event.listen(Trade.session(), when, signal)
    commits = lock.__enter__ if entering else lambda: lock.__exit__(None, None, None)
    with pytest.raises(KeyboardInterrupt):
        commits()
    assert not lock.locked()
    Trade.commit()
    # What had been stored stays, what had not is as it was.
    [left] = Trade.get_trades().all()
    assert (left.stop_loss == 5.0) is (when == "after_commit")


@pytest.mark.parametrize("statement", ["SELECT", "UPDATE"])
def test_after_a_signal_within_a_statement_the_clean_up_can_count(database, statement):
    bot, trade, signals = Bot(), factories.trade(), [KeyboardInterrupt]
    share_trades(bot, Refusals())

    def signal(_connection, _cursor, sent, *_) -> None:
        if sent.startswith(statement) and signals:
            raise signals.pop()

    event.listen(Trade.session.get_bind(), "after_cursor_execute", signal)
    trade.stop_loss = 5.0
    with pytest.raises(KeyboardInterrupt):
        Trade.get_open_trades() if statement == "SELECT" else Trade.session.flush()
    bot.cleanup()
    assert bot.counted == 1


@pytest.mark.parametrize("counted", [-1, 0, 1])
def test_a_lock_that_a_signal_has_left_held_keeps_no_other_thread(database, counted):
    """One on the way into `__exit__`: a request of Telegram's waited for ever, the end for it."""
    bot = Bot()
    lock = share_trades(bot, Refusals())
    lock.__enter__()
    lock.__enter__()
    lock._depth += counted  # the signal struck between the lock and its count
    bot.cleanup()
    assert not lock.locked()
    with lock:
        assert lock.locked()
    taken = []

    def request() -> None:
        taken.append(lock._lock.acquire(timeout=10))

    thread = Thread(target=request)
    thread.start()
    thread.join()
    assert taken == [True]


def test_a_lock_that_another_thread_holds_stays_its_own(database):
    bot = Bot()
    lock, held, ended = share_trades(bot, Refusals()), Event(), Event()

    def request() -> None:
        with lock:
            held.set()
            ended.wait(10)

    thread = Thread(target=request)
    thread.start()
    held.wait(10)
    bot.cleanup()
    assert lock.locked()
    ended.set()
    thread.join()
    assert not lock.locked()


def test_where_the_database_is_gone_the_bot_ends_all_the_same(database, monkeypatch):
    bot, ended = Bot(), []
    bot.cleanup = lambda: ended.append(True)
    share_trades(bot, Refusals())
    gone = mock.Mock(side_effect=OSError("the database is gone"))
    monkeypatch.setattr(Trade, "commit", gone)
    with mock.patch.object(type(Trade.session), "close", gone):
        bot.cleanup()
    assert ended == [True]


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [(None, True), (ValueError, True), (KeyboardInterrupt, False), (SystemExit, False)],
)
def test_after_a_signal_nothing_counts_as_complete(database, error, goes_on):
    """A clean-up takes the lock once more; the orders of an interrupted entry are not handled."""
    lock, released = TradeLock(), []
    lock.on_release = lambda: released.append(True)
    if error is not None:
        with pytest.raises(error), lock, lock:
            raise error
    with lock:
        pass
    assert released == [True] * goes_on


def test_what_freqtrade_calls_without_the_lock_takes_it(database):
    bot = Bot()
    lock = share_trades(bot, Refusals())
    for name in UNLOCKED:
        getattr(bot, name.removeprefix("bot."))()
    assert bot.held == [True] * len(UNLOCKED)
    assert bot._exit_lock is lock


@pytest.mark.parametrize(
    ("state", "slots", "entered"),
    [(None, 1, True), (None, 0, False), ("open", 1, False), ("closed", 1, True)],
)
def test_a_first_entry_is_made_where_there_is_none(database, state, slots, entered):
    bot, refusals = Bot(), Refusals()
    share_trades(bot, refusals)
    bot.slots = slots
    if state:
        factories.trade(close_rate=None if state == "open" else 30_500.0)
    assert bot.execute_entry("BTC/USDT:USDT", 100, is_short=False) is entered
    assert bool(bot.entered) is entered
    assert [(each.kind, each.side) for each in refusals.newest] == [
        (RefusalKind.OVERTAKEN, "long")
    ] * (not entered)


@pytest.mark.parametrize("closed", [False, True])
def test_an_addition_is_made_to_what_is_open(database, closed):
    bot, refusals = Bot(), Refusals()
    share_trades(bot, refusals)
    bot.slots = 0  # it takes none
    trade = factories.trade(close_rate=30_500.0 if closed else None)
    assert bot.execute_entry("BTC/USDT:USDT", 100, trade=trade, mode="pos_adjust") is not closed
    assert bool(refusals.newest) is closed


def test_where_there_is_no_bot_there_is_no_lock():
    with lock_of(SimpleNamespace()):
        pass
    bot = Bot()
    dp = SimpleNamespace(_DataProvider__rpc=SimpleNamespace(_rpc=SimpleNamespace(_freqtrade=bot)))
    with bot._exit_lock, lock_of(dp):  # Freqtrade's own would wait for itself
        pass
    share_trades(bot, Refusals())
    with lock_of(dp) as held:
        assert held.locked()

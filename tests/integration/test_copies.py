"""A second bot with the first one's identity: a copied folder, a restored backup, a lost journal.

The original has a position with its stop, and an entry that waits. What the second one may do with
them is nothing, until `perpkit adopt`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import ccxt
import pytest
import time_machine
from filelock import FileLock, Timeout
from freqtrade.enums import State
from freqtrade.exceptions import OperationalException, StrategyError
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import PairLocks
from freqtrade.rpc import RPCException
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.record.journal import Journal
from perpkit.record.opening import OPENED
from perpkit.record.places import places
from perpkit.venue.market.history import History
from perpkit.venue.market.instruments import Instrument
from tests.bench.acts import STEP, live_stops, warnings
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue
from tests.bench.machine import machine  # noqa: F401
from tests.bench.planted import KEY, SECRET
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
ETHER = Instrument("ETH", tick_size=0.01, step_size=0.001)
GUARDED = "GuardedSteered"
STATES = ["running", "paused", "stopped"]
RUNNING = [STATES[0], *(pytest.param(state, marks=SLOW) for state in STATES[1:])]


def market() -> History:
    """Bitcoin gains 4% from the fifth minute to the fifteenth, so that a stop would trail."""
    btc = scripted_market(START, [(0, 50_000.0), (5, 50_000.0), (15, 52_000.0)])
    eth = scripted_market(START, [(0, 2_500.0)], instrument=ETHER)
    return History({**btc.pairs, **eth.pairs})


class Bots:
    """At one venue, each with a folder of its own."""

    def __init__(self, root: Path) -> None:
        self.venue = SameVenue()
        self.root = root
        self.market = market()

    def folder(self, name: str) -> Path:
        return self.root / name

    def db_url(self, name: str) -> str:
        return f"sqlite:///{self.folder(name)}/trades.sqlite"

    @contextmanager
    def start(self, name: str, at: datetime, **settings):
        self.folder(name).mkdir(exist_ok=True)
        given = {**LIVE, "max_open_trades": 2, "db_url": self.db_url(name), **settings}
        with bench(
            GUARDED,
            self.market,
            at,
            serve=self.venue.serve,
            userdir=self.folder(name),
            **given,
        ) as bot:
            yield bot

    def original(self) -> datetime:
        """Opens what there is, and ends; when it did."""
        with self.start("original", START) as bot:
            open_position_and_entry(bot, self.venue)
            return bot.now

    def copy(self) -> None:
        shutil.copytree(self.folder("original"), self.folder("copy"))

    def adopt(self, name: str):
        return CliRunner().invoke(app, ["adopt", "--yes", f"--db-url={self.db_url(name)}"])

    def opened(self, name: str) -> str | None:
        """How often its journal was."""
        journal = Journal.open(self.folder(name) / "trades.journal.sqlite")
        try:
            return journal.about(OPENED)
        finally:
            journal.close()

    @property
    def orders(self) -> list[tuple]:
        """All that there are and have been at the exchange, and what became of them."""
        self.venue.exchange.catch_up()
        account = self.venue.account
        return [(o.id, o.status, o.executed) for o in account.orders.values()] + [
            (a.id, a.status, a.trigger_price) for a in account.algos.values()
        ]


def open_position_and_entry(bot, venue) -> None:
    strategy = bot.bot.strategy
    PairLocks.lock_pair(ETH, bot.now + timedelta(hours=1))
    strategy.side = "long"
    bot.run_until(lambda: live_stops(venue), 5 * MINUTE, STEP)
    [lock] = PairLocks.get_pair_locks(ETH)
    lock.active = False
    strategy.crossing = False
    bot.run_until(lambda: len(venue.account.orders) == 2, 2 * MINUTE, STEP)
    strategy.side = None
    assert [trade.pair for trade in bot.trades()] == [BTC, ETH]


def tempt(bot) -> None:
    """To move its stop, to sell, and to enter."""
    strategy = bot.bot.strategy
    strategy.trails = strategy.leave = True
    strategy.side = "long"


@contextmanager
def requests(bot):
    """Those that do not only read."""
    sent = []
    with mock.patch.object(bot.wire, "ask", wraps=bot.wire.ask) as ask:
        yield sent
    sent += [call.args[:2] for call in ask.call_args_list if call.args[0] != "GET"]


def by_command(bot) -> list[str]:
    """What each command that would change something answers."""
    rpc, answers = bot.bot.rpc._rpc, []
    for command, arguments in (
        ("_rpc_force_exit", ("all",)),
        ("_rpc_force_entry", (ETH, None)),
        ("_rpc_cancel_open_order", (2,)),
        ("_rpc_reload_trade_from_exchange", (1,)),
        ("_rpc_delete", (1,)),
    ):
        with pytest.raises(RPCException) as refused:
            getattr(rpc, command)(*arguments)
        answers.append(str(refused.value))
    return answers


@pytest.fixture
def bots(tmp_path) -> Bots:
    return Bots(tmp_path)


def test_a_journal_is_opened_once_at_a_start_and_once_when_it_was_adopted(bots):
    """Database and journal count it, and compare."""
    with bots.start("original", START) as bot:
        assert bots.opened("original") == "1"
        open_position_and_entry(bot, bots.venue)
        now = bot.now
    with bots.start("original", now):
        assert bots.opened("original") == "2"
    bots.copy()
    with bots.start("copy", now) as bot:
        bot.run(2, STEP)
        assert bots.opened("copy") == "2"
        assert bots.adopt("copy").exit_code == 0
        bot.run(12, STEP)
        assert bots.opened("copy") == "4"  # by the command, too
        running = bot.bot.strategy._running
        assert running.obstacles.journal == ("sound", "")
        journal = running._guard._intents.journal
        assert journal is running.obstacles.opened.journal
        assert journal.path == bots.folder("copy") / "trades.journal.sqlite"


@pytest.mark.parametrize("state", RUNNING)
def test_a_copied_folder_looks_on_until_it_is_adopted(bots, state):
    now = bots.original()
    bots.copy()
    before = bots.orders
    settings = {"initial_state": state, "cancel_open_orders_on_exit": True}
    with bots.start("copy", now, force_entry_enable=True, **settings) as bot:
        tempt(bot)
        with requests(bot) as sent:
            bot.run(12 * 3, STEP)  # ten minutes, in which the price rises
            answers = by_command(bot)
            exchange = bot.bot.exchange
            for call in (
                lambda: exchange.cancel_order("1", BTC),
                lambda: exchange._set_leverage(5, BTC, accept_fail=False),
                lambda: exchange._api.create_order(BTC, "market", "sell", 0.002),
            ):
                with pytest.raises((OperationalException, ccxt.BaseError), match="is not sent"):
                    call()
            bot.bot.cancel_all_open_orders()
        assert sent == []
        assert bots.orders == before
        [message] = [text for text in warnings(bot) if "PASSIVE" in text]
        for words in ("PASSIVE", "is a copy or a restored backup", "perpkit adopt", "stops"):
            assert words in message
        assert {answer[:7] for answer in answers} == {"PASSIVE"}
        assert [trade.pair for trade in bot.trades() if trade.is_open] == [BTC, ETH]
        now = bot.now
    assert bots.orders == before
    # As it runs: adopted, it goes on within a minute.
    with bots.start("copy", now, initial_state=state) as bot:
        bot.run(2, STEP)
        assert bots.adopt("copy").exit_code == 0
        bot.run(12, STEP)
        assert bot.bot.state is State[state.upper()]
        assert "No longer passive" in warnings(bot)[-1]
        assert len(live_stops(bots.venue)) == 1
        tempt(bot)
        bot.run(12 * 3, STEP)
        assert (bots.venue.amount == 0) is (state != "stopped")
        assert bool(live_stops(bots.venue)) is (state == "stopped")


@pytest.mark.usefixtures("machine")
def test_an_adopted_copy_obeys_what_else_was_found_at_its_start(bots):
    """It has no verdict on this machine; its runs and results are followed from then on."""
    now = bots.original()
    bots.copy()
    files = places(bots.db_url("copy"), bots.folder("copy"))
    for noted in (files.runs, files.ran):
        noted.unlink()
    with bots.start("copy", now, gated=True) as bot:
        bot.run(2, STEP)
        assert not files.runs.exists()
        assert not files.ran.exists()
        assert bots.adopt("copy").exit_code == 0
        tempt(bot)
        bot.run_until(lambda: not bots.venue.amount, 2 * MINUTE, STEP)
        bot.bot.strategy.leave, bot.bot.strategy.crossing = False, True
        bot.run(12, STEP)
        assert (bots.venue.amount, live_stops(bots.venue)) == (0, [])
        assert [trade.pair for trade in bot.trades()] == [BTC]  # the waiting entry is gone
        [message] = [m["msg"] for m in bot.messages if "Go-live" in m.get("msg", "")]
        assert message.startswith("REDUCING: Go-live gate")
        assert files.runs.exists()
        assert files.ran.exists()
        monitored = [m["msg"] for m in bot.messages if "Performance monitor" in m.get("msg", "")]
        assert len(monitored) == 1


def test_a_copy_with_nothing_open_does_not_start(bots):
    with bots.start("original", START) as bot:
        bot.run(2, STEP)
        now = bot.now
    bots.copy()
    with (
        pytest.raises(StrategyError, match=r'is a copy .* "perpkit adopt"'),
        bots.start("copy", now),
    ):
        pass
    assert bots.adopt("copy").exit_code == 0
    with bots.start("copy", now) as bot:
        bot.run(2, STEP)
        assert warnings(bot) == []


def test_a_copy_of_an_empty_folder_looks_on_while_the_account_has_any(bots):
    with bots.start("original", START) as bot:
        bot.run(1, STEP)
        bots_now = bot.now
    bots.copy()
    with bots.start("original", bots_now) as bot:
        open_position_and_entry(bot, bots.venue)
        now = bot.now
    before = bots.orders
    with bots.start("copy", now) as bot:
        tempt(bot)
        bot.run(12 * 3, STEP)
        assert "PASSIVE" in warnings(bot)[0]
    assert bots.orders == before


@SLOW
def test_the_original_goes_on_where_its_folder_was_moved(bots):
    now = bots.original()
    bots.folder("original").rename(bots.folder("elsewhere"))
    with bots.start("elsewhere", now) as bot:
        bot.run(12 * 3, STEP)
        assert warnings(bot) == []
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bots.venue.amount, 2 * MINUTE, STEP)


@pytest.mark.parametrize("state", RUNNING)
def test_an_older_database_looks_on_until_it_is_adopted(bots, state):
    """It knows nothing of the position, nor of its stop."""
    with bots.start("original", START) as bot:
        bot.run(1, STEP)
        now = bot.now
    shutil.copytree(bots.folder("original"), bots.folder("backup"))
    with bots.start("original", now) as bot:
        open_position_and_entry(bot, bots.venue)
        now = bot.now
    with bots.start("original", now) as bot:
        bot.run(1, STEP)
        now = bot.now
    before = bots.orders
    shutil.copy(bots.folder("backup") / "trades.sqlite", bots.folder("original"))
    with bots.start("original", now, initial_state=state, cancel_open_orders_on_exit=True) as bot:
        tempt(bot)
        with requests(bot) as sent:
            bot.run(12 * 3, STEP)
        assert sent == []
        [message] = [text for text in warnings(bot) if "PASSIVE" in text]
        assert "is from before the last start of the bot" in message
        now = bot.now
    assert bots.orders == before
    # Adopted, it acts; the position is not in its books, and keeps its stop.
    assert bots.adopt("original").exit_code == 0
    with bots.start("original", now, initial_state=state) as bot:
        bot.run(12 * 3, STEP)
        assert live_stops(bots.venue)
        assert bots.venue.amount > 0
        assert not [text for text in warnings(bot) if "PASSIVE" in text]


@pytest.mark.parametrize("state", RUNNING)
@pytest.mark.parametrize("what", ["gone", "damaged"])
def test_without_a_sound_journal_a_bot_makes_no_entry_and_keeps_its_stop(bots, state, what):
    now = bots.original()
    journal = bots.folder("original") / "trades.journal.sqlite"
    if what == "gone":
        journal.unlink()
    else:
        journal.write_bytes(b"broken" * 1000)
    with bots.start("original", now, initial_state=state) as bot:
        bot.bot.strategy.side = "short"
        bot.run(12 * 3, STEP)
        [message] = [m["msg"] for m in bot.messages if "REDUCING" in str(m.get("msg"))]
        assert "perpkit adopt" in message
        assert len(live_stops(bots.venue)) == 1
        assert len([t for t in bot.trades() if t.is_open and t.amount]) == 1
        now = bot.now
    assert bots.adopt("original").exit_code == 0
    with bots.start("original", now) as bot:
        bot.run(2, STEP)
        assert not [m for m in bot.messages if "REDUCING" in str(m)]
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bots.venue.amount, 2 * MINUTE, STEP)
        assert live_stops(bots.venue) == []


def test_without_a_journal_and_with_nothing_open_it_does_not_start(bots):
    with bots.start("original", START) as bot:
        bot.run(1, STEP)
        now = bot.now
    (bots.folder("original") / "trades.journal.sqlite").unlink()
    with (
        pytest.raises(StrategyError, match=r'is gone; .* "perpkit adopt"'),
        bots.start("original", now),
    ):
        pass


# Two that are both at work


def test_orders_of_another_bot_with_this_identity_are_left_alone(bots):
    """A copy was adopted while the original was away, and the original comes back."""
    with bots.start("original", START) as bot:
        PairLocks.lock_pair(ETH, bot.now + timedelta(minutes=20))
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: live_stops(bots.venue), 5 * MINUTE, STEP)
        now = bot.now
    bots.copy()
    assert bots.adopt("copy").exit_code == 0
    with bots.start("copy", now) as bot:
        bot.bot.strategy.trails = True
        bot.run(12 * 3, STEP)
        [theirs] = live_stops(bots.venue)
        now = bot.now
    with bots.start("original", now + 20 * MINUTE) as bot:
        bot.bot.strategy.side = "long"
        bot.run(12 * 3, STEP)
        [message] = [text for text in warnings(bot) if "another bot" in text]
        assert f"{theirs.id} in {BTC}" in message
        assert theirs in live_stops(bots.venue)
        assert {trade.pair for trade in bot.trades()} == {BTC}
        # Somebody cancels it; the trade has a stop of its own.
        engine, account = bots.venue.exchange.engine, bots.venue.account
        engine.cancel_algo(account, bots.venue.exchange.market.now(), algo_id=theirs.id)
        bot.run(12 * 3, STEP)
        assert {trade.pair for trade in bot.trades()} == {BTC, ETH}


@SLOW
def test_what_another_bot_had_placed_before_the_adoption_is_taken_over(bots):
    """The original goes on after its folder was copied, and ends; the copy has older files."""
    with bots.start("original", START) as bot:
        open_position_and_entry(bot, bots.venue)
        now = bot.now
    bots.copy()
    with bots.start("original", now) as bot:
        bot.bot.strategy.trails = True
        bot.run(12 * 3, STEP)
        now = bot.now
    with time_machine.travel(now, tick=False):
        assert bots.adopt("copy").exit_code == 0
    with bots.start("copy", now) as bot:
        bot.run(12 * 3, STEP)
        assert not [text for text in warnings(bot) if "another bot" in text]
        assert sum(stop.quantity for stop in live_stops(bots.venue)) == bots.venue.amount


# Both modes


@pytest.mark.parametrize("open_", [pytest.param(False, marks=SLOW), True])
def test_a_dry_run_database_in_live(bots, open_):
    dry = {"dry_run": True, "dry_run_wallet": 10_000}
    with bots.start("one", START, **dry) as bot:
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: any(t.amount for t in bot.trades()), 5 * MINUTE, STEP)
        if not open_:
            bot.bot.strategy.side, bot.bot.strategy.leave = None, True
            bot.run_until(lambda: not any(t.is_open for t in bot.trades()), 5 * MINUTE, STEP)
        now = bot.now
    with bots.start("one", now, **dry) as bot:
        bot.run(1, STEP)
    if not open_:
        with (
            pytest.raises(StrategyError, match=r'dry-run trades, .* its own "db_url"'),
            bots.start("one", now),
        ):
            pass
        return
    with bots.start("one", now) as bot:
        bot.bot.strategy.side = "long"
        bot.run(12 * 3, STEP)
        [message] = [m["msg"] for m in bot.messages if "REDUCING" in str(m.get("msg"))]
        assert "dry-run trades" in message
        assert bots.venue.amount == 0
        assert all(o.executed == 0 for o in bots.venue.account.orders.values())


@pytest.mark.parametrize("open_", [pytest.param(False, marks=SLOW), True])
def test_a_live_database_in_dry_run(bots, open_):
    with bots.start("one", START) as bot:
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: len(live_stops(bots.venue)) == 2, 5 * MINUTE, STEP)
        if not open_:
            bot.bot.strategy.side, bot.bot.strategy.leave = None, True
            bot.run_until(lambda: not any(t.is_open for t in bot.trades()), 5 * MINUTE, STEP)
        now = bot.now
    before = bots.orders
    dry = {"dry_run": True, "dry_run_wallet": 10_000}
    if not open_:
        with (
            pytest.raises(StrategyError, match=r'live trades, .* "dry_run": false'),
            bots.start("one", now, **dry),
        ):
            pass
        return
    with bots.start("one", now, **dry) as bot:
        tempt(bot)
        bot.run(12 * 3, STEP)
        assert len([text for text in warnings(bot) if "PASSIVE" in text]) == 1
        assert all(trade.is_open for trade in bot.trades())
        assert len(by_command(bot)) == 5
    assert bots.orders == before


# Started twice


HOLDS = """
import sys
from filelock import FileLock
lock = FileLock(sys.argv[1])
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_start_with_the_same_files_is_refused_whatever_is_open(bots):
    now = bots.original()
    before = bots.orders
    lock = places(bots.db_url("original"), bots.folder("original")).lock
    other = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(lock)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(StrategyError, match="is already running"),
            bots.start("original", now, cancel_open_orders_on_exit=True),
        ):
            pass
        assert bots.orders == before
    finally:
        other.communicate(timeout=10)
    with bots.start("original", now) as bot:
        bot.run(2, STEP)
        # As /reload_config does, in the same process.
        config = bot.bot.config
        bot.bot.cleanup()
        assert _is_free(lock)
        config["exchange"] |= {"key": KEY, "secret": SECRET}
        again = FreqtradeBot(config)
        assert not _is_free(lock)
        again.cleanup()


def _is_free(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False

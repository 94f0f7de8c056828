"""The state file of a whole bot: what it says in each state of it, and when a cycle fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from freqtrade.enums import State
from freqtrade.exceptions import OperationalException, TemporaryError
from freqtrade.persistence import PairLocks, Trade
from sqlalchemy import event
from typer.testing import CliRunner

from perpkit.bot.live.held import Sides
from perpkit.bot.live.positions_compared import Difference
from perpkit.bot.live.state_writer import StateWriter
from perpkit.breakers.breaker import Decision, Trading
from perpkit.cli import app
from perpkit.record import state, state_file
from perpkit.record.state_running import Journal
from perpkit.record.state_trading import Reconciliation, Restriction
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.acts import take_stops_away
from tests.bench.in_process import InProcessBot, bench
from tests.bench.live import LIVE, live_bench
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
STILL = scripted_market(START, [(0, 50_000.0)])
GUARDED = "GuardedSteered"
PAIR = "BTC/USDT:USDT"
DATABASE = "memory.state.json"
STATES = (State.RUNNING, State.PAUSED, State.STOPPED)
LIVE_ONLY = {"slippage", "failing", "reconciliation", "journal"}


def shown(userdir, file=f"perpkit/{DATABASE}") -> state.State:
    return state_file.read(userdir / file)


def absent(found: state.State) -> set[str]:
    """Parts that it does not have; in these it is not passive, and asks no model."""
    missing = {name for name, value in found.model_dump().items() if value is None}
    return missing - {"passive", "model"}


@contextmanager
def running(mode, userdir, **settings) -> Iterator[InProcessBot]:
    """A bot in one of both modes, at a venue where nothing moves."""
    if mode == "live":
        with live_bench(GUARDED, STILL, START, userdir=userdir, **settings) as (bot, _):
            yield bot
        return
    settings = {**LIVE, "dry_run": True, **settings}
    with bench(GUARDED, STILL, START, userdir=userdir, **settings) as bot:
        yield bot


def enter(bot) -> Trade:
    bot.bot.strategy.side = "long"
    bot.run_until(lambda: any(t.has_open_position for t in bot.trades()), 5 * MINUTE, STEP)
    bot.bot.strategy.side = None
    bot.run(2, STEP)
    [trade] = bot.trades()
    return trade


@pytest.mark.parametrize("mode", ["dry-run", "live"])
def test_every_field_is_there_in_every_state(mode, tmp_path):
    with running(mode, tmp_path) as bot:
        trade = enter(bot)
        for number, of_bot in enumerate(STATES):
            bot.bot.state = of_bot
            bot.run(2, STEP)
            found = shown(tmp_path)
            assert found.missing == {}
            assert absent(found) <= (LIVE_ONLY if mode == "dry-run" else set())
            assert (found.mode, found.bot_state) == (mode, of_bot.name.lower())
            assert bot.now - found.written_at <= 2 * STEP
            assert found.strategy == GUARDED
            assert found.throttle_seconds == 5
            assert found.loop.cycles > 2 * number
            assert found.loop.succeeded_at == found.written_at
            [held] = found.positions
            [stop] = trade.open_sl_orders
            assert (held.trade_id, held.pair, held.side) == (trade.id, PAIR, "long")
            assert (held.amount, held.open_rate) == (trade.amount, trade.open_rate)
            assert (held.leverage, held.stop_price) == (3.0, pytest.approx(trade.stop_loss))
            assert held.liquidation_price == trade.liquidation_price
            assert held.covered
            assert [each.order_id for each in held.covered_by] == [stop.order_id]
            assert held.since < found.written_at
            assert found.entries == ()
            assert found.trading.state == "active"
            if mode == "live":
                assert found.slippage.fills == 1
                assert found.reconciliation == Reconciliation(compared=True, refused={})
                assert found.failing == ()
                assert found.journal == Journal(state="sound", open_intents=0)
            assert state_file.read_fresh(tmp_path / "perpkit" / DATABASE, bot.now) == found


def test_an_entry_that_waits_is_shown(tmp_path):
    with live_bench(GUARDED, STILL, START, userdir=tmp_path) as (bot, venue):
        bot.bot.strategy.side, bot.bot.strategy.crossing = "short", False
        bot.run_until(lambda: venue.account.orders, 2 * MINUTE, STEP)
        bot.bot.strategy.side = None
        [order] = venue.account.orders.values()
        venue.exchange.engine.fill_order(
            venue.account, order.id, order.quantity / 17, venue.exchange.market.now()
        )
        with mock.patch.object(bot.bot.strategy, "check_entry_timeout", return_value=False):
            bot.run(1, STEP)
        found = shown(tmp_path)
        [entry] = found.entries
        assert (entry.order_id, entry.pair, entry.side) == (str(order.id), PAIR, "short")
        assert (entry.type, entry.amount) == ("limit", float(order.quantity))
        assert entry.filled == pytest.approx(float(order.quantity) / 17)
        assert entry.price == float(order.price)
        assert START <= entry.placed_at < found.written_at
        assert found.positions == ()


def test_a_position_without_its_stop_is_shown_as_that(tmp_path):
    with live_bench(GUARDED, STILL, START, userdir=tmp_path) as (bot, venue):
        enter(bot)
        bot.bot.strategy.trails = True
        faults = venue.exchange.market.faults
        faults.add(Fault(FaultKind.RESET, endpoint="POST /fapi/v1/algoOrder"))
        take_stops_away(bot)
        covered_at = bot.now
        bot.run(1, timedelta(seconds=2))
        found = shown(tmp_path)
        [held] = found.positions
        assert not held.covered
        assert held.covered_by == ()
        assert covered_at - 2 * STEP <= held.since <= covered_at


def test_what_the_guard_cannot_do_is_shown(tmp_path):
    with running("live", tmp_path) as bot:
        error = TemporaryError("no answer from https://fapi.binance.com/x?signature=abcdef")
        with mock.patch.object(bot.bot.exchange, "fetch_positions", side_effect=error):
            bot.run(1, STEP)
        found = shown(tmp_path)
        assert not found.reconciliation.compared
        [failing] = found.failing
        assert failing.error == "no answer from https://fapi.binance.com/x"
        assert (failing.count, failing.since) == (1, found.written_at)
        bot.run(20, STEP)
        found = shown(tmp_path)
        assert found.reconciliation.compared
        assert found.failing == ()


RESTRICTED = Decision(
    Trading.REDUCING, 0.0, release=START + MINUTE, reason="lost 9%", max_leverage=2.0
)


def test_what_a_breaker_takes_away_is_shown_with_what_it_refused(tmp_path):
    with running("live", tmp_path) as bot:
        bot.run(15, STEP)
        strategy = bot.bot.strategy
        strategy.watch.restrict("Options", RESTRICTED)
        since = bot.now
        strategy.side = "long"
        bot.run(3, STEP)
        found = shown(tmp_path)
        assert (found.trading.state, found.trading.reason) == ("reducing", "lost 9%")
        assert found.trading.restrictions == (
            Restriction(
                name="Options", trading="reducing", pair="*", side="*", reason="lost 9%",
                since=since, release=START + MINUTE, size_factor=0.0, max_leverage=2.0,
            ),
        )  # fmt: skip
        assert found.refusals.by_kind["breaker"] == 3
        refused = found.refusals.newest[0]
        assert (refused.kind, refused.pair, refused.side) == ("breaker", PAIR, "long")
        assert (refused.reason, refused.count) == ("lost 9%", 3)
        assert refused.since < refused.at <= found.written_at


def lock(bot) -> None:
    PairLocks.lock_pair(PAIR, bot.now + 60 * MINUTE, "by hand", now=bot.now)


def fail(bot) -> None:
    strategy = bot.bot.strategy
    strategy._doubts["protections", "*"] = "protections has failed, see the log"


def fail_to_confirm(bot) -> None:
    bot.bot.strategy._running.refusal = mock.Mock(side_effect=KeyError("x"))


def hide_the_book(bot) -> None:
    bot.bot.dataprovider.orderbook = mock.Mock(side_effect=TemporaryError("no answer"))


def hold_more(bot) -> None:
    reconciliation = bot.bot.strategy._running._guard._reconciliation
    reconciliation._differ = {PAIR: Difference(foreign=Sides(long=0.5))}


@pytest.mark.parametrize(
    ("what", "kind", "reason"),
    [
        (lock, "lock", "by hand"),
        (fail, "callback", "protections has failed, see the log"),
        (fail_to_confirm, "callback", "confirm_trade_entry has failed: 'x'"),
        (hide_the_book, "book", "the entry could not be checked: no answer"),
        (hold_more, "exchange", "the exchange holds 0.5 that the database does not know"),
    ],
)
def test_an_entry_that_is_refused_is_shown_with_its_reason(tmp_path, what, kind, reason):
    with running("live", tmp_path) as bot:
        bot.run(2, STEP)
        what(bot)
        bot.bot.strategy.side = "long"
        bot.run(1, STEP)
        assert bot.trades() == []
        found = shown(tmp_path)
        assert found.refusals.by_kind == {kind: 1}
        [refused] = found.refusals.newest
        assert (refused.kind, refused.pair, refused.side) == (kind, PAIR, "long")
        assert reason in refused.reason
        if what is fail_to_confirm:
            assert found.failed_callbacks["confirm_trade_entry"].count == 1
        if what is fail:
            assert found.trading.doubts[0].callback == "protections"


@pytest.mark.parametrize("mode", ["dry-run", "live"])
@pytest.mark.parametrize("error", [TemporaryError, OperationalException])
def test_a_cycle_that_fails_is_written(mode, error, tmp_path):
    with running(mode, tmp_path) as bot:
        enter(bot)
        before = shown(tmp_path)
        query = "https://fapi.binance.com/fapi/v3/positionRisk?timestamp=1&signature=abcdef"
        with mock.patch.object(
            bot.bot.exchange, "reload_markets", side_effect=error(f"binance GET {query}")
        ):
            bot.run(1, STEP)
        found = shown(tmp_path)
        assert found.loop.failed == 1
        assert error.__name__ in found.loop.error
        assert "signature" not in (tmp_path / "perpkit" / DATABASE).read_text()
        assert found.loop.succeeded_at == before.loop.succeeded_at < found.written_at
        assert found.positions == before.positions
        bot.run(2, STEP)
        found = shown(tmp_path)
        assert (found.loop.failed, found.loop.error) == (0, "")
        # Freqtrade stops after the second kind; the guard does not, while something is open.
        stops = error is OperationalException and mode == "dry-run"
        assert found.bot_state == ("stopped" if stops else "running")


@pytest.mark.parametrize("mode", ["dry-run", "live"])
def test_where_it_cannot_be_written_trading_goes_on(mode, tmp_path):
    (tmp_path / "perpkit" / "memory.state.json").mkdir(parents=True)  # a folder in its place
    with running(mode, tmp_path) as bot:
        enter(bot)
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, 3 * MINUTE, STEP)
        told = [m["status"] for m in bot.messages if "state file" in str(m.get("status"))]
        assert len(told) == 1
        assert "cannot be written" in told[0]


def test_two_bots_in_one_folder_have_a_file_each(tmp_path):
    urls = {name: f"sqlite:///{tmp_path}/{name}.sqlite" for name in ("one", "two")}
    with running("live", tmp_path, db_url=urls["one"]) as bot:
        enter(bot)
    first = shown(tmp_path, "one.state.json")
    with running("dry-run", tmp_path, db_url=urls["two"]) as bot:
        bot.run(1, STEP)
    assert shown(tmp_path, "one.state.json") == first
    second = shown(tmp_path, "two.state.json")
    assert [(each.mode, len(each.positions)) for each in (first, second)] == [
        ("live", 1),
        ("dry-run", 0),
    ]
    assert [each.name for each in tmp_path.glob("**/*.tmp")] == []


def test_a_bot_whose_start_fails_but_holds_something_is_shown(tmp_path):
    """What is not there yet is named."""
    url = f"sqlite:///{tmp_path}/trades.sqlite"
    with running("dry-run", tmp_path, db_url=url) as bot:
        enter(bot)
    with (
        mock.patch("perpkit.bot.layer.layer.Watch", side_effect=KeyError("candles")),
        running("dry-run", tmp_path, db_url=url) as bot,
    ):
        bot.run(1, STEP)
        found = shown(tmp_path, "trades.state.json")
        assert len(found.positions) == 1
        assert "watch" in found.missing["trading"]
        assert found.failed_callbacks["bot_start"].error == "KeyError: 'candles'"


def test_a_bot_that_only_looks_on_says_so(tmp_path):
    """In dry-run, with a database that has traded live."""
    url = f"sqlite:///{tmp_path}/trades.sqlite"
    with running("live", tmp_path, db_url=url) as bot:
        enter(bot)
        assert shown(tmp_path, "trades.state.json").journal.state == "sound"
    with running("dry-run", tmp_path, db_url=url) as bot:
        bot.bot.strategy.side = "long"
        bot.run(2, STEP)
        found = shown(tmp_path, "trades.state.json")
        assert found.passive.startswith("PASSIVE: ")
        assert found.mode == "dry-run"
        assert found.loop.cycles == 2
        assert len(found.positions) == 1


def test_it_asks_nothing_and_reads_open_trades_only(tmp_path):
    with running("live", tmp_path) as bot:
        enter(bot)
        bot.run(2, STEP)
        writer: StateWriter = bot.bot.strategy._running._state
        with (
            mock.patch.object(bot.wire, "ask", side_effect=AssertionError("a request")),
            statements() as asked,
        ):
            writer.write()
        assert shown(tmp_path).written_at == bot.now
        tables = [statement.split("FROM ")[1].split()[0] for statement in asked]
        assert set(tables) <= {"trades", "orders", "pairlocks"}
        assert (
            len(tables) <= 9
        )  # locks; open trades and their orders three times, closed profit twice


@contextmanager
def statements() -> Iterator[list[str]]:
    """What the database is asked meanwhile."""
    asked: list[str] = []

    def note(_connection, _cursor, statement, *_rest) -> None:
        asked.append(" ".join(statement.split()))

    engine = Trade.session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def test_the_command_shows_it(tmp_path):
    url = f"sqlite:///{tmp_path}/trades.sqlite"
    with running("live", tmp_path, db_url=url) as bot:
        enter(bot)
        answer = CliRunner().invoke(app, ["state", "--db-url", url])
        assert answer.exit_code == 0
        assert f"{GUARDED}, live, running" in answer.output
        assert f"{PAIR} long" in answer.output

"""The stop latch and a stock Freqtrade: what is entered, closed, left alone and said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from pathlib import Path
from unittest import mock

import pytest
from freqtrade.enums import SignalDirection, State
from freqtrade.exceptions import FreqtradeException, InvalidOrderException, TemporaryError
from freqtrade.rpc import RPC, RPCException

from perpkit.bot.live.stop_latch import NAME
from perpkit.bot.refusals import RefusalKind
from perpkit.record.journal import Journal, Outcome
from perpkit.record.latch import LatchState, latch_of, write
from perpkit.record.state_file import read as read_state
from perpkit.venue.engine import OrderStatus
from perpkit.venue.faults.faults import FaultKind
from tests.bench.acts import (
    MINUTE,
    STEP,
    add_fault,
    asked,
    breaches,
    fill_share,
    hold,
    live_stops,
    remove_fault,
    wait_in_book,
)
from tests.bench.by_hand import trade_by_hand
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
GUARDED, PAIR = "GuardedSteered", "BTC/USDT:USDT"
CLEAR, REDUCING, HALTED = LatchState
UNGUARDED = {"perpkit": {"use": {"guard": False, "refresh": False}}}
STATES = [State.RUNNING, State.PAUSED, State.STOPPED]


def latch(bot) -> Path:
    return latch_of(bot.bot.config)


def set_latch(bot, state: LatchState, why: str = "a test") -> None:
    write(latch(bot), state, "me@here", why)


def damage(bot) -> None:
    latch(bot).parent.mkdir(parents=True, exist_ok=True)
    latch(bot).write_bytes(b'{"state": "cle')


def standing(bot) -> list[str]:
    """Reasons of the locks of the latch that stand."""
    now = datetime.now(UTC)
    return [
        lock.reason
        for lock in bot.locks()
        if lock.active and lock.lock_end_time_utc > now and lock.reason.startswith(NAME)
    ]


def said(bot, what: str = NAME) -> list[str]:
    return [m["msg"] for m in bot.messages if what in m.get("msg", "")]


def refused(bot) -> list[tuple[RefusalKind, str]]:
    return [(each.kind, each.reason) for each in bot.bot.strategy.refusals.newest]


def force_entry(bot):
    side = SignalDirection.LONG
    return RPC(bot.bot)._rpc_force_entry(PAIR, None, order_side=side, stake_amount=300)


@contextmanager
def running(mode: str, **settings) -> Iterator[tuple]:
    """A bot in live mode, guarded or not, or in dry-run; and its venue, None in dry-run."""
    settings = {"force_entry_enable": True, **settings}
    if mode == "dry-run":
        pairlists = [{"method": "StaticPairList"}]
        with bench(GUARDED, STILL, START, pairlists=pairlists, **settings) as bot:
            yield bot, None
    else:
        more = UNGUARDED if mode == "unguarded" else {}
        with live_bench(GUARDED, STILL, START, **more, **settings) as given:
            yield given


MODES = ["live", "dry-run", pytest.param("unguarded", marks=SLOW)]


# No entry


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("state", [HALTED, pytest.param(REDUCING, marks=SLOW)])
def test_nothing_is_entered_while_it_is_set_and_again_when_it_is_clear(mode, state):
    with running(mode) as (bot, _):
        bot.run(1, STEP)
        set_latch(bot, state)
        bot.bot.strategy.side = "long"
        bot.run(24, STEP)
        assert bot.trades() == []
        [message] = said(bot)
        assert message.startswith(f"{state.upper()}: Stop latch: set by me@here since 2026-03-02")
        assert 'a test. "perpkit resume" clears it.' in message
        assert "operator ends its lock" not in message
        [reason] = standing(bot)
        assert reason.startswith(f"Stop latch {state}: set by me@here")

        set_latch(bot, CLEAR, "all is well")
        bot.run_until(bot.trades, 2 * MINUTE, STEP)
        assert standing(bot) == []
        assert len(said(bot)) == 2
        assert said(bot)[1].startswith("ACTIVE: Stop latch has released: CLEAR since 2026-03-02")
        assert "me@here: all is well" in said(bot)[1]


def test_its_lock_that_an_operator_ends_comes_back():
    with running("dry-run") as (bot, _):
        set_latch(bot, HALTED)
        bot.run(2, STEP)
        RPC(bot.bot)._rpc_delete_lock(pair="*")
        assert standing(bot) == []
        bot.bot.strategy.side = "long"
        bot.run(4, STEP)
        assert len(standing(bot)) == 1
        assert bot.trades() == []


@pytest.mark.parametrize("mode", MODES)
def test_a_forced_entry_is_refused_and_says_why(mode):
    with running(mode) as (bot, _):
        bot.run(1, STEP)
        set_latch(bot, HALTED)
        with pytest.raises(RPCException, match="Failed to enter"):
            force_entry(bot)  # before the next cycle: read as it is confirmed
        assert bot.trades() == []
        [(kind, reason)] = refused(bot)
        assert kind is RefusalKind.LATCH
        assert "set by me@here" in reason


# Between the decision and the request


@contextmanager
def latched_at_the_last_moment(bot, mode: str, times: int = 1):
    """The process is stopped when an entry is decided, and written down; the latch is set, and the
    process goes on."""
    left = times

    def latch_it() -> None:
        nonlocal left
        if left > 0:
            left -= 1
            set_latch(bot, HALTED)

    if mode == "live":
        owner, name = Journal, "write"
    elif mode == "unguarded":
        owner, name = bot.bot.exchange, "_lev_prep"
    else:
        owner, name = bot.bot.strategy, "confirm_trade_entry"
    original = getattr(owner, name)

    def stopped(*args, **kwargs):
        answer = original(*args, **kwargs)
        latch_it()
        return answer

    with mock.patch.object(owner, name, stopped):
        yield


@pytest.mark.parametrize("mode", ["live", "dry-run", "unguarded"])
@pytest.mark.parametrize("how", ["signal", pytest.param("forced", marks=SLOW)])
def test_latched_between_decision_and_request_nothing_is_opened(mode, how):
    with running(mode) as (bot, venue):
        bot.run(1, STEP)
        with latched_at_the_last_moment(bot, mode):
            if how == "forced":
                with pytest.raises(InvalidOrderException):
                    force_entry(bot)
            else:
                bot.bot.strategy.side = "long"
            bot.run(24, STEP)
        assert latch(bot).exists()
        assert bot.trades() == []
        assert refused(bot)[-1][0] is RefusalKind.LATCH
        if venue is not None:
            assert venue.account.orders == {}
            assert venue.amount == 0
        if mode == "live":
            journal = bot.bot.strategy._running._guard._intents.journal
            [entry] = journal.entries()
            assert entry.outcome is Outcome.REFUSED
            assert "set by me@here" in entry.note
        assert bot.bot.state is State.RUNNING

        set_latch(bot, CLEAR)
        bot.bot.strategy.side = "long"
        bot.run_until(bot.trades, 2 * MINUTE, STEP)


@pytest.mark.parametrize("mode", ["live", pytest.param("unguarded", marks=SLOW)])
@pytest.mark.parametrize("how", ["adjusted", "forced"])
def test_latched_between_decision_and_request_nothing_is_added(mode, how):
    with running(mode) as (bot, venue):
        hold(bot, venue)
        amount, orders = venue.amount, len(venue.account.orders)
        # As the latch is set for the send alone, the halt does not close the position meanwhile.
        allowed = bot.bot.strategy._running._latch
        with (
            mock.patch.object(allowed, "step"),
            latched_at_the_last_moment(bot, mode),
        ):
            if how == "forced":
                with pytest.raises(InvalidOrderException):
                    force_entry(bot)
            else:
                add = mock.Mock(return_value=(300.0, "more"))
                bot.bot.strategy._adjust_trade_position_internal = add
            bot.run(3, STEP)
        assert latch(bot).exists()
        assert venue.amount == amount
        assert len(venue.account.orders) == orders
        [trade] = bot.trades()
        assert [order.ft_order_side for order in trade.orders] == ["buy", "stoploss"]
        assert not trade.has_open_orders
        assert differences(bot.trades(), venue) == []


def test_exits_and_stops_leave_while_it_is_set():
    """REDUCING, so that it is the strategy that leaves; a stop that is cancelled comes back."""
    with running("live") as (bot, venue):
        hold(bot, venue)
        set_latch(bot, REDUCING)
        [stop] = live_stops(venue)
        engine, now = venue.exchange.engine, venue.exchange.market.now()
        engine.cancel_all_algos(venue.account, "BTCUSDT", now)
        bot.run(15, STEP)
        [again] = live_stops(venue)
        assert again.id != stop.id
        bot.bot.strategy.leave = True
        bot.run(3, STEP)
        assert venue.amount == 0
        assert bot.trades()[0].exit_reason == "told"


# What is open


@pytest.mark.parametrize(
    ("state", "side"),
    [
        row
        if row in {(State.RUNNING, "long"), (State.STOPPED, "short")}
        else pytest.param(*row, marks=SLOW)
        for row in product(STATES, ["long", "short"])
    ],
)
def test_a_halt_closes_the_bots_own_and_nothing_else(state, side):
    with running("live") as (bot, venue):
        hold(bot, venue, side)
        sign = 1 if side == "long" else -1
        trade_by_hand(venue, sign * Decimal("0.005"))
        bot.bot.state = state
        bot.run(1, STEP)
        set_latch(bot, HALTED)
        bot.run(3, STEP)
        assert venue.amount == sign * Decimal("0.005")
        [trade] = bot.trades()
        assert not trade.is_open
        assert trade.exit_reason == "halted"
        orders = list(venue.account.orders)
        bot.run(30, STEP)
        assert list(venue.account.orders) == orders
        assert [algo for algo in live_stops(venue) if algo.client_id.startswith("x-")] == []
        assert bot.bot.state is state
        assert said(bot)[-1].startswith("HALTED: Stop latch")


@pytest.mark.parametrize("state", [State.RUNNING, pytest.param(State.STOPPED, marks=SLOW)])
def test_in_dry_run_too(state):
    with running("dry-run") as (bot, _):
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: any(t.has_open_position for t in bot.trades()), 5 * MINUTE, STEP)
        bot.bot.strategy.side = None
        bot.bot.state = state
        set_latch(bot, HALTED)
        bot.run_until(lambda: not bot.trades()[0].is_open, MINUTE, STEP)
        assert bot.trades()[0].exit_reason == "halted"


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED])
def test_damaged_it_sells_nothing_and_says_so(state):
    with running("live") as (bot, venue):
        hold(bot, venue)
        amount, stops = venue.amount, [stop.id for stop in live_stops(venue)]
        bot.bot.state = state
        damage(bot)
        bot.run(24, STEP)
        assert venue.amount == amount
        assert [stop.id for stop in live_stops(venue)] == stops
        assert said(bot)[-1].startswith(
            f"REDUCING: Stop latch: the stop latch {latch(bot)}".replace("_", " ")
        )
        assert breaches(venue) == []
        if state is State.RUNNING:
            bot.bot.strategy.leave = True
            bot.run(3, STEP)
            assert venue.amount == 0
            bot.bot.strategy.leave, bot.bot.strategy.side = False, "long"
            bot.run(24, STEP)
            assert venue.amount == 0


@pytest.mark.parametrize("state", [State.RUNNING, State.STOPPED])
@pytest.mark.parametrize(
    "latched", [pytest.param(REDUCING, marks=SLOW), HALTED], ids=["reducing", "halted"]
)
def test_an_entry_that_waits_ends(state, latched):
    with running("live") as (bot, venue):
        order = wait_in_book(bot, venue)
        bot.bot.state = state
        set_latch(bot, latched)
        bot.run(3, STEP)
        assert order.status is OrderStatus.CANCELED
        assert [order.id] == list(venue.account.orders)
        assert bot.trades() == []


def test_what_has_filled_of_an_entry_is_closed_as_well():
    with running("live") as (bot, venue):
        order = wait_in_book(bot, venue)
        fill_share(venue, order, "0.5")
        set_latch(bot, HALTED)
        bot.run(4, STEP)
        assert venue.amount == 0
        assert order.status is OrderStatus.CANCELED
        assert live_stops(venue) == []
        assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize("error", [TemporaryError, pytest.param(KeyError, marks=SLOW)])
def test_a_halt_needs_no_pair_lists(error):
    """Freqtrade's cycle ends where they fail, before exits, and the next is half a minute away."""
    with running("live") as (bot, venue):
        hold(bot, venue)
        with mock.patch.object(bot.bot.pairlists, "refresh_pairlist", side_effect=error("none")):
            at = bot.now
            set_latch(bot, HALTED)
            bot.run_until(lambda: not venue.amount, MINUTE, STEP)
        last = datetime.fromtimestamp(venue.account.fills[-1].time / 1000, UTC)
        assert last - at <= STEP


def test_a_cycle_of_a_halt_that_fails_is_followed_by_the_next():
    with running("live") as (bot, venue):
        hold(bot, venue)
        name = add_fault(venue, FaultKind.SERVER_ERROR, "POST /fapi/v1/order")
        with mock.patch.object(
            bot.bot.pairlists, "refresh_pairlist", side_effect=TemporaryError("none")
        ):
            set_latch(bot, HALTED)
            at = bot.now
            bot.run(4, STEP)
            assert bot.now - at <= 5 * STEP
        assert venue.amount
        remove_fault(venue, name)
        bot.run(1, STEP)
        assert venue.amount == 0


def test_refused_exits_are_tried_again_at_once_when_they_are_taken():
    with running("live") as (bot, venue):
        hold(bot, venue)
        name = add_fault(venue, FaultKind.SERVER_ERROR, "POST /fapi/v1/order")
        set_latch(bot, HALTED)
        bot.run(6, STEP)
        assert venue.amount
        remove_fault(venue, name)
        at = bot.now
        bot.run_until(lambda: not venue.amount, MINUTE, STEP)
        assert bot.now - at <= 2 * STEP
        assert differences(bot.trades(), venue) == []


@pytest.mark.parametrize("state", [State.RUNNING, pytest.param(State.STOPPED, marks=SLOW)])
def test_an_exit_that_is_refused_is_tried_once_a_cycle(state):
    """And the stop that it has cancelled is there at the end of each."""
    with running("live") as (bot, venue):
        hold(bot, venue)
        bot.bot.state = state
        bot.run(1, STEP)
        add_fault(venue, FaultKind.SERVER_ERROR, "POST /fapi/v1/order")
        set_latch(bot, HALTED)
        for _ in range(4):
            with asked(bot) as sent:
                bot.run(1, STEP)
            assert sent.count("POST /fapi/v1/order") == 1
            assert len(live_stops(venue)) == 1
        assert venue.amount


def test_in_dry_run_an_exit_is_tried_once_a_cycle():
    with running("dry-run") as (bot, _):
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: any(t.has_open_position for t in bot.trades()), 5 * MINUTE, STEP)
        bot.bot.strategy.side = None
        refused = mock.Mock(side_effect=InvalidOrderException("no"))
        with mock.patch.object(bot.bot.exchange, "create_order", refused):
            set_latch(bot, HALTED)
            bot.run(3, STEP)
        assert refused.call_count == 3
        bot.run(1, STEP)
        assert not bot.trades()[0].is_open


# Over the end of a process


@pytest.fixture
def venue() -> SameVenue:
    return SameVenue()


@pytest.fixture
def start_bot(venue, tmp_path):
    """Starts bots with one database at `venue`."""
    settings = {**LIVE, "force_entry_enable": True}
    settings["db_url"] = f"sqlite:///{tmp_path}/trades.sqlite"

    def start(at, **given):
        return bench(
            GUARDED, STILL, at, serve=venue.serve, userdir=tmp_path, **{**settings, **given}
        )

    return start


@pytest.mark.parametrize("initial", ["running", pytest.param("stopped", marks=SLOW)])
def test_a_restart_closes_what_is_left_and_stays_latched(venue, start_bot, initial):
    with start_bot(START) as bot:
        hold(bot, venue)
        at = bot.now
        set_latch(bot, HALTED)
    assert venue.amount
    with start_bot(at + MINUTE, initial_state=initial) as bot:
        assert bot.bot.strategy.watch.decision().reason.startswith("set by me@here")
        bot.bot.strategy.side = "long"
        bot.run(6, STEP)
        assert venue.amount == 0
        assert said(bot)[0].startswith("HALTED: Stop latch")
        at, orders = bot.now, list(venue.account.orders)
    with start_bot(at + 60 * MINUTE) as bot:
        bot.bot.strategy.side = "long"
        bot.run(24, STEP)
        with pytest.raises(RPCException):
            RPC(bot.bot)._rpc_force_entry(PAIR, None, stake_amount=300)
        assert venue.amount == 0
        assert list(venue.account.orders) == orders
        assert len(standing(bot)) == 1
        at = bot.now
        set_latch(bot, CLEAR)
    with start_bot(at + MINUTE) as bot:  # it was cleared while none ran
        assert standing(bot) == []
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: venue.amount, 2 * MINUTE, STEP)


def test_reload_stop_and_start_leave_it_set(venue, start_bot):
    with start_bot(START) as bot:
        bot.run(1, STEP)
        set_latch(bot, HALTED)
        bot.reload()
        for state in (State.RUNNING, State.STOPPED, State.RUNNING, State.PAUSED, State.RUNNING):
            bot.bot.state = state
            bot.bot.strategy.side = "long"
            bot.run(6, STEP)
            assert venue.account.orders == {}
            assert len(standing(bot)) == 1
        set_latch(bot, CLEAR)
        bot.reload()
        assert standing(bot) == []
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: venue.amount, 2 * MINUTE, STEP)


# What is shown, and its options


def test_the_state_file_has_it(venue, start_bot):
    with start_bot(START) as bot:
        bot.run(1, STEP)
        path = bot.bot.strategy._running._state.path
        assert read_state(path).latch.state == "clear"
        set_latch(bot, HALTED)
        bot.run(1, STEP)
        shown = read_state(path).latch
        assert (shown.state, shown.by, shown.why) == ("halted", "me@here", "a test")
        assert (shown.path, shown.damaged) == (str(latch(bot)), False)
        assert read_state(path).trading.state == "halted"
        damage(bot)
        bot.run(1, STEP)
        shown = read_state(path)
        assert (shown.latch.state, shown.latch.damaged) == ("reducing", True)
        assert shown.trading.state == "reducing"


def test_accounts_have_latches_of_their_own_and_share_one_by_its_folder(tmp_path):
    folder = tmp_path / "latches"
    folder.mkdir()
    own = {"use": {"refresh": False}, "account": "second", "latch_dir": str(folder)}
    with running("live", perpkit=own) as (bot, _):
        bot.run(1, STEP)
        write(folder / "main.live.json", HALTED, "me@here", "another account")
        write(folder / "second.dry-run.json", HALTED, "me@here", "another mode")
        bot.run(1, STEP)
        assert standing(bot) == []
        write(folder / "second.live.json", HALTED, "me@here", "this one")
        bot.run(1, STEP)
        [reason] = standing(bot)
        assert "this one" in reason


def test_a_folder_that_is_not_mounted_takes_new_risk_away(tmp_path):
    own = {"use": {"refresh": False}, "latch_dir": str(tmp_path / "share")}
    with running("live", perpkit=own) as (bot, venue):
        bot.bot.strategy.side = "long"
        bot.run(12, STEP)
        assert venue.account.orders == {}
        assert "perpkit.latch dir" in said(bot)[0]  # without Markdown
        (tmp_path / "share").mkdir()
        bot.run_until(lambda: venue.amount, 2 * MINUTE, STEP)
        bot.bot.strategy.side = None
        (tmp_path / "share").rmdir()
        bot.run(6, STEP)
        assert venue.amount
        assert len(standing(bot)) == 1


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ({"account": "../x"}, r"perpkit\.account must be .*'\.\./x'"),
        ({"latch_dir": 5}, r"perpkit\.latch_dir must be .* 5"),
        ({"acount": "x"}, '"perpkit" has no parameter "acount".*account'),
    ],
)
def test_bad_options_are_refused_at_the_start(own, named):
    own = {"use": {"refresh": False}, **own}
    with (
        pytest.raises(FreqtradeException, match=named),
        live_bench(GUARDED, STILL, START, perpkit=own),
    ):
        pass


def test_bad_options_of_a_bot_that_holds_something_take_new_risk_away(venue, start_bot):
    with start_bot(START) as bot:
        hold(bot, venue)
        at = bot.now
    amount = venue.amount
    own = {"use": {"refresh": False}, "account": "a b"}
    with start_bot(at + MINUTE, perpkit=own, max_open_trades=2) as bot:
        bot.run(6, STEP)
        assert venue.amount == amount
        assert len(live_stops(venue)) == 1
        [message] = said(bot)
        assert "perpkit.account must be" in message
        with pytest.raises(RPCException, match="Failed to enter"):
            force_entry(bot)
        assert venue.amount == amount

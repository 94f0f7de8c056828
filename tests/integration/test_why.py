"""`perpkit why` of running bots: reasons are planted, and asked about by the command.

Those of backtests are in tests/bot/layer/test_why_backtests.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import pytest
from freqtrade.enums import State
from freqtrade.exchange import Exchange
from freqtrade.persistence import PairLocks
from freqtrade.rpc import RPC, RPCException
from typer.testing import CliRunner

from perpkit.bot.callbacks.fail_closed import failing_closed
from perpkit.bot.layer.limits import Limits
from perpkit.bot.live.intents import Intents
from perpkit.bot.live.obstacles import Obstacles
from perpkit.bot.live.running_parts import RunningParts
from perpkit.bot.live.stop_guard import StopGuard
from perpkit.bot.live.stop_latch import StopLatch
from perpkit.bot.positions.trade_losses import TradeLosses
from perpkit.bot.refusals import RefusalKind
from perpkit.breakers.breaker import Decision, Trading
from perpkit.cli import app
from perpkit.ops.why_words import _REASONS
from perpkit.record.latch import LatchState, latch_of, write
from perpkit.venue.faults.faults import FaultKind
from tests.bench.acts import STEP, add_fault, hold, remove_fault, wait_in_book
from tests.bench.in_process import bench
from tests.bench.live import LIVE, Venue, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
PAIR = "BTC/USDT:USDT"
STILL = scripted_market(START, [(0, 50_000.0)])
FALL = scripted_market(START, [(0, 50_000.0), (10, 50_000.0), (12, 48_000.0)])
GUARDED = "GuardedSteered"


class Asked(NamedTuple):
    """A running bot that can be asked."""

    bot: Any
    venue: Venue
    userdir: Any

    @property
    def strategy(self) -> Any:
        return self.bot.bot.strategy

    @property
    def watch(self) -> Any:
        return self.strategy._perpkit.watch

    def why(self, *arguments: str, pair: str = "BTC") -> dict[str, Any]:
        """The newest decision about the pair, and the sentence that tells it."""
        options = ["--db-url", "sqlite://", "--userdir", str(self.userdir)]
        command = ["why", pair, *arguments, *options]
        told = CliRunner().invoke(app, command)
        assert told.exit_code == 0, told.output
        [row] = json.loads(CliRunner().invoke(app, [*command, "--json"]).output)
        assert row["text"].rstrip(".") in told.output
        return row


@contextmanager
def asked(
    tmp_path, strategy: str = GUARDED, market=STILL, mode: str = "live", **settings: Any
) -> Iterator[Asked]:
    settings = {"force_entry_enable": True, "userdir": tmp_path, **settings}
    if mode == "live":
        with live_bench(strategy, market, START, **settings) as (bot, venue):
            yield Asked(bot, venue, tmp_path)
    else:
        with bench(strategy, market, START, **{**LIVE, "dry_run": True}, **settings) as bot:
            yield Asked(bot, Venue(), tmp_path)


# Reasons of refusals, planted one after the other into one bot that never trades


@contextmanager
def paused(it: Asked) -> Iterator[None]:
    it.bot.bot.state = State.PAUSED
    yield
    it.bot.bot.state = State.RUNNING


@contextmanager
def locked(it: Asked, pair: str) -> Iterator[None]:
    lock = PairLocks.lock_pair(pair, it.bot.now + HOUR, "by hand", side="*")
    yield
    RPC(it.bot.bot)._rpc_delete_lock(lock.id)


@contextmanager
def latched(it: Asked, state: LatchState) -> Iterator[None]:
    write(latch_of(it.bot.bot.config), state, "me@here", "a test")
    yield
    write(latch_of(it.bot.bot.config), LatchState.CLEAR, "me@here", "over")


@contextmanager
def latched_late(it: Asked) -> Iterator[None]:
    """It is set after the step that applies it, in every loop."""
    with mock.patch.object(StopLatch, "step"), latched(it, LatchState.REDUCING):
        yield


@contextmanager
def restricted(it: Asked, decision: Decision) -> Iterator[None]:
    it.watch.restrict("Test", decision)
    yield
    it.watch.lift("Test", "over")


@contextmanager
def faulty(it: Asked, kind: FaultKind, endpoint: str = "*", **given: Any) -> Iterator[None]:
    since = it.venue.exchange.market.now()
    name = add_fault(it.venue, kind, endpoint, since=since, parameters=given)
    yield
    remove_fault(it.venue, name)


@contextmanager
def refusing(it: Asked) -> Iterator[None]:
    def never(*_args: Any, **_kwargs: Any) -> bool:
        return False

    own = type(it.strategy)
    confirm = failing_closed("confirm_trade_entry", never, own.answers["confirm_trade_entry"])
    with mock.patch.object(own, "confirm_trade_entry", confirm):
        yield


@contextmanager
def without_slots(it: Asked) -> Iterator[None]:
    config, own = it.bot.bot.config, it.strategy
    before, config["max_open_trades"], own.max_open_trades = config["max_open_trades"], 0, 0
    yield
    config["max_open_trades"] = own.max_open_trades = before


@contextmanager
def poor(it: Asked) -> Iterator[None]:
    before, it.bot.bot.config["stake_amount"] = it.bot.bot.config["stake_amount"], 50_000
    yield
    it.bot.bot.config["stake_amount"] = before


@contextmanager
def depth(it: Asked) -> Iterator[None]:
    check = {"enabled": True, "bids_to_ask_delta": 1e9}
    with mock.patch.dict(it.bot.bot.config["entry_pricing"], {"check_depth_of_market": check}):
        yield


def patched(owner: type, name: str, **how: Any) -> Callable[[Asked], Any]:
    return lambda _it: mock.patch.object(owner, name, **how)


class Planted(NamedTuple):
    """
    :param plant: what keeps a bot from an entry meanwhile
    :param reason: the code that it must be found under
    :param words: of the sentence
    """

    plant: Callable[[Asked], Any]
    reason: str
    words: str


BLOCKED = Decision(Trading.REDUCING, 0.0, reason="lost 9% in a week")
PLANTED = {
    "paused": Planted(paused, "paused", "entries are paused"),
    "slots": Planted(without_slots, "slots", "max_open_trades: 0 of 0 are open"),
    "lock": Planted(lambda it: locked(it, PAIR), "lock", "by hand"),
    "lock of all": Planted(lambda it: locked(it, "*"), "lock", "all pairs are locked until"),
    "stake": Planted(poor, "stake", "lower than stake amount (50000 USDT)"),
    "depth": Planted(depth, "depth", "check_depth_of_market: bids against asks"),
    "strategy": Planted(refusing, "strategy", "confirm_trade_entry refused 0.0"),
    "breaker": Planted(lambda it: restricted(it, BLOCKED), "breaker", "lost 9% in a week"),
    "latch": Planted(lambda it: latched(it, LatchState.REDUCING), "lock", "Stop latch reducing"),
    "no price": Planted(lambda it: faulty(it, FaultKind.EMPTY_BOOK), "unsent", "could not be sent"),
    "book": Planted(
        lambda it: faulty(it, FaultKind.WIDE_SPREAD, factor=5_000), "book", "bps, above 20"
    ),
    "callback": Planted(
        patched(RunningParts, "refusal", side_effect=RuntimeError("broken")),
        "callback",
        "confirm_trade_entry has failed: broken",
    ),
    "passive": Planted(
        patched(Obstacles, "passive", new_callable=mock.PropertyMock, return_value="a copy"),
        "passive",
        "a copy",
    ),
    "journal": Planted(
        patched(Intents, "failure", new_callable=mock.PropertyMock, return_value="disk is full"),
        "journal",
        "the order journal cannot be written: disk is full",
    ),
    "late latch": Planted(latched_late, "latch", "set by me@here"),
    "unknown": Planted(
        lambda it: mock.patch.object(type(it.strategy), "custom_stake_amount", return_value=0.0),
        "freqtrade",
        "its log of this time says why",
    ),
    "expired": Planted(
        lambda it: mock.patch.object(it.strategy, "ignore_buying_expired_candle_after", -1),
        "outdated",
        "ignore_buying_expired_candle_after",
    ),
    "exchange": Planted(
        patched(StopGuard, "refusal", return_value="it holds 1 BTC more"), "exchange", "1 BTC more"
    ),
}


# Asked about in tests of their own, here, in tests/bot/layer/test_why_backtests.py and in
# test_fleet.py.
ASKED_ELSEWHERE = {
    "latch", "unchecked", "overtaken", "smallest", "pairlist", "outdated", "unsent", "fleet",
}  # fmt: skip


def test_every_reason_that_there_is_has_a_question():
    told = Path("docs/why.md").read_text().split("| `refused` |")[1].split("|")[0]
    documented = set(re.findall(r"`([a-z]+)`", told))
    assert documented >= {kind.value for kind in RefusalKind}
    assert documented <= set(_REASONS)
    asked = {planted.reason for planted in (PLANTED | ATTACHED).values()}
    assert documented == asked | ASKED_ELSEWHERE


def test_every_reason_not_to_enter_is_told(tmp_path):
    with asked(tmp_path) as it:
        it.bot.run(3, STEP)
        quiet = it.why()
        assert (quiet["kind"], quiet["reason"]) == ("no signal", "signal")
        it.strategy.side = "long"
        found = {}
        for name, planted in PLANTED.items():
            with planted.plant(it):
                it.bot.run(5, STEP)
                found[name] = it.why()
                assert not it.venue.account.orders, name
        for name, planted in PLANTED.items():
            row = found[name]
            assert (name, row["kind"], row["reason"]) == (name, "refused", planted.reason)
            assert planted.words in row["text"], name
        table = CliRunner().invoke(
            app, ["why", "--by-reason", "--db-url", "sqlite://", "--userdir", str(tmp_path)]
        )
        assert len(table.output.splitlines()) >= len(PLANTED)


def test_the_way_of_a_trade_is_told(tmp_path):
    settings = {"breakers": [], "stake_amount": "unlimited"}
    with asked(tmp_path, "Braked", perpkit={"use": {"refresh": False}}, **settings) as it:
        it.bot.run(3, STEP)
        with restricted(it, Decision(size_factor=0.5, reason="volatility is high")):
            hold(it.bot, it.venue)
            entered = it.why()
            scaled = it.why("--kind", "scaled")
        assert entered["kind"] == "entered"
        assert "at risk to a stop 5.00% away" in entered["text"]
        assert "Size x 0.5: volatility is high" in entered["text"]
        assert "leverage" in entered["figures"]
        assert (scaled["reason"], scaled["text"]) == ("breaker", "Size x 0.5: volatility is high")
        assert scaled["figures"]["asked"] == 2 * scaled["figures"]["allowed"]
        it.bot.bot.execute_entry(PAIR, 300)
        assert it.why()["reason"] == "overtaken"
        with restricted(it, Decision(Trading.HALTED, 0.0, reason="lost 12% in a week")):
            it.bot.run_until(lambda: not it.bot.trades()[0].is_open, 5 * MINUTE, STEP)
            it.bot.run(1, STEP)
            left = it.why("--kind", "exited")
        assert left["reason"] == "halted"
        assert "Halted: lost 12% in a week" in left["text"]
        assert left["figures"]["profit"] == pytest.approx(it.bot.trades()[0].close_profit_abs)


def test_an_entry_that_is_withdrawn_says_why(tmp_path):
    with asked(tmp_path) as it:
        wait_in_book(it.bot, it.venue)
        assert it.why()["kind"] == "ordered"
        with restricted(it, BLOCKED):
            it.bot.run(4, STEP)
            row = it.why("--kind", "withdrawn")
        assert row["side"] == "long"
        assert "lost 9% in a week" in row["text"]
        assert "0 of 0.018 filled" in row["text"]


@pytest.mark.parametrize("mode", [pytest.param(each, marks=SLOW) for each in ("dry_run", "live")])
def test_a_stop_that_is_reached_is_told(tmp_path, mode):
    with asked(tmp_path, "AttachedSteered", FALL, mode) as it:
        it.strategy.side = "long"
        it.bot.run_until(lambda: it.bot.trades(), 5 * MINUTE, STEP)
        it.strategy.side = None
        it.bot.run_until(lambda: not it.bot.trades()[0].is_open, 20 * MINUTE, STEP)
        it.bot.run(1, STEP)
        row = it.why("--kind", "exited")
        assert row["reason"] == it.bot.trades()[0].exit_reason
        assert row["reason"] in ("stop_loss", "stoploss_on_exchange")
        assert f"stop {it.bot.trades()[0].stop_loss:g}" in row["text"]


ATTACHED = {
    "size": Planted(lambda _it: ExitStack(), "size", "open longs 0 of 0"),
    "loss": Planted(
        patched(TradeLosses, "against_entry", return_value="the tag has lost 3%"), "loss", "lost 3%"
    ),
    "callback": Planted(
        patched(Limits, "entry", side_effect=RuntimeError("broken")), "callback", "has failed"
    ),
}


def test_limits_of_a_strategy_that_is_not_ours_are_told(tmp_path):
    perpkit = {"attach": ["limits"], "limits": {"max_longs": 0, "max_tag_loss": 0.5}}
    with asked(tmp_path, "Steered", mode="dry_run", perpkit=perpkit) as it:
        it.strategy.side = "long"
        for name, planted in ATTACHED.items():
            with planted.plant(it):
                it.bot.run(5, STEP)
                row = it.why()
            assert (name, row["kind"], row["reason"]) == (name, "refused", planted.reason)
            assert planted.words in row["text"]
        assert it.bot.trades() == []


@SLOW
def test_what_makes_an_entry_smaller_is_told(tmp_path):
    perpkit = {"attach": ["limits"], "limits": {"max_side": 0.05}}
    with asked(tmp_path, "Steered", mode="dry_run", perpkit=perpkit) as it:
        it.strategy.side = "long"
        with restricted(it, Decision(max_leverage=2, reason="funding is extreme")):
            it.bot.run_until(lambda: it.bot.trades(), MINUTE, STEP)
        rows = [it.why("--kind", kind) for kind in ("scaled", "entered")]
        assert rows[0]["reason"] == "size"
        assert "exposure on the side" in rows[0]["text"]
        assert "Leverage of 3 cut to 2: funding is extreme" in rows[1]["text"]
        assert rows[1]["figures"]["leverage"] == 2


@pytest.mark.parametrize(
    ("strategy", "stake", "reason", "words"),
    [
        ("AttachedSteered", 3, "smallest", "a stake of 3.00 is below the smallest of"),
        pytest.param("Steered", 3, "smallest", "a stake of 3.00 is below", marks=SLOW),
    ],
)
def test_an_order_that_is_too_small_is_told(tmp_path, strategy, stake, reason, words):
    perpkit = {"attach": ["guard"]}
    with asked(tmp_path, strategy, perpkit=perpkit, stake_amount=stake) as it:
        it.strategy.side = "long"
        it.bot.run(4, STEP)
        row = it.why()
        assert (row["kind"], row["reason"]) == ("refused", reason)
        assert words in row["text"]


def test_a_pair_that_leaves_the_whitelist_is_told(tmp_path):
    with asked(tmp_path, mode="dry_run") as it:
        it.bot.run(3, STEP)
        RPC(it.bot.bot)._rpc_blacklist([PAIR])
        it.bot.run(3, STEP)
        row = it.why()
        assert (row["reason"], row["side"]) == ("pairlist", "*")
        assert row["text"] == "the pair is not among the 0 of the whitelist"


def test_candles_that_are_too_old_are_told(tmp_path):
    with asked(tmp_path, mode="dry_run") as it:
        it.strategy.side = "long"
        with mock.patch.dict(it.bot.bot.config["exchange"], {"outdated_offset": -2}):
            it.bot.run(3, STEP)
            row = it.why()
        assert (row["kind"], row["reason"]) == ("refused", "outdated")
        assert "the newest candle, of 2026-03-02 09:59 UTC, has ended" in row["text"]
        assert it.bot.trades() == []


def test_an_entry_that_freqtrade_withdraws_by_itself_says_why(tmp_path):
    settings = {
        "perpkit": {"attach": ["limits"], "limits": {"max_positions": 9}},
        "unfilledtimeout": {"entry": 1, "exit": 60, "unit": "minutes"},
    }
    with asked(tmp_path, "Steered", **settings) as it:
        wait_in_book(it.bot, it.venue)
        [order] = it.venue.account.orders.values()
        it.bot.run_until(lambda: not order.is_open, 3 * MINUTE, STEP)
        row = it.why("--kind", "withdrawn")
        assert "Freqtrade's unfilledtimeout of 60 s; 0 of" in row["text"]
        assert row.get("count", 1) == 1


def test_an_entry_that_the_exchange_or_the_operator_ends_says_so(tmp_path):
    with asked(tmp_path) as it:
        with faulty(it, FaultKind.ORDER_CANCELLED):
            wait_in_book(it.bot, it.venue)
            it.bot.run(3, STEP)
        row = it.why("--kind", "withdrawn")
        assert "the exchange has ended it: canceled; 0 of" in row["text"]
        it.strategy.side, it.strategy.crossing = "long", False
        it.bot.run_until(it.bot.trades, MINUTE, STEP)
        [trade] = it.bot.trades()
        RPC(it.bot.bot)._rpc_cancel_open_order(trade.id)
        row = it.why("--kind", "withdrawn")
        assert "Freqtrade ends it, user requested order cancel" in row["text"]


@pytest.mark.parametrize("status", ["expired", "rejected"])
def test_an_order_that_the_exchange_ends_at_once_is_told(tmp_path, status):
    with asked(tmp_path, mode="dry_run") as it:
        it.strategy.side = "long"
        answer = {"id": "7", "status": status, "filled": 0.0, "amount": 1.0, "remaining": 1.0}
        with mock.patch.object(Exchange, "create_dry_run_order", return_value=answer):
            it.bot.run(3, STEP)
        row = it.why()
        assert (row["kind"], row["reason"]) == ("refused", "unsent")
        assert "the exchange ended the order without a fill" in row["text"]


def test_forced_orders_are_refused_for_their_own_reasons(tmp_path):
    with asked(tmp_path) as it:
        it.bot.run(2, STEP)
        with latched(it, LatchState.REDUCING), pytest.raises(RPCException):
            RPC(it.bot.bot)._rpc_force_entry(PAIR, None, stake_amount=300)
        row = it.why()
        assert (row["kind"], row["reason"]) == ("refused", "latch")
        assert "me@here" in row["text"]
        hold(it.bot, it.venue)
        broken = mock.patch.object(RunningParts, "latched", side_effect=RuntimeError("broken"))
        with broken, pytest.raises(RPCException):
            RPC(it.bot.bot)._rpc_force_entry(PAIR, None, stake_amount=300)
        row = it.why()
        assert (row["kind"], row["reason"]) == ("refused", "unchecked")
        assert "It could not be checked: broken" in row["text"]


def enter_and_leave(it: Asked) -> None:
    hold(it.bot, it.venue)
    it.strategy.leave = True
    it.bot.run_until(lambda: not it.bot.trades()[0].is_open, 2 * MINUTE, STEP)


def test_a_log_that_cannot_be_written_costs_nothing(tmp_path, caplog):
    (tmp_path / "perpkit" / "memory.decisions.jsonl").mkdir(parents=True)
    with asked(tmp_path) as it:
        enter_and_leave(it)
    said = [text for text in caplog.messages if "decision log" in text]
    assert len(said) == 1
    assert "cannot be written: Is a directory. Trading goes on." in said[0]


@pytest.mark.parametrize(
    "broken", ["add", *(pytest.param(each, marks=SLOW) for each in ("flush", "close"))]
)
def test_an_error_of_the_log_itself_costs_nothing(tmp_path, caplog, broken):
    with (
        mock.patch(f"perpkit.bot.decided.DecisionLog.{broken}", side_effect=MemoryError("none")),
        asked(tmp_path) as it,
    ):
        enter_and_leave(it)
    assert sum("could not be noted" in text for text in caplog.messages) == 1


@SLOW
def test_switched_off_it_writes_nothing(tmp_path):
    perpkit = {"decisions": False, "use": {"refresh": False}}
    with asked(tmp_path, mode="dry_run", perpkit=perpkit) as it:
        it.bot.run(3, STEP)
    assert not list(tmp_path.rglob("*decisions*"))

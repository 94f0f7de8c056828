"""A plain strategy with the layer attached by the configuration, in dry-run and live."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from freqtrade.exceptions import StrategyError
from freqtrade.persistence import PairLocks
from freqtrade.rpc import RPC, RPCException

from perpkit.bot.layer.perp_risk import PerpRisk
from perpkit.bot.live.running_parts import RunningParts
from perpkit.breakers.breaker import Decision, Trading
from tests.bench.acts import COARSE, STEP, strategy_messages, wait_in_book
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences, live_bench
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAIR = "BTC/USDT:USDT"
FALL = [(0, 50_000.0), (10, 50_000.0), (12, 49_200.0)]
CRASH = {
    "method": "FlashCrashBreaker",
    "windows": [[5, 0.012]],
    "cool_down_minutes": 5,
    "calm_minutes": 5,
    "calm_range": 0.01,
}
DRAWDOWN = {"method": "DrawdownBreaker", "open_loss": 0.001, "confirm": 1}
MODES = ["dry_run", "live"]
# The volatility of a day is known.
DAYS = {"warm_up": timedelta(days=2)}


@contextmanager
def attached(mode, *protections, script=FALL, strategy="StubbornSteered", market=None, **perpkit):
    own = {"attach": True, "protections": list(protections), **perpkit}
    market = scripted_market(START, script, **(market or {}))
    if mode == "live":
        with live_bench(strategy, market, START, perpkit=own) as (bot, venue):
            yield bot, venue
    else:
        with bench(strategy, market, START, **{**LIVE, "dry_run": True}, perpkit=own) as bot:
            yield bot, None


def hold(bot) -> None:
    bot.bot.strategy.side = "long"
    bot.run_until(lambda: [t for t in bot.trades() if not t.has_open_orders], 5 * MINUTE, STEP)
    bot.bot.strategy.side = None
    bot.run(4, STEP)


def states(bot) -> list[str]:
    told = [text.partition(":")[0] for text in strategy_messages(bot)]
    return [state for state in told if state in ("ACTIVE", "REDUCING", "HALTED")]


@pytest.mark.parametrize("mode", [pytest.param("dry_run", marks=SLOW), "live"])
def test_a_halt_flattens_the_most_stubborn_and_unlock_ends_it(mode):
    with attached(mode, DRAWDOWN) as (bot, venue):
        assert isinstance(bot.bot.strategy, PerpRisk)
        hold(bot)
        bot.run_until(lambda: not bot.trades()[0].is_open, 15 * MINUTE, COARSE)
        (trade,) = bot.trades()
        assert trade.exit_reason == "halted"
        assert trade.orders[-1].order_type == "market"
        if venue is not None:
            assert differences(bot.trades(), venue) == []
        bot.bot.strategy.side = "long"
        bot.run(6, COARSE)
        assert len(bot.trades()) == 1
        (lock,) = [x for x in bot.locks() if x.reason.startswith("DrawdownBreaker halted")]
        RPC(bot.bot)._rpc_delete_lock(lock.id)
        bot.run_until(lambda: len(bot.trades()) == 2, 5 * MINUTE, COARSE)
        assert states(bot) == ["HALTED", "ACTIVE"]


@pytest.mark.parametrize("mode", ["dry_run", pytest.param("live", marks=SLOW)])
def test_a_breaker_locks_though_no_trade_closes(mode):
    with attached(mode, CRASH) as (bot, _):
        hold(bot)
        bot.bot.strategy.adds = False
        bot.run_until(lambda: bot.locks(), 15 * MINUTE, COARSE)
        assert bot.trades()[0].is_open
        assert PairLocks.is_pair_locked(PAIR, bot.now, "long")
        # It may add no more than it may enter.
        before = bot.trades()[0].nr_of_successful_entries
        bot.bot.strategy.adds = True
        bot.run(6, STEP)
        assert bot.trades()[0].nr_of_successful_entries == before
        refusals = bot.bot.strategy._perpkit.refusals.newest
        assert [each.kind for each in refusals] == ["breaker"]
        bot.run_until(lambda: len(states(bot)) == 2, 30 * MINUTE, COARSE)
        assert states(bot) == ["REDUCING", "ACTIVE"]
        bot.run(6, STEP)
        assert bot.trades()[0].nr_of_successful_entries > before


@pytest.mark.parametrize("mode", [pytest.param("dry_run", marks=SLOW), "live"])
def test_a_forced_entry_is_refused_while_entries_are_blocked(mode):
    with attached(mode, CRASH) as (bot, _):
        bot.bot.config["force_entry_enable"] = True
        bot.run_until(lambda: bot.locks(), 15 * MINUTE, COARSE)
        for lock in bot.locks():  # Freqtrade itself refuses where a pair is locked
            RPC(bot.bot)._rpc_delete_lock(lock.id)
        assert not PairLocks.is_pair_locked(PAIR, bot.now, "long")
        with pytest.raises(RPCException, match="Failed to enter position"):
            RPC(bot.bot)._rpc_force_entry(PAIR, None)
        assert not bot.trades()
        assert [each.kind for each in bot.bot.strategy._perpkit.refusals.newest] == ["breaker"]


@pytest.mark.parametrize("mode", MODES)
def test_the_start_says_what_is_attached(mode):
    with attached(mode, CRASH, DRAWDOWN) as (bot, _):
        bot.run(2, STEP)
        [line] = [text for text in strategy_messages(bot) if "attached" in text]
        live = ", stop guard" if mode == "live" else ". Off: stop guard, which is for live only"
        acting = f"breakers (FlashCrashBreaker, DrawdownBreaker){live}"
        rest = "Not asked for: limits, order book, leverage, sizing"
        assert line == f"Perpkit is attached to StubbornSteered: {acting}. {rest}."


def test_an_entry_waits_in_the_book_until_entries_are_blocked():
    with live_bench("AttachedSteered", scripted_market(START, FALL[:1]), START) as (bot, venue):
        order = wait_in_book(bot, venue)
        bot.run(9, COARSE)
        assert order.is_open
        reducing = Decision(Trading.REDUCING, 0.0, reason="the test says so")
        bot.bot.strategy._perpkit.watch.restrict("Test", reducing)
        bot.run(2, STEP)
        assert not order.is_open
        assert len(venue.account.orders) == 1


@pytest.mark.parametrize("mode", [pytest.param("dry_run", marks=SLOW), "live"])
def test_the_order_book_limits_entries_and_additions(mode):
    thin = {**DAYS, "turnover": 2e4}
    strict = {"attach": ["book"], "entry": {"max_slippage_bps": 0.5}}
    with attached(mode, script=FALL[:1], market=thin, **strict) as (bot, _):
        strategy = bot.bot.strategy
        strategy.side = "long"
        bot.run(12, STEP)
        assert bot.trades() == []
        [refused] = strategy._perpkit.refusals.newest
        assert refused.kind == "book"
        assert refused.reason.startswith("slippage up to")
        # Without the part it is entered; then additions are checked.
        gate, strategy._perpkit.running._check = strategy._perpkit.running._check, None
        hold(bot)
        strategy._perpkit.running._check = gate
        strategy.adds = True
        bot.run(12, STEP)
        assert bot.trades()[0].nr_of_successful_entries == 1
        assert strategy._perpkit.refusals.newest[0].kind == "book"


@SLOW
def test_a_deep_book_lets_entries_through():
    strict = {"max_slippage_bps": 0.5}
    with attached("live", script=FALL[:1], attach=["book"], market=DAYS, entry=strict) as (bot, _):
        hold(bot)
        assert bot.bot.strategy._perpkit.refusals.newest == []


@pytest.mark.parametrize("part", ["sizing", pytest.param("leverage", marks=SLOW)])
def test_a_part_that_does_not_fit_is_refused_or_blocks_entries(part, tmp_path):
    venue, market = SameVenue(), scripted_market(START, FALL[:1])
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite", "max_open_trades": 2}

    def start(at, parts, **options):
        own = {"attach": parts, "protections": []}
        return bench("StubbornSteered", market, at, serve=venue.serve, userdir=tmp_path,
                     perpkit=own, **{**settings, **options})  # fmt: skip

    named = f"{part} cannot be attached to StubbornSteered"
    with (
        pytest.raises(StrategyError, match=named),
        start(START, ["guard", part], stoploss=-0.99),
    ):
        pass
    with start(START, ["guard"]) as bot:
        hold(bot)
        now = bot.now
    with start(now + STEP, ["guard", part], stoploss=-0.99) as bot:
        bot.bot.strategy.side = "long"
        bot.bot.strategy.adds = True
        bot.run(4, STEP)
        assert bot.bot.strategy._perpkit.watch.decision().trading is Trading.REDUCING
        [said] = [text for text in strategy_messages(bot) if text.startswith("REDUCING: Options")]
        assert named in said.replace("\\", "")
        (trade,) = bot.trades()
        assert trade.is_open
        assert trade.nr_of_successful_entries == 1


def test_a_breaker_that_cannot_be_made_blocks_entries_and_is_named(tmp_path):
    venue, market = SameVenue(), scripted_market(START, FALL[:1])
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite", "max_open_trades": 2}

    def start(at, *protections):
        own = {"attach": True, "protections": list(protections)}
        return bench("StubbornSteered", market, at, serve=venue.serve, userdir=tmp_path,
                     perpkit=own, **settings)  # fmt: skip

    with start(START) as bot:
        hold(bot)
        now = bot.now
    with start(now + STEP, {**DRAWDOWN, "open_loss": 7}) as bot:
        bot.bot.strategy.side = "long"
        bot.bot.strategy.adds = True
        bot.run(4, STEP)
        said = [text.replace("\\", "") for text in strategy_messages(bot)]
        [reducing] = [text for text in said if text.startswith("REDUCING: Protections")]
        assert "DrawdownBreaker cannot be made" in reducing
        [line] = [text for text in said if "is attached" in text]
        assert "Off: breakers, as those listed in" in line
        (trade,) = bot.trades()
        assert trade.nr_of_successful_entries == 1


@pytest.mark.parametrize("strategy", ["StubbornSteered", "Braked"])
def test_nothing_is_added_by_a_bot_whose_layer_cannot_start(strategy, tmp_path):
    """It fails before a part exists, and Freqtrade asks about no addition."""
    venue, market = SameVenue(), scripted_market(START, FALL[:1])
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite", "breakers": [],
                "force_entry_enable": True}  # fmt: skip
    own = {"attach": True, "protections": []} if strategy == "StubbornSteered" else {}

    def start(at, **more):
        return bench(strategy, market, at, serve=venue.serve, userdir=tmp_path,
                     perpkit={**own, **more}, **settings)  # fmt: skip

    with start(START) as bot:
        hold(bot)
        now, held = bot.now, venue.amount
    # A strategy of the package would refuse the option in its constructor.
    fails = mock.patch.object(RunningParts, "__init__", side_effect=RuntimeError("broken"))
    with fails if not own else nullcontext(), start(now + STEP, **(own and {"typo": 1})) as bot:
        bot.bot.strategy.adds = True
        bot.run(4, STEP)
        with pytest.raises(RPCException, match="Failed to enter position"):
            RPC(bot.bot)._rpc_force_entry(PAIR, None, stake_amount=300)
        bot.run(2, STEP)
        assert venue.amount == held
        [refused] = bot.bot.strategy._perpkit.refusals.newest
        assert (refused.kind, refused.reason) == ("callback", "the risk layer has not started")
        # It may leave.
        bot.bot.strategy.confirm_trade_exit = lambda *_, **__: True
        bot.bot.strategy.custom_exit_price = lambda *_, proposed_rate, **__: 0.999 * proposed_rate
        RPC(bot.bot)._rpc_force_exit("all")
        bot.run_until(lambda: not venue.amount, 5 * MINUTE, STEP)

"""Live bots whose callbacks fail: no entry on doubt, no exit lost, no stop missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from unittest import mock

import pytest
from freqtrade.enums import State
from freqtrade.exceptions import StrategyError
from freqtrade.rpc import RPC

from perpkit.bot.live.running_parts import RunningParts
from perpkit.bot.positions.adjustments import Adjustments
from perpkit.bot.positions.carry import CarryCosts
from perpkit.bot.positions.entries import Entries
from perpkit.bot.positions.stop_keeper import StopKeeper
from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.strategy import PerpStrategy
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Decision, Trading
from perpkit.venue.faults.faults import Fault, FaultKind
from tests.bench.acts import COARSE, enter, live_stops, strategy_messages
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, live_bench
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
STILL = scripted_market(START, [(0, 50_000.0)])
R = 0.05  # the strategy's stop, as a fraction of the entry price


@pytest.fixture
def running():
    """A live bot with its risk stack and no breakers, which enters at once when told a side."""
    with live_bench("Braked", STILL, START, breakers=[]) as (bot, venue):
        bot.run(3, STEP)
        yield bot, venue


def fails(where: type, what: str, error: Exception | None = None):
    return mock.patch.object(where, what, side_effect=error or RuntimeError(f"{what} is broken"))


@pytest.mark.parametrize(
    ("where", "what", "callback"),
    [
        (Entries, "stake", "custom_stake_amount"),
        (Watch, "decision", "custom_stake_amount"),
        (RunningParts, "refusal", "confirm_trade_entry"),
        (RunningParts, "entry_price", "custom_entry_price"),
        (Watch, "step", "bot_loop_start"),
        (RunningParts, "step", "bot_loop_start"),
        (Watch, "informative_pairs", "informative_pairs"),
    ],
)
def test_what_fails_before_an_entry_refuses_it(running, where, what, callback):
    bot, venue = running
    strategy = bot.bot.strategy
    # What the test's strategy has of its own would not look at the part that is broken.
    base = PerpStrategy.custom_entry_price
    price = mock.patch.object(type(strategy), "custom_entry_price", base)
    with fails(where, what), price:
        strategy.side = "long"
        bot.run(24, STEP)
        assert not venue.account.orders
        assert strategy.failures.by_callback[callback].count > 3
        assert (
            len(
                [
                    text
                    for text in strategy_messages(bot)
                    if text.startswith(callback.replace("_", " "))
                ]
            )
            == 1
        )
    enter(bot, venue)  # and when it is over, nothing is left of it
    assert venue.amount


def test_a_leverage_that_is_not_known_is_1(running):
    bot, venue = running
    with fails(Entries, "leverage"):
        enter(bot, venue)
    (trade,) = bot.trades()
    assert trade.leverage == 1
    assert len(live_stops(venue)) == 1


@pytest.mark.parametrize(
    ("where", "what"),
    [(StopKeeper, "ratio"), (Watch, "decision"), (TradeRisks, "of"), (TradeRisks, "_distance")],
)
def test_a_stop_that_cannot_be_worked_out_stands_at_r(running, where, what):
    """From the fill on, and when it can be worked out again."""
    bot, venue = running
    strategy, broken = bot.bot.strategy, fails(where, what)

    def confirm(*args, **kwargs) -> bool:
        broken.start()
        return True

    with mock.patch.object(type(strategy), "confirm_trade_entry", confirm):
        strategy.side = "long"
        try:
            bot.run_until(lambda: venue.amount, 5 * MINUTE, STEP)
            strategy.side = None
            bot.run(6, STEP)
        finally:
            broken.stop()
    for _ in range(2):
        (trade,), (stop,) = bot.trades(), live_stops(venue)
        at_r = trade.open_rate * (1 - R)
        assert float(stop.trigger_price) == pytest.approx(at_r, rel=1e-3)
        assert stop.quantity == venue.amount
        bot.run(12, STEP)
    assert venue.exchange.checker.breaches == []


def test_a_stop_that_stands_is_never_loosened_by_an_error():
    market = scripted_market(START, [(0, 50_000.0), (3, 50_000.0), (20, 54_000.0)])
    with live_bench("Braked", market, START, breakers=[]) as (bot, venue):
        enter(bot, venue)
        bot.run_until(
            lambda: live_stops(venue) and float(live_stops(venue)[0].trigger_price) > 49_000,
            30 * MINUTE,
            COARSE,
        )
        (before,) = live_stops(venue)
        with fails(StopKeeper, "ratio"):
            bot.run(6, COARSE)
        (after,) = live_stops(venue)
        assert after.trigger_price == before.trigger_price


@pytest.mark.parametrize(("where", "what"), [(StopKeeper, "exit_reason"), (CarryCosts, "reason")])
def test_a_halt_gets_out_past_an_error(running, where, what):
    bot, venue = running
    strategy = bot.bot.strategy
    enter(bot, venue)
    halted = Decision(Trading.HALTED, 0.0, reason="a test")
    with (
        fails(where, what),
        fails(Adjustments, "adjust"),
        fails(RunningParts, "rest_stake"),
        mock.patch.object(strategy.watch, "decision", return_value=halted),
    ):
        bot.run_until(lambda: not venue.amount, MINUTE, STEP)
    (trade,) = bot.trades()
    assert trade.exit_reason == "halted"


def test_an_entry_that_cannot_be_judged_is_withdrawn(running):
    bot, venue = running
    strategy = bot.bot.strategy

    def below(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kwargs):
        return proposed_rate * 0.99

    with mock.patch.object(type(strategy), "custom_entry_price", below):
        strategy.side = "long"
        bot.run_until(lambda: venue.account.orders, 2 * MINUTE, STEP)
        strategy.side = None
        with fails(RunningParts, "entry_timed_out"):
            bot.run(2, STEP)
    (order,) = venue.account.orders.values()
    assert not order.is_open
    assert bot.trades() == []


def test_signals_that_cannot_be_worked_out_are_no_signals_of_before(running):
    """Freqtrade goes on with the candles that it analysed last, and with their signals."""
    bot, venue = running
    strategy = bot.bot.strategy
    strategy.side = "long"
    with mock.patch.object(type(strategy), "confirm_trade_entry", return_value=False):
        bot.run(1, STEP)  # a signal, of which nothing comes
    with fails(type(strategy), "populate_exit_trend"):
        bot.run(12, STEP)
        assert not venue.account.orders
        [message] = [text for text in strategy_messages(bot) if "analyze ticker" in text]
        assert "No entry is made into the pair" in message
    enter(bot, venue)


# The start


def test_a_start_that_fails_is_refused_when_flat():
    with (
        fails(Watch, "__init__"),
        pytest.raises(StrategyError, match="is broken"),
        live_bench("Braked", STILL, START, breakers=[]),
    ):
        pass


def test_a_start_that_fails_looks_after_what_is_open(tmp_path):
    """Its stops are guarded, an exit goes through, and it enters nothing."""
    venue = SameVenue()
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite", "breakers": []}

    def started(at):
        return bench("Braked", STILL, at, serve=venue.serve, userdir=tmp_path, **settings)

    with started(START) as bot:
        fault = Fault(FaultKind.RESET, endpoint="POST /fapi/v1/algoOrder")
        name = venue.exchange.market.faults.add(fault)
        enter(bot, venue)
        assert live_stops(venue) == []
        now = bot.now
    venue.exchange.market.faults.remove(name)
    with fails(Watch, "__init__"), started(now + STEP) as bot:
        bot.bot.strategy.side = "long"
        bot.run(6, STEP)
        (stop,) = live_stops(venue)
        assert stop.quantity == venue.amount
        assert any("bot start failed" in text for text in strategy_messages(bot))
        RPC(bot.bot)._rpc_force_exit("all")
        bot.run(24, STEP)
        assert not venue.amount
        assert len(bot.trades()) == 1


@pytest.mark.parametrize("dry_run", [False, True])
def test_what_is_said_while_the_bot_is_stopped_arrives(dry_run):
    """Freqtrade sends what `send_msg` keeps at the end of a cycle, which a stopped bot has not."""
    with live_bench("GuardedSteered", STILL, START, dry_run=dry_run) as (bot, _):
        bot.bot.state = State.STOPPED
        bot.run(2, STEP)
        bot.bot.dataprovider.send_msg("a callback has failed", always_send=True)
        bot.run(1, STEP)
        assert strategy_messages(bot)[-1:] == ["a callback has failed"]

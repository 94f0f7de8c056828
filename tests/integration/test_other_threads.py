"""What an operator does from Telegram or REST, in a thread of its own, while the bot is at work.

Each is made to happen at the worst moment: what the cycle has read is no longer so.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from unittest import mock

import pytest
from freqtrade.enums import SignalDirection
from freqtrade.persistence import PairLocks, Trade
from freqtrade.persistence.custom_data import _CustomData
from freqtrade.rpc import RPC

from perpkit.breakers.breaker import Trading
from tests.bench.acts import COARSE, hold, live_stops, strategy_messages
from tests.bench.in_process import bench
from tests.bench.live import LIVE, live_bench
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)
PAIR = "BTC/USDT:USDT"
STILL = scripted_market(START, [(0, 50_000.0)])
STREAK = {"method": "DrawdownBreaker", "streak_losses": 2, "streak_hours": 24}
SECONDS = 30.0  # of the wall clock, after which a thread that hangs is a failure


class Operator:
    """Somebody with a thread, and with it a session of the database, of their own."""

    def __init__(self, does: Callable[[], object]) -> None:
        self._does = does
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self._does()
        except Exception as error:
            self._error = error
        finally:
            for kept in (Trade, _CustomData):
                kept.session.remove()

    def begin(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error

    def act(self) -> None:
        self.begin()
        self.end()


@pytest.fixture
def live(tmp_path):
    """Live bots with a database that every thread opens for itself."""

    def make(strategy, market=STILL, **settings):
        database = f"sqlite:///{tmp_path}/trades.sqlite"
        return live_bench(strategy, market, START, db_url=database, **settings)

    return make


def force_exit(bot) -> None:
    RPC(bot.bot)._rpc_force_exit("all")


def force_entry(bot, pair=PAIR):
    RPC(bot.bot)._rpc_force_entry(
        pair, None, order_side=SignalDirection.LONG, stake_amount=300, leverage=3
    )


def once(function: Callable[..., object], first: Callable[[], object]) -> Callable[..., object]:
    """`function`, whose first call is preceded by `first`."""
    waiting = [first]

    def called(*args, **kwargs):
        if waiting:
            waiting.pop()()
        return function(*args, **kwargs)

    return called


# After a forced exit


@pytest.mark.parametrize("moment", ["between two cycles", "within a cycle"])
def test_every_loss_of_a_forced_exit_counts(live, caplog, moment):
    """Two losses in a row block entries, without a false alarm before."""
    with live("Braked", breakers=[STREAK]) as (bot, venue):
        for _ in range(2):
            hold(bot, venue)
            bot.run(3, STEP)
            operator = Operator(lambda: force_exit(bot))
            # What the loop has read, and still has in its hands.
            seen = [(trade, trade.orders, trade.is_open) for trade in Trade.get_open_trades()]
            if moment == "between two cycles":
                operator.act()
            else:
                provider = bot.bot.dataprovider
                provider.refresh = once(provider.refresh, operator.act)
            bot.run(1, STEP)
            assert not venue.amount
            del seen
            bot.run(2, STEP)
        assert [trade.close_profit_abs < 0 for trade in bot.trades()] == [True, True]
        decision = bot.bot.strategy.watch.decision(PAIR)
        assert decision.trading is Trading.REDUCING
        assert decision.reason == "2 losses in a row (limit 2): no new entries"
        assert "DrawdownBreaker failed" not in caplog.text
        assert len([text for text in strategy_messages(bot) if "DrawdownBreaker" in text]) == 1
        bot.bot.strategy.side = "long"
        bot.run(24, STEP)
        assert len(bot.trades()) == 2
        assert PairLocks.is_global_lock(bot.now)


# After a forced entry


def test_a_forced_entry_gets_one_stop(live):
    """The loop has read the trade after its order and before its stop."""
    with live("GuardedSteered", force_entry_enable=True) as (bot, venue):
        bot.run(3, STEP)
        placing, may_place = Event(), Event()

        def wait() -> None:
            placing.set()
            assert may_place.wait(SECONDS)

        exchange, operator = bot.bot.exchange, Operator(lambda: force_entry(bot))
        exchange.create_stoploss = once(exchange.create_stoploss, wait)
        seen = []

        def read_meanwhile() -> None:
            operator.begin()
            assert placing.wait(SECONDS)
            seen.extend((trade, trade.orders) for trade in Trade.get_open_trades())
            may_place.set()
            operator.end()

        bot.bot.update_trades_without_assigned_fees = once(lambda: None, read_meanwhile)
        bot.run(1, STEP)
        assert len(seen) == 1
        bot.run(3, STEP)
        (stop,) = live_stops(venue)
        assert stop.quantity == venue.amount
        assert float(stop.trigger_price) == pytest.approx(50_000 * 0.98, rel=2e-3)
        (trade,) = bot.trades()
        assert len(trade.open_sl_orders) == 1
        assert venue.exchange.checker.breaches == []


def test_a_forced_entry_is_not_made_a_second_time_by_the_loop(live):
    """It comes after the loop has looked which pairs are free."""
    with live("GuardedSteered", force_entry_enable=True, max_open_trades=2) as (bot, venue):
        bot.run(3, STEP)
        operator = Operator(lambda: force_entry(bot))
        looked = once(PairLocks.is_global_lock, operator.act)
        bot.bot.strategy.side = "long"
        with mock.patch("freqtrade.freqtradebot.PairLocks.is_global_lock", looked):
            bot.run(3, STEP)
        assert len(bot.trades()) == 1
        (stop,) = live_stops(venue)
        assert stop.quantity == venue.amount


def test_an_addition_to_a_trade_that_has_ended_meanwhile_is_not_made(live):
    """The operator asked for it when the trade was open, and waited for the lock."""
    with live("GuardedSteered", force_entry_enable=True) as (bot, venue):
        hold(bot, venue)
        (trade,) = Trade.get_open_trades()
        Operator(lambda: force_exit(bot)).act()
        with bot.bot._exit_lock:
            assert not bot.bot.execute_entry(PAIR, 300, trade=trade, mode="pos_adjust")
        assert not venue.amount
        assert [each.is_open for each in bot.trades()] == [False]


# After a deletion


def test_the_next_trade_with_the_number_of_a_deleted_one_has_its_own_stop(tmp_path):
    """At four fifths of the price: the R of the first would be a stop 6.25% away."""
    market = scripted_market(START, [(0, 50_000.0), (4, 50_000.0), (8, 40_000.0)])
    settings = {**LIVE, "dry_run": True, "db_url": f"sqlite:///{tmp_path}/trades.sqlite"}
    with bench("Braked", market, START, breakers=[], **settings) as bot:
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: [t for t in bot.trades() if t.amount], 2 * MINUTE, STEP)
        bot.bot.strategy.side = None
        bot.run(2, STEP)
        (first,) = [(trade.id, trade.stop_loss) for trade in bot.trades()]
        assert first == (1, pytest.approx(47_500, rel=1e-3))
        Operator(lambda: RPC(bot.bot)._rpc_delete(1)).act()
        bot.run_until(lambda: bot.now > START + 9 * MINUTE, 12 * MINUTE, COARSE)
        assert bot.trades() == []
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: [t for t in bot.trades() if t.amount], 5 * MINUTE, STEP)
        bot.run(2, STEP)
        (second,) = [(trade.id, trade.stop_loss) for trade in bot.trades()]
        assert second == (1, pytest.approx(38_000, rel=1e-3))

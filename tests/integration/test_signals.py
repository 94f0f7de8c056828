"""What ends the process sells nothing: a signal, a container that is stopped, `kill -9`.

The venue is the exchange at the present, reached over TLS by the process that users run.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from time import sleep
from unittest import mock

import pytest
import yaml
from freqtrade.persistence import Trade, init_db

from perpkit.venue.engine import OrderStatus
from tests.bench.acts import STEP, hold, live_stops
from tests.bench.in_process import MINUTE, STRATEGIES, InProcessBot
from tests.bench.live import LIVE, Venue, differences, live_bench
from tests.bench.process import Process, trading
from tests.bench.scripted_market import scripted_market
from tests.bench.struck import Struck
from tests.cases import SLOW, scaled
from tests.conftest import REPOSITORY
from tests.integration.conftest import Bot, bot_at, present_venue

pytestmark = pytest.mark.integration

HELD, WAITING = "ETH/USDT:USDT", "BTC/USDT:USDT"
SCRIPT = datetime(2026, 3, 2, 10, 0, 40, tzinfo=UTC)
ENDED = 128 + signal.SIGINT  # Freqtrade answers SIGTERM as it does Ctrl-C
SETTINGS = {
    **LIVE,
    "max_open_trades": 2,
    "exchange": {**LIVE["exchange"], "pair_whitelist": [HELD, WAITING]},
    "strategy_path": str(STRATEGIES),
    "holds": HELD,
}


@pytest.fixture
def venue() -> Venue:
    return present_venue(HELD, WAITING)


@pytest.fixture
def live_bot(venue, tmp_path, stored) -> Iterator[Bot]:
    with bot_at(venue, tmp_path, stored) as bot:
        yield bot


def stop_signal() -> signal.Signals:
    """What `docker compose stop`, and with it a host that shuts down, sends to process 1."""
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    service = compose["services"]["freqtrade"]
    return signal.Signals[service["stop_signal"]]


def order_in(venue, symbol):
    [order] = [o for o in venue.account.orders.values() if o.symbol == symbol]
    return order


@pytest.mark.parametrize(
    ("how", "withdrawn"),
    [
        (signal.SIGTERM, True),
        pytest.param(stop_signal(), False, marks=SLOW),
        pytest.param(signal.SIGTERM, False, marks=SLOW),
        pytest.param(stop_signal(), True, marks=SLOW),
    ],
)
def test_a_signal_closes_no_position(live_bot, venue, how, withdrawn):
    """Nor cancels a stop; an entry that waits is Freqtrade's to withdraw, when it is asked to."""
    settings = {
        **SETTINGS,
        "cancel_open_orders_on_exit": withdrawn,
        "internals": {"process_throttle_secs": 4, "heartbeat_interval": 1},
    }
    with trading(live_bot, "GuardedWaiter", **settings) as process:
        process.wait_for("'type': entry_fill")
        for _ in range(2):
            process.wait_for("Bot heartbeat")
        held, waiting = order_in(venue, "ETHUSDT"), order_in(venue, "BTCUSDT")
        [stop] = venue.exchange.engine.open_algos(venue.account)
        # A cycle has just begun, and nothing tells its end. A signal in the middle of a commit
        # would leave Freqtrade without a session to withdraw orders with.
        sleep(2)
        assert process.end(how) == ENDED
    assert venue.amount == held.executed == stop.quantity
    assert venue.exchange.engine.open_algos(venue.account) == [stop]
    expected = OrderStatus.CANCELED if withdrawn else OrderStatus.NEW
    assert waiting.status is expected, "".join(process.log)[-3000:]
    assert {order.side for order in venue.account.orders.values()} == {"BUY"}
    assert "closed at the market" not in "".join(process.log)


@contextmanager
def held_in_this_process() -> Iterator[tuple[InProcessBot, Venue]]:
    """A position. Ctrl-C reaches this process also as a job in a shell's background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    still = scripted_market(SCRIPT, [(1, 50_000.0), (3, 50_000.0)], turnover=1e10)
    at_once = {"stake_amount": "unlimited", "entry_pricing": {"price_side": "other"}}
    try:
        with live_bench("WholeTrade", still, SCRIPT, **at_once) as (bot, venue):
            bot.run(2, STEP)
            hold(bot, venue, "long")
            bot.run(1, STEP)
            yield bot, venue
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_signal_that_a_strategy_hides_ends_the_bot():
    """In its callback, by a bare `except`. Other ways: tests/bot/live/test_ending_signals.py."""
    with held_in_this_process() as (bot, venue):
        held, hidden = venue.amount, []

        def custom_exit(*_args, **_kwargs):
            try:
                signal.raise_signal(signal.SIGINT)
            except:  # noqa: E722
                hidden.append(True)

        with (
            mock.patch.object(type(bot.bot.strategy), "custom_exit", custom_exit, create=True),
            pytest.raises(KeyboardInterrupt),
        ):
            bot.run(1, STEP)
        assert hidden == [True]
        assert venue.amount == held > 0
        [stop] = live_stops(venue)
        assert stop.quantity == held


@pytest.mark.parametrize("seed", range(scaled(10)))
def test_a_signal_at_any_point_ends_the_bot(seed):
    """Of a cycle with a candle and a position, one of its 87,000 points."""

    def candle():
        bot.run_until(lambda: bot.now.second == 0, 2 * MINUTE, STEP)
        return partial(bot.run, 1, STEP)

    with held_in_this_process() as (bot, venue):
        held, counted = venue.amount, Struck()
        counted.run(candle())
        # The next candle may have a few points less.
        struck = Struck(random.Random(seed).randrange(1, counted.points * 95 // 100))
        assert struck.run(candle()), struck.where
        bot.bot.cleanup()
        assert not bot.bot._exit_lock.locked()
        assert venue.amount == held
        [stop] = live_stops(venue)
        assert stop.quantity == held


@contextmanager
def killed_by_the_exchange(venue, process: Process) -> Iterator[None]:
    """`kill -9` when the exchange has carried out an order and has not answered yet."""
    engine = venue.exchange.engine
    place = engine.place_order

    def place_and_kill(*args):
        order = place(*args)
        os.kill(process.pid, signal.SIGKILL)
        return order

    with mock.patch.object(engine, "place_order", place_and_kill):
        yield


def test_killed_between_an_order_and_its_answer(live_bot, venue):
    settings = {
        **SETTINGS,
        "max_open_trades": 1,
        "exchange": {**LIVE["exchange"], "pair_whitelist": [HELD]},
    }
    with (
        trading(live_bot, "GuardedWaiter", **settings) as process,
        killed_by_the_exchange(venue, process),
    ):
        assert process.wait() == -signal.SIGKILL
    bought = order_in(venue, "ETHUSDT")
    assert venue.amount == bought.executed > 0
    assert venue.exchange.engine.open_algos(venue.account) == []

    with trading(live_bot, "GuardedWaiter", **settings) as process:
        for _ in range(4):
            process.wait_for("Bot heartbeat")
        process.end()
    [stop] = venue.exchange.engine.open_algos(venue.account)
    assert venue.amount == bought.executed == stop.quantity
    init_db(f"sqlite:///{live_bot.userdir}/trades.sqlite")
    try:
        assert differences(list(Trade.get_trades().unique()), venue) == []
    finally:
        Trade.session.remove()

"""A live bot whose options disarm a safety: refused when flat, REDUCING when something is open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from freqtrade.exceptions import OperationalException, StrategyError

from perpkit.breakers.breaker import Trading
from tests.bench.acts import COARSE, STEP, live_stops, strategy_messages
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue
from tests.bench.scripted_market import scripted_market
from tests.cases import SLOW

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MARKET = scripted_market(START, [(0, 50_000.0), (5, 50_000.0), (15, 53_000.0)])
TYPES = {
    "entry": "limit",
    "exit": "limit",
    "emergency_exit": "market",
    "stoploss": "market",
    "stoploss_on_exchange": True,
}
DISARMING = [
    {"use_custom_stoploss": False},
    {"order_types": {**TYPES, "stoploss_on_exchange": False}},
    {"order_types": {**TYPES, "emergency_exit": "limit"}},
    {"order_types": {**TYPES, "stoploss": "limit"}},
]


@pytest.fixture
def started(tmp_path):
    venue = SameVenue()
    settings = {**LIVE, "db_url": f"sqlite:///{tmp_path}/trades.sqlite", "breakers": []}

    def start(at, strategy="Braked", **options):
        settings_now = {**settings, **options}
        return bench(strategy, MARKET, at, serve=venue.serve, userdir=tmp_path, **settings_now)

    start.venue = venue
    return start


@pytest.mark.parametrize("options", DISARMING)
def test_a_bot_that_is_flat_is_refused(started, options):
    with pytest.raises(StrategyError, match="must be"), started(START, **options):
        pass


@pytest.mark.parametrize(
    "options", [DISARMING[0], *(pytest.param(o, marks=SLOW) for o in DISARMING[1:])]
)
def test_a_bot_that_holds_something_keeps_its_stop_and_enters_nothing(started, options):
    venue = started.venue
    with started(START) as bot:
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: live_stops(venue), 2 * MINUTE, STEP)
        now = bot.now
    (first,) = live_stops(venue)
    with started(now + STEP, max_open_trades=2, **options) as bot:
        bot.bot.strategy.side = "long"
        bot.run(2, STEP)
        assert bot.bot.strategy.watch.decision().trading is Trading.REDUCING
        assert [text for text in strategy_messages(bot) if text.startswith("REDUCING: Options")]
        bot.run_until(lambda: first not in live_stops(venue), 15 * MINUTE, COARSE)
        (stop,) = live_stops(venue)
        assert stop.trigger_price > first.trigger_price  # it trails
        bot.run(12, STEP)
        assert len(bot.trades()) == 1
        assert [o.side for o in venue.account.orders.values()].count("BUY") == 1
        assert len([text for text in strategy_messages(bot) if "Options" in text]) == 1


def test_what_an_option_switches_off_is_said_once(started):
    with started(START, use_exit_signal=False) as bot:
        bot.run(3, STEP)
        [said] = strategy_messages(bot)
        assert said.startswith("use exit signal is false: exit signals, time stop")


ON_5M = {"timeframe": "5m", "startup_candle_count": 400}
NEEDED = "the 4h trend needs 2400 candles of 5m"


def test_a_flat_bot_that_would_never_enter_is_refused(started):
    with pytest.raises(StrategyError, match=NEEDED), started(START, "RsiSmaSwing", **ON_5M):
        pass


def test_a_bot_that_holds_something_and_would_never_enter_is_reducing(started):
    with started(START) as bot:
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: live_stops(started.venue), 2 * MINUTE, STEP)
        now = bot.now
    with started(now + STEP, "RsiSmaSwing", **ON_5M) as bot:
        bot.run(3, STEP)
        assert bot.bot.strategy.watch.decision().trading is Trading.REDUCING
        assert [text for text in strategy_messages(bot) if NEEDED in text]
        assert len(live_stops(started.venue)) == 1


@pytest.mark.parametrize("name", ["OnMinutes", pytest.param("OnMinutesNamed", marks=SLOW)])
def test_a_strategy_on_minutes_without_its_day(started, name):
    """Refused if the base class computes the volatility, reported later if its own code may."""
    if name == "OnMinutes":
        with pytest.raises(StrategyError, match="volatility of a day needs 1440 candles of 1m"):
            started(START, name).__enter__()
        return
    with started(START, name) as bot:
        bot.run(3, STEP)
        (said,) = [text for text in strategy_messages(bot) if "vol 1h" in text]
        assert "no entry can be made" in said


WRONG = {
    "parameter": {"method": "DrawdownBreaker", "week_loss": 5},
    "name": {"method": "NoSuchBreaker"},
    "freqtrade's": {"method": "CooldownPeriod", "stop_duration": 5, "stop_duration_candles": 5},
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrongly_configured_protection_ends_the_start_of_a_flat_bot(started, what):
    with pytest.raises(OperationalException), started(START, breakers=[WRONG[what]]):
        pass


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=SLOW if what == "name" else ()) for what in WRONG]
)
def test_with_a_trade_open_the_others_are_used_and_no_entry_is_made(started, what):
    with started(START) as bot:
        bot.bot.strategy.side = "long"
        bot.run_until(lambda: live_stops(started.venue), 5 * MINUTE, STEP)
        now = bot.now
    breakers = [WRONG[what], {"method": "VenueHealthBreaker"}]
    with started(now + STEP, breakers=breakers) as bot:
        strategy = bot.bot.strategy
        bot.run(3, STEP)
        assert strategy.watch.decision().trading is Trading.REDUCING
        [message] = [m for m in strategy_messages(bot) if "Protections" in m]
        assert WRONG[what]["method"] in message
        assert bot.bot.protections.name_list == ["VenueHealthBreaker"]
        assert strategy.get_strategy_name() == "Braked"
        assert len(live_stops(started.venue)) == 1
        strategy.leave = True
        bot.run_until(lambda: not started.venue.amount, MINUTE, STEP)
        strategy.leave, strategy.side = False, "long"
        bot.run(20, STEP)
        assert started.venue.amount == 0

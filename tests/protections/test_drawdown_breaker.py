"""The plugin: parameters, and an account that is the same whoever looks at it, and when."""

from __future__ import annotations

import random
from datetime import timedelta
from itertools import accumulate
from math import nan

import pandas as pd
import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import (
    KeyValueStore,
    LocalTrade,
    PairLocks,
    Trade,
    disable_database_use,
    enable_database_use,
)
from freqtrade.resolvers import ProtectionResolver

from perpkit.bot.positions.running_account import RunningAccount
from perpkit.bot.watching.protection import Watched
from perpkit.bot.watching.sources import Sources
from perpkit.breakers.breaker import Trading, strictest
from perpkit.record.trade_database import HIGH_WATER_KEY
from tests import factories
from tests.bot.accounts import Feed, Market, exited, opened
from tests.bot.stack import BTC
from tests.factories import START

HOUR = timedelta(hours=1)
AMOUNT = 0.1  # 3,000 USDT at 30,000: a fall of 1% is 3% of the capital of 1,000


def breaker(config, runmode=RunMode.BACKTEST, **parameters):
    method = {"method": "DrawdownBreaker", **parameters}
    return ProtectionResolver.load_protection(
        "DrawdownBreaker", {**config, "runmode": runmode}, Watched(method)
    )


def falling(*shares: float) -> pd.DataFrame:
    """Candles that close so far below 30,000, hour by hour, from START on."""
    candles = factories.candles(len(shares))
    return candles.assign(close=[30_000 * (1 - share) for share in shares])


@pytest.fixture
def backtest(default_futures_config):
    """Sources of a backtest with a long of 3x the capital, open from START on."""
    disable_database_use("1h")
    Trade.reset_trades()
    LocalTrade.add_bt_trade(opened(amount=AMOUNT))

    def sources(*shares: float) -> Sources:
        config = {**default_futures_config, "runmode": RunMode.BACKTEST}
        return Sources(config, Feed({BTC: falling(*shares)}))

    yield sources
    Trade.reset_trades()
    enable_database_use()


def decisions(subject, sources, hours: range) -> list[tuple[Trading, float]]:
    found = []
    for hour in hours:
        decision = strictest(subject.evaluate(sources, START + hour * HOUR))
        found.append((decision.trading, decision.size_factor))
    return found


CRASH = [0, 0.012, 0.02, 0.036, 0.036, 0.036]
WHAT_FOLLOWS = [
    (Trading.ACTIVE, 1.0),
    (Trading.ACTIVE, 0.5),  # 3.6% in an hour
    (Trading.ACTIVE, 0.5),  # 6% in a day
    (Trading.HALTED, 0.0),  # 10.8% in open positions
    (Trading.HALTED, 0.0),
    (Trading.HALTED, 0.0),
]


def test_a_backtest_is_marked_candle_by_candle(backtest, default_futures_config):
    sources = backtest(*CRASH)
    found = decisions(breaker(default_futures_config), sources, range(1, 7))
    assert found == WHAT_FOLLOWS


def test_asked_only_now_and_then_it_knows_what_was_in_between(backtest, default_futures_config):
    """As Freqtrade asks it, when a trade closes: the loss stands, though equity has recovered."""
    sources = backtest(0, 0.012, 0.035, *[0.005] * 20)
    subject = breaker(default_futures_config, open_loss=0, high_water_loss=0)
    assert decisions(subject, sources, range(1, 2)) == [(Trading.ACTIVE, 1.0)]
    assert decisions(subject, sources, range(7, 8)) == [(Trading.REDUCING, 0.0)]


def test_it_looks_at_no_later_candle(backtest, default_futures_config):
    whole = decisions(breaker(default_futures_config), backtest(*CRASH), range(1, 5))
    known = decisions(breaker(default_futures_config), backtest(*CRASH[:4]), range(1, 5))
    assert whole == known


def test_a_halt_of_a_backtest_ends_as_if_an_operator_had_cleared_it(
    backtest, default_futures_config
):
    sources = backtest(0, *[0.04] * 10)
    subject = breaker(default_futures_config, backtest_clear_hours=5)
    for hour in (1, 2):
        found = subject.evaluate(sources, START + hour * HOUR)
    (halt,) = found
    assert (halt.trading, halt.release) == (Trading.HALTED, START + 7 * HOUR)
    Trade.reset_trades()
    LocalTrade.bt_total_profit = -120.0
    assert decisions(subject, sources, range(3, 8)) == [(Trading.HALTED, 0.0)] * 4 + [
        (Trading.ACTIVE, 1.0)
    ]


def test_closed_trades_make_streaks(backtest, default_futures_config):
    Trade.reset_trades()
    subject = breaker(default_futures_config, streak_losses=2, streak_hours=3)
    sources = backtest(*[0] * 9)
    assert decisions(subject, sources, range(1, 2)) == [(Trading.ACTIVE, 1.0)]
    for hour in (1, 2):
        LocalTrade.add_bt_trade(trade := opened(amount=0.001))
        LocalTrade.close_bt_trade(exited(trade, 29_990.0, 0.001, hour))
    assert decisions(subject, sources, range(2, 6)) == [(Trading.REDUCING, 0.0)] * 3 + [
        (Trading.ACTIVE, 1.0)
    ]


@pytest.mark.parametrize("what", ["capital", "at", "store_high_water"])
def test_a_loss_counts_once_whatever_fails_beside_it(
    backtest, default_futures_config, monkeypatch, what
):
    """What fails is the look at the account in which it is new."""
    Trade.reset_trades()
    subject = breaker(default_futures_config, streak_losses=3, streak_hours=3)
    sources = backtest(*[0] * 9)
    subject.evaluate(sources, START + HOUR)
    for _ in range(2):
        LocalTrade.add_bt_trade(trade := opened(amount=0.001))
        LocalTrade.close_bt_trade(exited(trade, 29_990.0, 0.001, 1))

    def fails(*args):
        raise OSError("the database is locked")

    with monkeypatch.context() as broken:
        broken.setattr(subject._account, what, fails)
        with pytest.raises(OSError, match="locked"):
            subject.evaluate(sources, START + 2 * HOUR)
    assert decisions(subject, sources, range(3, 4)) == [(Trading.ACTIVE, 1.0)]
    LocalTrade.add_bt_trade(trade := opened(amount=0.001))
    LocalTrade.close_bt_trade(exited(trade, 29_990.0, 0.001, 3))
    assert decisions(subject, sources, range(4, 5)) == [(Trading.REDUCING, 0.0)]


LIMITS = {
    "close": {"hour_loss": 0.01, "day_loss": 0.015, "week_loss": 0.02, "high_water_loss": 0.05},
    "day": {"daily_loss": 0.01, "reset_hour": 5, "hour_loss": 0, "week_loss": 0.04},
    "streaks": {"streak_losses": 2, "pair_streak_losses": 3, "streak_hours": 5},
    "start": {"limits": [{"loss": 0.01, "reference": "start", "hours": 30}]},
}


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("seed", range(3))
def test_it_may_rest_while_nothing_is_open(backtest, default_futures_config, limits, seed):
    """Trades come and go; one breaker looks at every candle, the other only when it must."""
    rng = random.Random(seed)
    Trade.reset_trades()
    falls = list(accumulate(rng.gauss(0, 0.004) for _ in range(400)))
    sources = backtest(*falls)
    LocalTrade.bt_trades_open.clear()
    diligent, resting = (
        breaker(default_futures_config, **LIMITS[limits], backtest_clear_hours=20) for _ in range(2)
    )
    diligent._can_rest = False
    rested, restricted = 0, 0
    for hour in range(1, 400):
        now = START + hour * HOUR
        decided = [subject.evaluate(sources, now) for subject in (diligent, resting)]
        assert decided[0] == decided[1], now
        restricted += bool(decided[0])
        rested += resting._resting is not None
        price = 30_000 * (1 - falls[hour - 1])
        for trade in list(LocalTrade.bt_trades_open):
            if rng.random() < 0.2:
                LocalTrade.close_bt_trade(exited(trade, price, trade.amount, hour))
        if rng.random() < 0.03:
            LocalTrade.add_bt_trade(
                trade := opened(BTC, rng.random() < 0.5, price, rng.choice([0.02, 0.1]), hour)
            )
            if rng.random() < 0.2:  # in and out within a candle
                LocalTrade.close_bt_trade(exited(trade, price * 0.99, trade.amount, hour))
    assert restricted
    assert (rested > 50) is (limits != "start")


@pytest.fixture
def running(trade_database, default_futures_config):
    """A bot in dry-run with a long of 3x its capital, and a clock of its own."""
    PairLocks.timeframe = "1h"
    candles = falling(*[0] * 200)
    factories.trade(BTC, amount=AMOUNT, opened=START)
    market = Market({BTC: candles})
    config = {**default_futures_config, "runmode": RunMode.DRY_RUN}
    return Sources(config, Feed({BTC: candles}), market), market


def live(subject, sources, hours: float, lock: bool = True):
    """One loop of the watch."""
    now = START + hours * HOUR
    found = subject.decide(sources, now)
    for decision in found:
        if lock and decision.entries_blocked:
            subject.locks.hold(decision, now)
    return strictest(d for d in found if d.restricts)


class TestRunningBot:
    LOOP = 5 / 3600

    def crash(self, subject, sources, market, to: float, at: float):
        market.rates[BTC] = 30_000 * (1 - to)
        for loop in range(3):
            decision = live(subject, sources, at + loop * self.LOOP)
        return decision

    def test_three_quotes_confirm(self, running, default_futures_config):
        sources, market = running
        subject = breaker(default_futures_config, RunMode.DRY_RUN)
        assert live(subject, sources, 1).trading is Trading.ACTIVE
        market.rates[BTC] = 30_000 * 0.9
        for loop in (1, 2):
            assert live(subject, sources, 1 + loop * self.LOOP).trading is Trading.ACTIVE
        decision = live(subject, sources, 1 + 3 * self.LOOP)
        assert (decision.trading, decision.release) == (Trading.HALTED, None)

    def test_a_halt_survives_the_process_until_it_is_cleared(self, running, default_futures_config):
        sources, market = running
        first = breaker(default_futures_config, RunMode.DRY_RUN)
        live(first, sources, 1)
        assert self.crash(first, sources, market, 0.04, 2).trading is Trading.HALTED
        market.rates[BTC] = 30_000.0
        second = breaker(default_futures_config, RunMode.DRY_RUN)  # after kill -9
        assert live(second, sources, 3).trading is Trading.HALTED
        (lock,) = PairLocks.get_pair_locks("*", START + 3 * HOUR)
        assert lock.reason.startswith("DrawdownBreaker halted: equity")

        lock.active, lock.lock_end_time = False, START + 4 * HOUR  # /unlock
        assert live(second, sources, 5).trading is Trading.ACTIVE
        third = breaker(default_futures_config, RunMode.DRY_RUN)
        assert live(third, sources, 6).trading is Trading.ACTIVE

    def test_after_clearing_losses_count_from_there(self, running, default_futures_config):
        sources, market = running
        market.frames[BTC].loc[2:, "close"] = 30_000 * 0.94
        subject = breaker(default_futures_config, RunMode.DRY_RUN, open_loss=0)
        live(subject, sources, 1)
        assert self.crash(subject, sources, market, 0.06, 2).trading is Trading.HALTED
        (lock,) = PairLocks.get_pair_locks("*", START + 3 * HOUR)
        lock.active, lock.lock_end_time = False, START + 4 * HOUR
        assert not self.crash(subject, sources, market, 0.061, 5).restricts
        assert self.crash(subject, sources, market, 0.11, 6).trading is Trading.HALTED

    def test_after_clearing_and_a_restart_losses_of_before_make_no_streak(
        self, running, default_futures_config
    ):
        sources, _ = running
        for hour in (1, 2):
            factories.trade(
                "ETH/USDT:USDT", False, 2000.0, 1999.0, 0.01, opened=START + hour * HOUR, held=HOUR
            )
        kind = {"streak_losses": 2, "streak_hours": 99}
        assert live(
            breaker(default_futures_config, RunMode.DRY_RUN, **kind), sources, 5, lock=False
        ).restricts
        label = "DrawdownBreaker halted: "
        lock = PairLocks.lock_pair("*", START + 9999 * HOUR, label, now=START + 3.5 * HOUR)
        lock.active, lock.lock_end_time = False, START + 4 * HOUR
        assert not live(
            breaker(default_futures_config, RunMode.DRY_RUN, **kind), sources, 6
        ).restricts

    def test_losses_and_the_high_water_mark_survive_the_process(
        self, running, default_futures_config
    ):
        """The week comes from the candles, the mark, of three weeks ago, from the database."""
        sources, market = running
        more = {"open_loss": 0, "week_loss": 0.4}
        first = breaker(default_futures_config, RunMode.DRY_RUN, **more)
        live(first, sources, 1)
        market.rates[BTC] = 33_000.0  # a profit of 300 on 1,000
        live(first, sources, 2)
        market.rates[BTC] = 31_500.0  # 11.5% below it
        later = 2 + 21 * 24
        candles = market.frames[BTC]
        shifted = candles.assign(date=candles["date"] + timedelta(hours=later - 200))
        market.frames[BTC] = sources.candles.frames[BTC] = shifted.assign(close=31_500.0)
        second = breaker(default_futures_config, RunMode.DRY_RUN, **more)
        assert live(second, sources, later).trading is Trading.ACTIVE
        without = breaker(default_futures_config, RunMode.DRY_RUN, **more, high_water_loss=0)
        assert self.crash(without, sources, market, -0.03, later + 1).trading is Trading.ACTIVE
        assert self.crash(second, sources, market, -0.03, later + 2).trading is Trading.HALTED

    def test_losses_of_the_week_survive_the_process(self, running, default_futures_config):
        sources, market = running
        frame = market.frames[BTC]
        frame.loc[:190, "close"] = 31_200.0  # until nine hours ago
        market.rates[BTC] = 30_000.0  # 10.7% of the equity lower
        subject = breaker(default_futures_config, RunMode.DRY_RUN, confirm=1)
        decision = live(subject, sources, 200)
        assert decision.trading is Trading.REDUCING
        assert "highest of the last 7 days" in decision.reason

    @pytest.mark.parametrize("unknown", ["capital", "price"])
    def test_a_first_look_without_equity_forgets_nothing(
        self, running, default_futures_config, monkeypatch, unknown
    ):
        """The process begins in an outage; the equity of 1,130 was 1,300 in the week before."""
        sources, market = running
        mark = START - 40 * 24 * HOUR
        KeyValueStore.store_value(HIGH_WATER_KEY, f"{mark.timestamp()!r} 300.0")
        market.frames[BTC].loc[:190, "close"] = 33_000.0
        more = {"open_loss": 0, "high_water_loss": 0.2, "confirm": 1}
        subject = breaker(default_futures_config, RunMode.DRY_RUN, **more)
        now, known = 200, market.frames.pop(BTC)
        with monkeypatch.context() as outage:
            if unknown == "capital":
                market.rates[BTC] = 31_300.0
                outage.setattr(RunningAccount, "capital", lambda *_: nan)
            else:
                sources.candles.frames.clear()
            for loop in range(3):
                decision = live(subject, sources, now + loop * self.LOOP)
                assert decision.trading is Trading.REDUCING
                assert "equity unknown" in decision.reason
        assert subject.highest_profit is None
        market.frames[BTC] = sources.candles.frames[BTC] = known
        market.rates[BTC] = 31_300.0
        decision = live(subject, sources, now + 1)
        assert "highest of the last 7 days" in decision.reason
        assert subject.highest_profit == 300.0
        assert KeyValueStore.get_string_value(HIGH_WATER_KEY).endswith(" 300.0")
        market.rates[BTC] = 30_000.0
        assert live(subject, sources, now + 1 + self.LOOP).trading is Trading.HALTED

    def test_without_a_price_no_entries_and_no_halt(self, running, default_futures_config):
        sources, market = running
        market.frames.clear()
        decision = live(breaker(default_futures_config, RunMode.DRY_RUN), sources, 1)
        assert decision.trading is Trading.REDUCING
        assert decision.reason == ("equity unknown (the price of BTC/USDT:USDT): no new entries")

    def test_live_without_a_balance_no_entries(self, running, default_futures_config):
        sources, _ = running
        sources.config = {**sources.config, "dry_run": False, "runmode": RunMode.LIVE}
        decision = live(breaker(default_futures_config, RunMode.LIVE), sources, 1)
        assert decision.reason == "equity unknown (the capital): no new entries"

    def test_a_clock_that_was_set_back_loses_nothing(self, running, default_futures_config):
        sources, _ = running
        subject = breaker(default_futures_config, RunMode.DRY_RUN, streak_losses=2)
        live(subject, sources, 3)
        for hour in (1, 2):
            factories.trade(
                "ETH/USDT:USDT", False, 2000.0, 1999.0, 0.01, opened=START + hour * HOUR, held=HOUR
            )
        assert not live(subject, sources, 2.5).restricts
        assert "2 losses in a row" in live(subject, sources, 3.5).reason


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hour_loss": 3}, "hour_loss must be 0 or a number from 0.0001 to 1, got 3"),
        ({"hourly_loss": 0.1}, "unknown parameter 'hourly_loss'. Allowed: backtest_clear_hours"),
        ({"clear_hours": 3}, "unknown parameter 'clear_hours'"),
        ({"backtest_clear_hours": 0}, "backtest_clear_hours must be"),
        ({"limits": [{"loss": 0.1}]}, "hours must be a number"),
        (
            {"limits": [{"loss": 0.1, "hour": 3}]},
            "limits[0] has no parameter 'hour'. Allowed: cool_",
        ),
        ({"limits": [{"hours": 3}]}, "limits[0].loss is missing"),
        ({"limits": 3}, "limits must be a list, each of its elements an object of loss,"),
        ({"limits": ["x"]}, "limits[0] must be an object of loss, reference, hours,"),
    ],
)
def test_a_bad_parameter_is_named(default_futures_config, parameters, message):
    with pytest.raises(ConfigurationError, match="DrawdownBreaker: ") as error:
        breaker(default_futures_config, **parameters)
    assert message in str(error.value)


def test_it_introduces_itself(default_futures_config):
    further = [{"loss": 0.2, "hours": 720, "trading": "halted"}]
    assert breaker(default_futures_config, limits=further).short_desc() == (
        "DrawdownBreaker - Equity marked to market. "
        "3.00% below the highest of 1 h: 50% of the usual size; "
        "5.00% below the highest of 24 h: 50% of the usual size; "
        "10.00% below the highest of 7 days: no new entries; "
        "10.00% in open positions: everything is closed; "
        "15.00% below the high-water mark: everything is closed; "
        "20.00% below the highest of 30 days: everything is closed."
    )

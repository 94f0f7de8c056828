"""TargetBasket: one decision per candle, the change of each pair, and locked pairs."""

from __future__ import annotations

import logging
from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.persistence import (
    LocalTrade,
    PairLocks,
    Trade,
    disable_database_use,
    enable_database_use,
)
from freqtrade.resolvers import StrategyResolver

from perpkit.bot.positions.basket import TAG, Rebalancer
from perpkit.bot.refusals import RefusalKind, Why
from perpkit.breakers.breaker import Decision, Trading
from perpkit.risk.rebalancing import TargetWeights
from tests import factories
from tests.bot import stack
from tests.bot.stack import BTC, ETH, HOUR, LTC, START

NOW = START + 20 * HOUR
DAY = timedelta(days=1)
WEIGHTS = {BTC: 0.5, ETH: -0.3}
EQUITY = 10_000.0
NOTHING_NEW = Decision(Trading.REDUCING, 0.0, reason="the market falls")
HALF = Decision(Trading.ACTIVE, 0.5, reason="it fell")


class DataProvider:
    def __init__(self) -> None:
        self._exchange = stack.exchange({BTC: 0.001, ETH: 0.001, LTC: 0.001})
        self.whitelist = [BTC, ETH, LTC]

    def current_whitelist(self) -> list[str]:
        return self.whitelist


@pytest.fixture(autouse=True)
def simulated():
    disable_database_use("1h")
    Trade.reset_trades()
    yield
    Trade.reset_trades()
    PairLocks.reset_locks()
    enable_database_use()


def loaded(config, weights=None, **changed):
    basket = {"weights": WEIGHTS if weights is None else weights}
    config = {"perpkit": {"basket": basket}, **config, "runmode": RunMode.BACKTEST, **changed}
    return StrategyResolver.load_strategy({**config, "strategy": "TargetBasket"})


@pytest.fixture
def strategy(default_futures_config, monkeypatch):
    made = loaded(default_futures_config)
    made.dp = DataProvider()
    made.wallets = SimpleNamespace(get_available_stake_amount=lambda: EQUITY)
    made.ft_bot_start()
    for pair in (BTC, ETH, LTC):
        made._columns[pair] = stack.flat(60)
    made._rebalancer._equity = lambda _: EQUITY
    monkeypatch.setattr(made.watch, "step", lambda *_: None)
    return made


def decide(strategy, monkeypatch, decision: Decision) -> None:
    monkeypatch.setattr(strategy.watch, "decision", lambda *_: decision)
    strategy._rebalancer._decision = lambda *_: decision


def entered(strategy, pair=BTC, side="long", now=NOW, leverage=1.0) -> float:
    more = (50.0, 5.0, EQUITY, leverage, "basket", side)
    return strategy.custom_stake_amount(pair, now, 100.0, *more)


def holding(value: float, pair=BTC, number=1, leverage=1.0) -> LocalTrade:
    """An open trade; a short for values below 0. The price is 100."""
    amount = abs(value) / 100
    trade = stack.simulated(pair, value < 0, amount=amount, leverage=leverage, number=number)
    LocalTrade.add_bt_trade(trade)
    return trade


def adjusted(strategy, trade, now=NOW, most=9000.0):
    return strategy.adjust_trade_position(trade, now, 100.0, 0.0, 5.0, most, *[100.0] * 4)


# Configuration


@pytest.mark.parametrize(
    ("perpkit", "words"),
    [
        ({"basket": {"tolerence": 0.1}}, ["perpkit.basket", '"tolerence"', "tolerance"]),
        ({"basket": {"weights": {BTC: 1.5}}}, ["perpkit.basket", BTC, "-1 to 1", "1.5"]),
        ({"basket": {"weights": {BTC: "1"}}}, ["perpkit.basket", "weights", BTC, "number"]),
        ({"basket": {"weights": [BTC]}}, ["perpkit.basket", "weights", "an object"]),
        ({"basket": {"weights": {BTC: 0.7, ETH: -0.4}}}, ["perpkit.basket", "max_gross", "1.1"]),
        ({"use": {"sizing": True}}, ["perpkit", "use.sizing", "false"]),
        ({"use": {"scale_out": True}}, ["perpkit", "use.scale_out", "false"]),
        ({"use": {"slicing": True}}, ["perpkit", "use.slicing", "false"]),
    ],
)
def test_a_bad_configuration_is_refused_with_one_line(default_futures_config, perpkit, words):
    with pytest.raises(ConfigurationError) as refused:
        loaded(default_futures_config, perpkit=perpkit)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize("slots", [1, 2, float("inf"), -1])
def test_each_weight_needs_a_slot(default_futures_config, slots):
    if slots == 1:
        with pytest.raises(
            ConfigurationError, match=r'"max_open_trades" must be at least 2.*got 1'
        ):
            loaded(default_futures_config, max_open_trades=slots)
    else:
        loaded(default_futures_config, max_open_trades=slots)


def test_other_strategies_have_no_basket(default_futures_config):
    config = {**default_futures_config, "perpkit": {"basket": {}}, "strategy": "RsiSmaSwing"}
    with pytest.raises(ConfigurationError, match='no parameter "basket"'):
        StrategyResolver.load_strategy(config)


def test_a_weight_that_is_not_listed_is_told_of_once(strategy, caplog):
    strategy.dp.whitelist = [ETH]
    for hour in range(3):
        strategy.bot_loop_start(NOW + hour * HOUR)
    told = [r.message for r in caplog.records if "perpkit.basket.weights" in r.message]
    assert told == [
        f'Of "perpkit.basket.weights" not in the pairlist, so nothing is bought of it: {BTC}'
    ]
    strategy.dp.whitelist = [BTC, ETH]
    strategy.bot_loop_start(NOW + 3 * HOUR)
    strategy.dp.whitelist = [ETH]
    strategy.bot_loop_start(NOW + 4 * HOUR)
    assert sum("perpkit.basket.weights" in r.message for r in caplog.records) == 2


# Signals


@pytest.mark.parametrize(
    ("pair", "signals"),
    [(BTC, (1, 0, 0, 1)), (ETH, (0, 1, 1, 0)), (LTC, (0, 0, 1, 1))],
)
def test_the_side_of_the_weight_is_entered_and_any_other_left(strategy, pair, signals):
    frame = factories.candles(5)
    frame = strategy.populate_entry_trend(frame, {"pair": pair})
    frame = strategy.populate_exit_trend(frame, {"pair": pair})
    names = ["enter_long", "enter_short", "exit_long", "exit_short"]
    assert frame[names].drop_duplicates().to_numpy().tolist() == [list(signals)]


def test_no_look_ahead(default_futures_config, strategy):
    datadir = default_futures_config["datadir"]
    factories.write_candles(datadir, ETH, factories.funding(400), "funding_rate")
    factories.write_candles(datadir, BTC, factories.candles(3000, seed=8))
    candles = factories.candles(1500)

    def analysed(rows: int) -> pd.DataFrame:
        frame = strategy.advise_indicators(candles[:rows].copy(), {"pair": ETH})
        return strategy.ft_advise_signals(frame, {"pair": ETH})

    whole = analysed(1500)
    assert whole[["atr", "vol_1h", "btc_correlation"]].notna().any().all()
    for rows in (700, 701, 1207, 1499):
        pd.testing.assert_frame_equal(analysed(rows), whole[:rows])


# Entries


def test_a_pair_that_is_not_held_gets_its_weight(strategy):
    assert entered(strategy) == pytest.approx(5000)
    assert entered(strategy, ETH, "short") == pytest.approx(3000)
    assert entered(strategy, LTC) == 0


def test_margin_is_the_value_over_the_leverage(strategy):
    assert entered(strategy, leverage=2.0) == pytest.approx(2500)


def test_each_pair_takes_its_part_once_a_candle(strategy):
    assert entered(strategy) > 0
    assert entered(strategy, now=NOW + timedelta(minutes=59)) == 0
    assert entered(strategy, ETH, "short", NOW + timedelta(minutes=59)) > 0
    assert entered(strategy, now=NOW + HOUR) > 0


def test_what_one_candle_decided_ends_with_it_also_where_the_next_fails(strategy):
    assert entered(strategy)
    known, calls = strategy._rebalancer._equity, iter([True, True, False])

    def equity(now):
        if next(calls):
            raise RuntimeError("the database is locked")
        return known(now)

    strategy._rebalancer._equity = equity
    later = NOW + HOUR
    assert entered(strategy, ETH, "short", later) == 0
    assert entered(strategy, ETH, "short", later) == 0
    assert entered(strategy, ETH, "short", later) == 3_000


def test_weeks_are_decided_on_as_they_begin_on_mondays(strategy):
    strategy._rebalancer._candle = 7 * DAY.total_seconds()
    days = (4, 5.1, 9)  # Wednesday, 4 January 2023, the Thursday, and the Monday after it
    decided = [entered(strategy, now=NOW.replace(day=1, hour=0) + (d - 1) * DAY) > 0 for d in days]
    assert decided == [True, False, True]


def test_it_is_decided_for_all_at_once(strategy):
    """Positions opened after the decision of a candle do not change it."""
    assert entered(strategy) > 0
    trade = holding(-6000, ETH)
    assert adjusted(strategy, trade) is None
    amount = 3000 / 6000 * trade.stake_amount
    assert adjusted(strategy, trade, NOW + HOUR) == (pytest.approx(-amount, rel=1e-4), TAG)


@pytest.mark.parametrize(("decision", "stake"), [(NOTHING_NEW, 0), (HALF, 2500)])
def test_entries_obey_the_breakers(strategy, monkeypatch, decision, stake):
    decide(strategy, monkeypatch, decision)
    assert entered(strategy) == pytest.approx(stake)


def test_entries_share_what_is_free(strategy, caplog):
    caplog.set_level(logging.INFO)
    strategy.wallets.get_available_stake_amount = lambda: 6000.0
    assert entered(strategy, ETH, "short") == pytest.approx(1000)
    assert entered(strategy) == pytest.approx(5000)
    assert f"{ETH} at 0.0% of equity (10000.00), target -30.0%: sell 1000.00" in caplog.text
    assert "free margin or gross exposure leaves 1000.00" in caplog.text


def test_without_a_price_nothing_is_done(strategy):
    trade = holding(8000)
    strategy._rebalancer._equity = lambda _: float("nan")
    assert adjusted(strategy, trade) is None
    assert entered(strategy, ETH, "short") == 0


# Adjustments


@pytest.mark.parametrize(
    ("pair", "value", "traded"),
    [
        (BTC, 5400, None),
        (BTC, 5600, -600),
        (BTC, 4400, 600),
        (ETH, -3600, -600),
        (ETH, -2400, 600),
        (ETH, 2000, -2000),
        # Without a weight, or on the other side: closed, however small it is.
        (LTC, 300, -300),
        (LTC, 4, -4),
        (LTC, -4, -4),
        (ETH, 4, -4),
        (BTC, -4, -4),
    ],
)
def test_positions_are_brought_back(strategy, pair, value, traded):
    trade = holding(value, pair)
    answer = adjusted(strategy, trade)
    assert answer == (traded and (pytest.approx(traded, rel=1e-4), TAG))
    assert adjusted(strategy, trade) is None


def test_freqtrade_is_told_the_stake(strategy):
    """Additions are margin; reductions are a part of the stake at the entry price."""
    strategy._columns[BTC] = stack.flat(60, price=110.0)
    for value, traded in ((6000, -1600), (3000, 1700)):
        Trade.reset_trades()
        trade = holding(value, leverage=2.0)
        strategy._rebalancer._decided = -1
        stake, _ = adjusted(strategy, trade)
        if traded > 0:
            assert stake == pytest.approx(traded / 2)
        else:
            sold = -stake * trade.amount / trade.stake_amount
            assert sold == pytest.approx(-traded / 110, abs=0.001)


@pytest.mark.parametrize(("most", "added"), [(9000, 600), (120, 240), (49, None), (0, None)])
def test_what_the_exchange_takes_at_most(strategy, most, added):
    trade = holding(4400, leverage=2.0)
    answer = adjusted(strategy, trade, most=most)
    assert answer == (added and (pytest.approx(added / 2), TAG))


@pytest.mark.parametrize(
    ("decision", "value", "traded"),
    [
        (NOTHING_NEW, 4000, None),
        (NOTHING_NEW, 6000, -1000),
        (HALF, 2000, 500),
        (HALF, 4000, None),
        (HALF, 6000, -1000),
    ],
)
def test_breakers_block_additions_and_no_reductions(strategy, monkeypatch, decision, value, traded):
    decide(strategy, monkeypatch, decision)
    answer = adjusted(strategy, holding(value))
    assert answer == (traded and (pytest.approx(traded, rel=1e-4), TAG))


@pytest.mark.parametrize(("value", "traded"), [(4000, None), (6000, -1000)])
def test_so_do_locks(strategy, value, traded):
    PairLocks.lock_pair(BTC, NOW + DAY, "by hand", now=NOW)
    answer = adjusted(strategy, holding(value))
    assert answer == (traded and (pytest.approx(traded, rel=1e-4), TAG))


@pytest.mark.parametrize(("value", "traded"), [(4000, None), (6000, -1000)])
def test_the_book_is_asked_about_additions_only(strategy, monkeypatch, caplog, value, traded):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(
        strategy._running, "refusal", lambda *_: Why(RefusalKind.BOOK, "the spread is 2%")
    )
    answer = adjusted(strategy, holding(value))
    assert answer == (traded and (pytest.approx(traded, rel=1e-4), TAG))
    assert ("the spread is 2%" in caplog.text) is (traded is None)


def test_what_is_waiting_is_waited_for(strategy):
    trade = holding(3000)
    trade.orders.append(stack.order(trade, "buy", 15.0, 100.0, NOW, filled=False))
    assert adjusted(strategy, trade) is None
    trade.orders.pop()
    assert adjusted(strategy, trade, NOW + timedelta(minutes=5)) is None
    assert adjusted(strategy, trade, NOW + HOUR) == (pytest.approx(2000), TAG)


def test_an_entry_that_is_waiting_counts_as_held(strategy):
    """Of the gross exposure, which leaves the others less."""
    trade = stack.simulated(ETH, is_short=True, amount=0)
    trade.orders.append(stack.order(trade, "sell", 70.0, 100.0, NOW, filled=False))
    LocalTrade.add_bt_trade(trade)
    assert entered(strategy) == pytest.approx(3000)


def test_nobody_elses_entry_is_doubled(strategy):
    """An entry made by hand, after the decision of the candle."""
    assert entered(strategy, ETH, "short") > 0
    assert adjusted(strategy, holding(5000)) is None


def test_a_basket_may_have_positions_adjusted(strategy):
    assert strategy.position_adjustment_enable
    strategy._prepare()
    assert strategy.position_adjustment_enable


# Exits


@pytest.mark.parametrize(
    ("reason", "out"),
    [
        ("stop_loss", True),
        ("trailing_stop_loss", True),
        ("stoploss_on_exchange", True),
        ("stop_overtaken", True),
        ("liquidation", True),
        ("force_exit", True),
        ("halted", False),
        ("exit_signal", False),
        (TAG, False),
    ],
)
def test_what_was_stopped_out_stays_out_for_a_while(strategy, reason, out):
    closed(holding(5000), reason, NOW)
    strategy.bot_loop_start(NOW + HOUR)
    for days, locked in ((0.1, out), (6.9, out), (7.1, False)):
        assert PairLocks.is_pair_locked(BTC, NOW + days * DAY, "long") is locked
        assert not PairLocks.is_pair_locked(ETH, NOW + days * DAY, "short")


def test_what_an_operator_unlocks_is_unlocked(strategy):
    trade = closed(holding(5000), "stop_loss", NOW)
    strategy.bot_loop_start(NOW + HOUR)
    (lock,) = PairLocks.get_all_locks()
    assert f"stop_loss of trade {trade.id}" in lock.reason
    lock.active = False
    strategy.bot_loop_start(NOW + 2 * HOUR)
    rebalancer = Rebalancer(TargetWeights(WEIGHTS), *[None] * 6, HOUR)  # after a restart
    rebalancer.lock_after_exits(NOW + 3 * HOUR)
    assert len(PairLocks.get_all_locks()) == 1
    assert not PairLocks.is_pair_locked(BTC, NOW + DAY, "long")


def closed(trade: LocalTrade, reason: str, when) -> LocalTrade:
    trade.close_date, trade.exit_reason, trade.close_profit_abs = when, reason, 0.0
    trade.is_open = False
    LocalTrade.close_bt_trade(trade)
    return trade


def test_a_halt_flattens(strategy, monkeypatch):
    trade = holding(5000)
    assert strategy.should_exit(trade, 100.0, NOW, enter=True, exit_=False) == []
    decide(strategy, monkeypatch, Decision(Trading.HALTED, 0.0))
    [exit_] = strategy.should_exit(trade, 100.0, NOW, enter=True, exit_=False)
    assert exit_.exit_reason == "halted"


@pytest.mark.parametrize(("value", "stop"), [(5000, 70.0), (-5000, 130.0)])
def test_the_stop_stands_where_it_was_set(strategy, value, stop):
    trade = holding(value)
    trade.stop_loss = 1.0 if value > 0 else 200.0
    for hour, rate in enumerate((100.0, 150.0, 60.0, 100.0)):
        ratio = strategy.custom_stoploss(
            BTC, trade, NOW + hour * HOUR, rate, 0.0, after_fill=not hour
        )
        if not hour:
            trade.stop_loss = rate * (1 - ratio) if value > 0 else rate * (1 + ratio)
            assert trade.stop_loss == pytest.approx(stop)
        else:
            assert ratio is None


def test_gains_are_taken_by_rebalancing_alone(strategy):
    trade = holding(4000)
    assert strategy.custom_roi(BTC, trade, NOW, 60, None, "long") >= 100
    assert strategy.custom_exit(BTC, trade, NOW + 10_000 * HOUR, 900.0, 8.0) is None


def test_no_trade_is_closed_or_grown_by_what_the_weights_do_not_say(strategy):
    use = strategy.present_settings().use
    for part in ("sizing", "scale_out", "slicing", "trailing", "carry"):
        assert not getattr(use, part)
    assert use.guard
    assert use.liquidation
    assert strategy.leverage(BTC, NOW, 100.0, 1.0, 125.0, None, "long") == 1


def test_the_account_may_fall_farther_than_that_of_a_trader(strategy):
    (limits,) = (p for p in strategy.protections if p["method"] == "DrawdownBreaker")
    assert limits["high_water_loss"] == 0
    stops = strategy.stop_distance.value * strategy.present_settings().basket.max_gross
    assert limits["open_loss"] > stops  # which come first
    assert {p["method"] for p in strategy.protections} >= {"CryptoVixBreaker", "FundingBreaker"}


def test_a_lock_of_an_earlier_trade_with_this_number_is_not_its_own(strategy):
    """The database reuses the id of a deleted trade."""
    trade = closed(holding(5000), "stop_loss", NOW)
    days = strategy._basket.cooldown_days
    reason = f"basket: out for {days:g} days after stop_loss of trade {trade.id}"
    PairLocks.lock_pair(BTC, NOW - DAY, reason, now=NOW - 9 * DAY)
    strategy.bot_loop_start(NOW + HOUR)
    assert PairLocks.is_pair_locked(BTC, NOW + DAY, "long")

"""What the base strategy adds: columns, leverage, stop and target in price space, the last word."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from freqtrade.enums import RunMode
from freqtrade.resolvers import StrategyResolver

from perpkit.breakers.breaker import Decision, Trading
from tests import factories

BTC = "BTC/USDT:USDT"


class DataProvider:
    """The analysed candles of one pair."""

    def __init__(self, candles: pd.DataFrame) -> None:
        self.candles = candles

    def get_analyzed_dataframe(self, pair, timeframe):
        return self.candles, None


def started(config, name="RsiSmaSwing", runmode=RunMode.BACKTEST, **settings):
    config = {**config, "strategy": name, "runmode": runmode, **settings}
    strategy = StrategyResolver.load_strategy(config)
    strategy.dp = DataProvider(pd.DataFrame())
    strategy.ft_bot_start()
    return strategy


@pytest.fixture
def strategy(default_futures_config):
    return started(default_futures_config)


@pytest.mark.parametrize("name", ["RsiSmaSwing", "RsiSmaScalp"])
def test_no_look_ahead(default_futures_config, name):
    datadir = default_futures_config["datadir"]
    factories.write_candles(datadir, BTC, factories.funding(400), "funding_rate")
    subject = started(default_futures_config, name)
    candles = factories.candles(2500, subject.timeframe)

    def analysed(rows: int) -> pd.DataFrame:
        frame = subject.advise_indicators(candles[:rows].copy(), {"pair": BTC})
        return subject.ft_advise_signals(frame, {"pair": BTC})

    whole = analysed(2500)
    assert whole["funding_rate_8h"].notna().any()
    for rows in (1200, 1201, 1207, 2000, 2499):
        pd.testing.assert_frame_equal(analysed(rows), whole[:rows])


@pytest.mark.parametrize(
    ("range_24h", "pair_maximum", "expected"),
    [(0.02, 125, 3), (0.07, 125, 3), (0.12, 125, 2), (float("nan"), 125, 2), (0.02, 1, 1)],
)
def test_leverage_by_the_range_of_the_day(strategy, range_24h, pair_maximum, expected):
    strategy.dp = DataProvider(pd.DataFrame({"range_24h": [0.5, range_24h]}))
    leverage = strategy.leverage(BTC, factories.START, 1.0, 1.0, pair_maximum, None, "long")
    assert leverage == expected


def test_leverage_without_candles_is_the_lowest_tier(strategy):
    assert strategy.leverage(BTC, factories.START, 1.0, 1.0, 125, None, "long") == 2


def test_a_bad_leverage_limit_is_named(default_futures_config):
    config = {**default_futures_config, "strategy": "RsiSmaSwing", "runmode": RunMode.BACKTEST}
    strategy = StrategyResolver.load_strategy(config)
    strategy.dp, strategy.max_leverage = DataProvider(pd.DataFrame()), 500
    with pytest.raises(Exception, match="max_leverage must be a number from 1 to 125, got 500"):
        strategy.ft_bot_start()


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("leverage", [1.0, 2.0, 3.0, 10.0])
@pytest.mark.parametrize("moved", [-0.005, 0.0, 0.005])
def test_the_stop_lies_at_its_distance_of_price_whatever_the_leverage(
    trade_database, strategy, is_short, leverage, moved
):
    trade = factories.trade(is_short=is_short, leverage=leverage, open_rate=1000.0)
    trade.stop_loss = trade.initial_stop_loss_pct = None
    strategy.ft_stoploss_adjust(
        1000.0 * (1 + moved), trade, trade.open_date_utc, 0, 0, after_fill=True
    )
    expected = 1000.0 * (1.05 if is_short else 0.95)
    assert trade.stop_loss == pytest.approx(expected, rel=1e-6)
    assert not trade.is_stop_loss_trailing


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("leverage", [1.0, 3.0, 10.0])
def test_the_stop_does_not_move_after_the_fill(trade_database, strategy, is_short, leverage):
    trade = factories.trade(is_short=is_short, leverage=leverage, open_rate=1000.0)
    now = trade.open_date_utc
    trade.stop_loss = trade.initial_stop_loss_pct = None
    strategy.ft_stoploss_adjust(1000.0, trade, now, 0, 0, after_fill=True)
    before = trade.stop_loss
    for rate in (1030.0, 970.0, 1000.0):
        strategy.ft_stoploss_adjust(rate, trade, now + timedelta(hours=1), 0, 0)
    assert trade.stop_loss == before


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("leverage", [1.0, 3.0, 10.0])
def test_the_target_is_a_distance_of_price_after_fees(trade_database, strategy, is_short, leverage):
    trade = factories.trade(is_short=is_short, leverage=leverage, open_rate=1000.0)
    _, roi = strategy.min_roi_reached_entry(trade, 60, trade.open_date_utc)
    rate = trade.calc_close_rate_for_roi(roi)
    # 10% of price and 0.1% of fees
    assert abs(rate / 1000.0 - 1) == pytest.approx(0.101, abs=3e-4)
    assert (rate < 1000.0) is is_short


@pytest.mark.parametrize(
    ("decision", "stake", "confirmed"),
    [
        (Decision(), 100, True),
        (Decision(size_factor=0.5), 50, True),
        (Decision(Trading.REDUCING, 0.0, reason="stress"), 0, False),
        (Decision(Trading.HALTED, 0.0, reason="halt"), 0, False),
    ],
)
def test_the_decision_sizes_and_confirms_entries(strategy, caplog, decision, stake, confirmed):
    caplog.set_level("INFO")
    strategy.watch.decision = lambda *_: decision
    now = factories.START
    assert stake == strategy.custom_stake_amount(
        BTC, now, 1.0, 100.0, 5.0, 1000.0, 3.0, None, "long"
    )
    assert confirmed == strategy.confirm_trade_entry(
        BTC, "limit", 1.0, 1.0, "GTC", now, None, "short"
    )
    assert (f"Entry refused: {BTC} short. {decision.reason}" in caplog.text) is not confirmed


@pytest.mark.parametrize(
    ("trading", "reason", "order_type"),
    [
        (Trading.ACTIVE, None, "limit"),
        (Trading.REDUCING, None, "limit"),
        (Trading.HALTED, "halted", "market"),
    ],
)
def test_a_halt_flattens_at_the_market(strategy, monkeypatch, trading, reason, order_type):
    trade = SimpleNamespace(trade_direction="short")
    decision = Decision(trading, 0.5)
    monkeypatch.setattr(strategy.watch, "step", lambda *_: None)
    monkeypatch.setattr(strategy.watch, "decision", lambda *_: decision)
    strategy.bot_loop_start(factories.START)
    assert strategy.order_types["exit"] == order_type
    assert strategy.custom_exit(BTC, trade, factories.START, 1.0, 0.0) == reason
    decision = Decision()
    strategy.bot_loop_start(factories.START)
    assert strategy.order_types["exit"] == "limit"
    assert strategy.custom_exit(BTC, trade, factories.START, 1.0, 0.0) is None


def test_breakers_cap_the_leverage(strategy, monkeypatch):
    strategy.dp = DataProvider(pd.DataFrame({"range_24h": [0.02]}))
    monkeypatch.setattr(strategy.watch, "decision", lambda *_: Decision(max_leverage=1.5))
    assert strategy.leverage(BTC, factories.START, 1.0, 1.0, 125, None, "long") == 1.5


def test_it_never_overrides_the_veto_of_exits(strategy):
    """Exits are sacred: nothing of ours stands between a stop and its order."""
    assert type(strategy).confirm_trade_exit.__qualname__ == "IStrategy.confirm_trade_exit"


def test_every_threshold_is_a_hyperopt_parameter(strategy):
    spaces = {
        space: {name for name, _ in strategy.enumerate_parameters(space)}
        for space in ("buy", "sell", "protection")
    }
    assert spaces == {
        "buy": {
            "rule",
            "trend_filter",
            "oversold",
            "overbought",
            "lookback",
            "min_confidence",
            "funding_rank",
            "crowd_rank",
        },
        "sell": {"stop_distance", "take_profit", "exit_on_opposite", "exit_on_trend_loss"},
        "protection": {"vix_stressed", "vix_calm_hours"},
    }
    for percentile in strategy.vix_stressed.range:
        strategy.vix_stressed.value = percentile
        assert strategy.protections[0]["stressed_percentile"] == percentile


def test_the_live_bot_keeps_funding_and_the_watched_market_current(default_futures_config):
    live = started(default_futures_config, runmode=RunMode.DRY_RUN)
    live.dp.current_whitelist = lambda: ["ETH/USDT:USDT"]
    assert set(live.informative_pairs()) == {
        ("ETH/USDT:USDT", "1h", "funding_rate"),
        (BTC, "1h", ""),
    }

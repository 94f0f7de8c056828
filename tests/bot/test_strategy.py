"""What the base strategy adds: columns, and callbacks in the hands of what answers them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import ConfigurationError, StrategyError
from freqtrade.persistence import LocalTrade, Trade, disable_database_use, enable_database_use
from freqtrade.resolvers import StrategyResolver
from freqtrade.strategy.hyper import HyperStrategyMixin

from perpkit.bot.positions.parameters import Settings
from perpkit.bot.strategy import PerpStrategy
from perpkit.breakers.breaker import Decision, Trading
from perpkit.risk.trailing import Trail
from tests import factories
from tests.bot import stack
from tests.bot.stack import BTC, ETH, HOUR, START
from tests.bot.started import decide, started

NOW = START + 10 * HOUR


@pytest.fixture
def strategy(default_futures_config):
    disable_database_use("1h")
    Trade.reset_trades()
    made = started(default_futures_config, stake_amount="unlimited")
    parameters = [(p, p.value) for _, p in made.enumerate_parameters()]
    made._columns[BTC] = stack.flat(40)
    made.stop_distance.value, made.risk_per_trade.value = 0.05, 0.01  # whatever the defaults
    made._prepare()
    yield made
    for parameter, value in parameters:
        parameter.value = value  # they are the class's
    Trade.reset_trades()
    enable_database_use()


def leverage(strategy, maximum=125.0, side="long") -> float:
    return strategy.leverage(BTC, NOW, 100.0, 1.0, maximum, None, side)


def stake(strategy, side="long", tag=None) -> float:
    return strategy.custom_stake_amount(BTC, NOW, 100.0, 50.0, 5.0, 900.0, 3.0, tag, side)


@pytest.mark.parametrize("name", ["RsiSmaSwing", "RsiSmaScalp", "FundingTide", "TrendFollowing"])
def test_no_look_ahead(default_futures_config, name):
    datadir = default_futures_config["datadir"]
    factories.write_candles(datadir, ETH, factories.funding(400), "funding_rate")
    factories.write_candles(datadir, BTC, factories.candles(3000, seed=8))
    subject = started(default_futures_config, name, perpkit={"trailing": {"trail": "sar"}})
    candles = factories.candles(2500, subject.timeframe)

    def analysed(rows: int) -> pd.DataFrame:
        frame = subject.advise_indicators(candles[:rows].copy(), {"pair": ETH})
        return subject.ft_advise_signals(frame, {"pair": ETH})

    whole = analysed(2500)
    columns = ["funding_rate_8h", "btc_correlation", "atr", "sar", "vol_1h", "range_24h"]
    assert whole[columns].notna().any().all()
    for rows in (1200, 1201, 1207, 2000, 2499):
        pd.testing.assert_frame_equal(analysed(rows), whole[:rows])


def test_the_analysed_candles_are_what_is_looked_up(default_futures_config):
    subject = started(default_futures_config)
    candles = factories.candles(500)
    frame = subject.advise_indicators(candles, {"pair": ETH})
    analysed = subject.ft_advise_signals(frame, {"pair": ETH})
    columns = subject._columns[ETH]
    row = columns.row(START + 300 * HOUR)
    assert row == 299
    for name in ("high", "low", "close", "atr", "range_24h", "vol_1h"):
        assert columns.value(name, row) == analysed[name][row]
    assert "sar" not in analysed


@pytest.mark.parametrize(
    ("range_24h", "pair_maximum", "expected"),
    [(0.02, 125, 3), (0.07, 125, 3), (0.12, 125, 2), (float("nan"), 125, 2), (0.02, 1, 1)],
)
def test_leverage_by_the_range_of_the_day(strategy, range_24h, pair_maximum, expected):
    strategy._columns[BTC] = stack.flat(40, range_24h=range_24h)
    assert leverage(strategy, pair_maximum) == expected


def test_leverage_without_candles_is_the_lowest_tier(strategy):
    del strategy._columns[BTC]
    assert leverage(strategy) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"leverage": {"max_leverage": 500}}, '"perpkit.leverage": max_leverage must .* got 500'),
        ({"levrage": {}}, '"perpkit" has no parameter "levrage"'),
    ],
)
def test_what_is_wrong_in_the_configuration_is_named_at_once(
    default_futures_config, given, message
):
    config = {**default_futures_config, "strategy": "RsiSmaSwing", "perpkit": given}
    with pytest.raises(ConfigurationError, match=message):
        StrategyResolver.load_strategy(config)


def test_the_configuration_precedes_parameters_and_these_the_class(strategy):
    assert strategy.present_settings().stop.distance == strategy.stop_distance.value
    strategy.stop_distance.value, strategy.trail_atr.value = 0.04, 2.5
    strategy.risk_per_trade.value = 0.005
    present = strategy.present_settings()
    assert present.stop.distance == 0.04
    assert present.trailing.atr_multiple == 2.5
    assert present.sizing.risk_per_trade == 0.005
    assert present.exposure == Settings().exposure
    strategy.config["perpkit"] = {"stop": {"distance": 0.03}, "trailing": {"trail": "sar"}}
    present = strategy.present_settings()
    assert (present.stop.distance, present.trailing.trail) == (0.03, Trail.SAR)
    assert present.trailing.atr_multiple == 2.5


def test_settings_are_parsed_when_something_changes(strategy, monkeypatch):
    """And not for every pair, which takes milliseconds."""
    parsed, genuine = [], type(strategy)._overridden
    monkeypatch.setattr(
        type(strategy),
        "_overridden",
        staticmethod(lambda settings, config: parsed.append(1) or genuine(settings, config)),
    )
    strategy.present_settings()
    del parsed[:]
    first = strategy.present_settings()
    assert (strategy.present_settings() is first, len(parsed)) == (True, 0)
    strategy.trail_atr.value = 2.1
    assert strategy.present_settings().trailing.atr_multiple == 2.1
    strategy.config["perpkit"] = {"stop": {"distance": 0.03}}
    assert strategy.present_settings().stop.distance == 0.03
    strategy.config["perpkit"]["stop"]["distance"] = 0.02  # in place
    assert strategy.present_settings().stop.distance == 0.02
    strategy.settings = replace(strategy.settings, stop=replace(first.stop, distance=0.01))
    strategy.config["perpkit"] = {}
    assert strategy.present_settings().stop.distance == strategy.stop_distance.value
    assert len(parsed) == 4


def test_another_epoch_starts_with_its_own_parameters_and_no_memory(strategy):
    trade = stack.simulated()
    strategy.bot_loop_start(NOW)
    assert strategy._risks.of(trade).risk == pytest.approx(5)
    strategy.bot_loop_start(NOW + HOUR)
    strategy.stop_distance.value = 0.02
    assert strategy._risks.of(trade).risk == pytest.approx(5)
    strategy.bot_loop_start(NOW)
    assert strategy._risks.of(trade).risk == pytest.approx(2)


@pytest.fixture
def start_with(default_futures_config, monkeypatch):
    """Starts a strategy with a file of parameters of hyperopt."""

    def start_with(runmode, **sell):
        file = {"params": {"sell": sell}}
        monkeypatch.setattr(HyperStrategyMixin, "load_params_from_file", lambda _: file)
        return started(default_futures_config, runmode=runmode, stake_amount="unlimited")

    return start_with


@pytest.mark.usefixtures("trades_in_memory")
@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.DRY_RUN, RunMode.LIVE])
def test_a_run_trades_by_the_file_of_parameters(start_with, runmode, caplog, monkeypatch):
    """From its first moment on: a running bot has work to do before its first cycle. A strategy's
    property may need what its `bot_start` makes."""
    caplog.set_level("INFO")
    needy = property(lambda self: self._step)
    monkeypatch.setattr(PerpStrategy, "a_property_of_a_user", needy, raising=False)
    made = start_with(runmode, stop_distance=0.03, risk_per_trade=0.005, take_profit=0.07)
    assert made._risks.distance(BTC, 100.0, NOW, 3.0) == 0.03
    assert made._managed.entries._settings.sizing.risk_per_trade == 0.005
    assert made._target(None) == 0.07
    assert "a stop costs 0.5% of the equity" in caplog.text


@pytest.mark.usefixtures("trades_in_memory")
def test_a_wrong_value_in_the_file_of_parameters_is_refused(start_with):
    with pytest.raises(StrategyError, match=r'"stop\.distance": distance must be .* got 0\.9'):
        start_with(RunMode.BACKTEST, stop_distance=0.9)


@pytest.mark.usefixtures("trades_in_memory")
def test_a_running_bot_whose_clock_is_set_back_forgets_nothing(default_futures_config):
    live = started(default_futures_config, runmode=RunMode.DRY_RUN)
    live.watch.step = lambda *_: None
    live.bot_loop_start(NOW)
    before = live._risks
    live.bot_loop_start(NOW - HOUR)
    assert live._risks is before


@pytest.mark.parametrize(
    ("use", "enabled"),
    [
        ({}, True),
        ({"scale_out": False}, False),
        ({"scale_out": False, "slicing": True}, True),
    ],
)
def test_positions_are_adjusted_where_something_adjusts_them(default_futures_config, use, enabled):
    subject = started(default_futures_config, perpkit={"use": use})
    assert subject.position_adjustment_enable is enabled
    own = type("Own", (type(subject),), {"adjust_trade_position": lambda *_, **__: None})
    mine = own(subject.config)
    mine.dp, mine.wallets = subject.dp, None
    mine.ft_bot_start()
    assert mine.position_adjustment_enable


def test_a_start_lists_each_parameter_once(default_futures_config, caplog):
    caplog.set_level("INFO", "freqtrade.strategy.hyper")
    started(default_futures_config)
    found = [text for text in caplog.messages if text.startswith("Strategy Parameter")]
    assert len(found) == len(set(found)) > 5


@pytest.mark.parametrize("name", ["RsiSmaSwing", "TargetBasket"])
@pytest.mark.usefixtures("strategy")
def test_a_users_word_that_positions_are_not_adjusted_stands(default_futures_config, name):
    """And an entry is not made by slices of which only the first would come."""
    given = {"use": {"slicing": True}, "slicing": {"slices": 2}} if name == "RsiSmaSwing" else {}
    given = {"perpkit": given, "position_adjustment_enable": False, "stake_amount": "unlimited"}
    subject = started(default_futures_config, name, **given)
    assert not subject.position_adjustment_enable
    subject._prepare()
    assert not subject.position_adjustment_enable
    if name == "RsiSmaSwing":
        subject._columns[BTC] = stack.flat(40)
        assert stake(subject) == pytest.approx(200 / 3)


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("ratio", [1.0, 2.0, 3.0, 10.0])
@pytest.mark.parametrize("moved", [-0.005, 0.0, 0.005])
def test_the_stop_lies_at_its_distance_of_price_whatever_the_leverage(
    strategy, is_short, ratio, moved
):
    trade = stack.simulated(is_short=is_short, leverage=ratio, rate=1000.0, opened=NOW)
    strategy.ft_stoploss_adjust(1000.0 * (1 + moved), trade, NOW, 0, 0, after_fill=True)
    expected = 1000.0 * (1.05 if is_short else 0.95)
    assert trade.stop_loss == pytest.approx(expected, rel=2e-5)
    assert not trade.is_stop_loss_trailing


def test_a_halving_of_the_stops_room_while_reducing(strategy, monkeypatch):
    trade = stack.simulated(opened=NOW)
    strategy.ft_stoploss_adjust(100.0, trade, NOW, 0, 0, after_fill=True)
    assert trade.stop_loss == pytest.approx(95, abs=0.011)
    decide(strategy, monkeypatch, Decision(Trading.REDUCING))
    strategy.ft_stoploss_adjust(100.0, trade, NOW + HOUR, 0, 0)
    assert trade.stop_loss == pytest.approx(97.5, abs=0.011)


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("ratio", [1.0, 3.0, 10.0])
def test_the_target_is_a_distance_of_price_after_fees(strategy, is_short, ratio):
    trade = stack.simulated(is_short=is_short, leverage=ratio, rate=1000.0)
    target = strategy.take_profit.value
    _, roi = strategy.min_roi_reached_entry(trade, 60, trade.open_date_utc)
    rate = trade.calc_close_rate_for_roi(roi)
    # the price's distance and 0.1% of fees
    assert abs(rate / 1000.0 - 1) == pytest.approx(target + 0.001, abs=3e-4)
    assert (rate < 1000.0) is is_short


# 1% of 1,000 lost 5% away is 200 of exposure: 66.67 of stake at 3x.
@pytest.mark.parametrize(
    ("decision", "expected", "confirmed"),
    [
        (Decision(), 200 / 3, True),
        (Decision(size_factor=0.5), 100 / 3, True),
        (Decision(Trading.REDUCING, 0.0, reason="stress"), 0, False),
        (Decision(Trading.HALTED, 0.0, reason="halt"), 0, False),
    ],
)
def test_the_decision_sizes_and_confirms_entries(
    strategy, monkeypatch, caplog, decision, expected, confirmed
):
    caplog.set_level("INFO")
    decide(strategy, monkeypatch, decision)
    assert stake(strategy) == pytest.approx(expected)
    assert confirmed == strategy.confirm_trade_entry(
        BTC, "limit", 1.0, 100.0, "GTC", NOW, None, "short"
    )
    assert (f"Entry refused: {BTC} short. {decision.reason}" in caplog.text) is not confirmed
    assert (f"No entry: {BTC} long. {decision.reason}" in caplog.text) is not confirmed


def test_the_tag_of_the_signal_scales_the_stake_and_a_forced_one_does_not(strategy):
    assert stake(strategy, tag="rsi_sma 0.70") == pytest.approx(140 / 3)
    assert stake(strategy, tag="force_entry") == pytest.approx(200 / 3)
    # Own tags that end in a number, and a name that another strategy gives to its confidence.
    for own in ("ema 0.2", "fib 0.62", "funding_tide 0.70"):
        assert stake(strategy, tag=own) == pytest.approx(200 / 3)


@pytest.mark.parametrize(
    ("amount", "most"), [("unlimited", 200 / 3), (50, 50), (50.0, 50), (1000, 50)]
)
def test_a_fixed_stake_amount_caps_the_stake(strategy, amount, most):
    """What Freqtrade proposes, 50, is a share of the balance where nothing is set."""
    strategy.config["stake_amount"] = amount
    strategy._prepare()
    assert stake(strategy) == pytest.approx(most)


def test_the_stake_may_be_sliced(default_futures_config, strategy):
    sliced = {"use": {"slicing": True}, "slicing": {"slices": 2}}
    strategy.config["perpkit"] = sliced
    strategy._prepare()
    assert stake(strategy) == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("trading", "reason"),
    [(Trading.ACTIVE, None), (Trading.REDUCING, None), (Trading.HALTED, "halted")],
)
def test_a_halt_flattens(strategy, monkeypatch, trading, reason):
    trade = stack.simulated(is_short=True)
    decide(strategy, monkeypatch, Decision(trading, 0.5))
    assert exits(strategy, trade) == ([reason] if reason else [])
    decide(strategy, monkeypatch, Decision())
    assert exits(strategy, trade) == []


@pytest.mark.parametrize(
    ("reason", "price"),
    [("halted", 99.0), ("stop_overtaken", 99.0), ("emergency_exit", 99.0), ("exit_signal", 120.0)],
)
def test_what_is_urgent_has_no_price_of_its_own(strategy, reason, price):
    """Of a user's, whose exits wait for a better one."""
    own = type("Own", (type(strategy),), {"custom_exit_price": lambda *_, **__: 120.0})
    asked = {"pair": BTC, "trade": stack.simulated(), "current_time": NOW, "current_profit": 0.0}
    mine = own(strategy.config)
    assert mine.custom_exit_price(**asked, proposed_rate=99.0, exit_tag=reason) == price


def added(strategy, stake: float) -> float | None:
    """What a backtest adds of what a user's strategy asks for."""
    own = type("Own", (type(strategy),), {"adjust_trade_position": lambda *_, **__: (stake, "own")})
    mine, trade = own(strategy.config), stack.simulated(amount=2.0)
    mine.__dict__.update(strategy.__dict__)
    LocalTrade.add_bt_trade(trade)
    trade.stop_loss = 95.0
    money = dict.fromkeys(("current_profit", "min_stake", "max_stake"), 1.0)
    rates = ("entry_rate", "exit_rate", "entry_profit", "exit_profit")
    money |= {f"current_{name}": 1.0 for name in rates}
    return mine._adjust_trade_position_internal(
        trade=trade, current_time=NOW, current_rate=100.0, **money
    )[0]


@pytest.mark.parametrize(
    ("asked", "decision", "expected"),
    [
        (10.0, Decision(), 10.0),
        (-10.0, Decision(), -10.0),
        (5_000.0, Decision(), pytest.approx(200 / 3)),  # as much as is held, at 3x
        (10.0, Decision(Trading.REDUCING, 0.5, reason="a test"), None),
        (-10.0, Decision(Trading.HALTED, 0.0, reason="a test"), -10.0),
    ],
)
def test_a_backtest_adds_what_is_allowed(strategy, monkeypatch, asked, decision, expected):
    decide(strategy, monkeypatch, decision)
    monkeypatch.setattr(strategy._managed.figures, "equity", lambda _: 1_000.0)
    assert added(strategy, asked) == expected


def exits(strategy, trade, rate=100.0, exit_=False) -> list[str]:
    found = strategy.should_exit(trade, rate, NOW, enter=False, exit_=exit_)
    return [each.exit_reason for each in found]


@pytest.mark.parametrize(
    ("option", "value"),
    [("use_exit_signal", False), ("exit_profit_only", True), ("exit_profit_offset", 0.5)],
)
@pytest.mark.parametrize("exit_signal", [False, True])
@pytest.mark.parametrize("urgent", ["halted", "stop_overtaken"])
def test_no_option_switches_off_what_is_urgent(
    strategy, monkeypatch, option, value, exit_signal, urgent
):
    """Of a losing trade, with an exit signal and without."""
    trade = stack.simulated()
    strategy.exit_profit_only = True
    setattr(strategy, option, value)
    assert exits(strategy, trade, 98.0) == []
    if urgent == "halted":
        decide(strategy, monkeypatch, Decision(Trading.HALTED, 0.0))
    else:
        monkeypatch.setattr(strategy._managed.stops, "ratio", lambda *_: None)
        strategy.trade_states.of(trade).overtaken = True
    assert exits(strategy, trade, 98.0, exit_signal) == [urgent]


def test_nobody_is_asked_about_what_is_urgent(strategy):
    """Of a user's own, who denies every exit."""

    class Denying(type(strategy)):
        def confirm_trade_exit(self, *args, **kwargs):
            return False

    denying = Denying(strategy.config)
    asked = {
        "pair": BTC,
        "trade": stack.simulated(),
        "order_type": "market",
        "amount": 1.0,
        "rate": 100.0,
        "time_in_force": "GTC",
        "current_time": NOW,
    }
    for reason, confirmed in [
        ("halted", True),
        ("stop_overtaken", True),
        ("emergency_exit", True),
        ("exit_signal", False),
    ]:
        assert denying.confirm_trade_exit(**asked, exit_reason=reason) is confirmed


def test_what_has_outlived_its_reason_is_left(strategy):
    trade = stack.simulated(opened=NOW)
    assert strategy.custom_exit(BTC, trade, NOW, 100.0, 0.0) is None
    strategy._columns[BTC] = stack.flat(40, funding_rate_8h=0.01, funding_mean_8h=0.01)
    assert strategy.custom_exit(BTC, trade, NOW, 100.0, 0.0) == "carry_cost"
    strategy._risks.of(trade).overtaken = True
    assert strategy.custom_exit(BTC, trade, NOW, 100.0, 0.0) == "stop_overtaken"


def test_a_part_is_sold_unless_an_order_is_open(strategy):
    trade = stack.simulated(opened=NOW)
    numbers = (0.0, 5.0, 900.0, 100.0, 105.0, 0.0, 0.0)

    def adjusted():
        return strategy.adjust_trade_position(trade, NOW + HOUR, 105.0, *numbers)

    assert adjusted()[1] == "scale_out"
    trade.orders.append(stack.order(trade, "sell", 0.5, 105.0, NOW, filled=False))
    assert adjusted() is None


def test_breakers_cap_the_leverage(strategy, monkeypatch):
    decide(strategy, monkeypatch, Decision(max_leverage=2.5))
    assert leverage(strategy) == 2


def test_exposure_counts_what_is_open(strategy):
    alone = stake(strategy)
    strategy._columns[ETH] = stack.flat(40, btc_correlation=0.99)
    LocalTrade.add_bt_trade(stack.simulated(ETH, amount=3.0, number=7))
    assert 0 <= stake(strategy) < alone


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
        "sell": {
            "stop_distance",
            "take_profit",
            "trail_atr",
            "risk_per_trade",
            "exit_on_opposite",
            "exit_on_trend_loss",
        },
        "protection": {
            "vix_stressed",
            "vix_calm_hours",
            "week_loss",
            "flash_move",
            "funding_extreme",
        },
    }
    for percentile in strategy.vix_stressed.range:
        strategy.vix_stressed.value = percentile
        assert strategy.protections[0]["stressed_percentile"] == percentile


def test_the_live_bot_keeps_funding_and_the_watched_market_current(default_futures_config):
    live = started(default_futures_config, runmode=RunMode.DRY_RUN)
    informative = set(live.informative_pairs())
    assert {(ETH, "1h", "funding_rate"), (BTC, "1h", "")} <= informative
    assert not [each for each in informative if each[2] == "premiumIndex"]
    given = {"use": {"premium": True}}
    watched = started(default_futures_config, runmode=RunMode.DRY_RUN, perpkit=given)
    assert {*watched.informative_pairs()} - informative == {(ETH, "1h", "premiumIndex")}
    watched.config["exchange"]["name"] = "okx"  # which would answer with candles of the price
    assert {*watched.informative_pairs()} == informative


def test_the_floor_is_wider_than_any_stop_the_leverage_rule_allows(strategy):
    """Freqtrade's own stop would otherwise come first, and the sizes be wrong."""
    strategy._columns[BTC] = stack.flat(40)
    for distance in strategy.stop_distance.range:
        strategy.stop_distance.value = distance
        strategy.config["perpkit"] = {"leverage": {"max_leverage": 125}}
        strategy._prepare()
        for side in ("long", "short"):
            assert leverage(strategy, side=side) * distance < -strategy.stoploss


def test_time_moves_on(strategy):
    """A later loop of the same run keeps what it knows."""
    strategy.bot_loop_start(NOW)
    before = strategy._risks
    strategy.bot_loop_start(NOW + timedelta(seconds=1))
    assert strategy._risks is before

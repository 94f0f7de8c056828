"""Every callback handles its own error: its safe value, the count, and the report."""

from __future__ import annotations

import functools
import inspect
from datetime import UTC, timedelta
from math import inf, nan
from types import FunctionType
from unittest import mock

import pytest
from freqtrade.enums import RunMode
from freqtrade.exceptions import StrategyError
from freqtrade.persistence import (
    LocalTrade,
    Trade,
)
from freqtrade.resolvers import StrategyResolver
from freqtrade.strategy import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper

from perpkit.bot.callbacks.safe_answers import SAFE_ANSWERS
from perpkit.bot.refusals import RunRefusedError
from perpkit.bot.strategy import PerpStrategy
from perpkit.breakers.breaker import Decision, Trading
from tests import factories
from tests.bot import stack
from tests.bot.stack import BTC, HOUR, START
from tests.bot.started import DataProvider, decide, started

pytestmark = pytest.mark.usefixtures("trades_in_memory")

NOW = START + 10 * HOUR
SHIPPED = ["RsiSmaSwing", "RsiSmaScalp", "FundingTide", "TargetBasket", "Confluence"]
# What a strategy may override that is no callback: an error in it ends a backtest, and in a bot it
# is one of `analyze_ticker`, which calls them.
ANALYSIS = {
    "populate_indicators",
    "populate_entry_trend",
    "populate_exit_trend",
    "advise_exit",
    "advise_all_indicators",
}
ENTRY = {"pair": BTC, "current_time": NOW, "entry_tag": None, "side": "long"}
ORDER = {"order_type": "limit", "amount": 1.0, "rate": 100.0, "time_in_force": "GTC"}
# What Freqtrade gives each callback beside the trade, and what is answered.
TABLE = {
    "leverage": (
        {**ENTRY, "current_rate": 100.0, "proposed_leverage": 5.0, "max_leverage": 9.0}, 1.0,
    ),
    "custom_stake_amount": (
        {**ENTRY, "current_rate": 100.0, "proposed_stake": 900.0, "min_stake": 5.0,
         "max_stake": 900.0, "leverage": 3.0}, 0.0,
    ),
    "confirm_trade_entry": ({**ENTRY, **ORDER}, False),
    "is_pair_locked": ({"pair": BTC, "candle_date": NOW, "side": "long"}, True),
    "custom_entry_price": ({**ENTRY, "trade": None, "proposed_rate": 101.5}, 101.5),
    "check_entry_timeout": ({"order": None, "current_time": NOW}, True),
    "check_exit_timeout": ({"order": None, "current_time": NOW}, False),
    "adjust_trade_position": (
        {"current_time": NOW, "current_rate": 105.0, "current_profit": 0.1, "min_stake": 5.0,
         "max_stake": 900.0, "current_entry_rate": 105.0, "current_exit_rate": 105.0,
         "current_entry_profit": 0.1, "current_exit_profit": 0.1}, None,
    ),
    "adjust_order_price": (
        {"order": None, "current_time": NOW, "proposed_rate": 101.5, "current_order_rate": 99.0,
         "entry_tag": None, "side": "long", "is_entry": True}, 99.0,
    ),
    "adjust_entry_price": (
        {"order": None, "current_time": NOW, "proposed_rate": 101.5, "current_order_rate": 99.0,
         "entry_tag": None, "side": "long"}, 99.0,
    ),
    "adjust_exit_price": (
        {"order": None, "current_time": NOW, "proposed_rate": 101.5, "current_order_rate": 99.0,
         "entry_tag": None, "side": "long"}, 99.0,
    ),
    "order_filled": ({"order": None, "current_time": NOW}, None),
    # 5% below 100, at 3x, from 99.
    "custom_stoploss": (
        {"current_time": NOW, "current_rate": 99.0, "current_profit": -0.03, "after_fill": True},
        pytest.approx(3 * (1 - 95 / 99)),
    ),
    "custom_roi": (
        {"current_time": NOW, "trade_duration": 60, "entry_tag": None, "side": "long"},
        pytest.approx(0.3),
    ),
    "custom_exit": ({"current_time": NOW, "current_rate": 99.0, "current_profit": -0.03}, None),
    "custom_exit_price": (
        {"current_time": NOW, "proposed_rate": 98.5, "current_profit": -0.03, "exit_tag": None},
        98.5,
    ),
    "confirm_trade_exit": ({**ORDER, "exit_reason": "stop_loss", "current_time": NOW}, True),
    "bot_loop_start": ({"current_time": NOW}, None),
    "version": ({}, None),
}  # fmt: skip
# What is told of otherwise below.
OTHERS = {
    "bot_start",
    "ft_bot_cleanup",
    "informative_pairs",
    "protections",
    "analyze_ticker",
    "should_exit",
    "_adjust_trade_position_internal",
}


@pytest.fixture
def make(default_futures_config):
    """A user's subclass of a shipped strategy, with the given attributes."""

    def make(runmode=RunMode.BACKTEST, base="RsiSmaSwing", **own):
        shipped = started(default_futures_config, base, runmode, spaces=["sell"])
        strategy = type("Own", (type(shipped),), own)(shipped.config)
        # As the resolver leaves them.
        strategy._ft_stop_uses_after_fill, strategy.minimal_roi = True, shipped.minimal_roi
        strategy.dp, strategy.wallets = Messages(), shipped.wallets
        strategy._columns[BTC] = stack.flat(40)
        if "bot_start" not in own:
            start(strategy)
            strategy.watch.step = lambda *_: None
        return strategy

    return make


class Messages(DataProvider):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def send_msg(self, message: str, *, always_send: bool) -> None:
        assert always_send
        self.said.append(message)


def start(strategy) -> None:
    with mock.patch("perpkit.bot.live.running_parts.is_trading", return_value=False):
        strategy.ft_bot_start()
    strategy.stop_distance.value, strategy.take_profit.value = 0.05, 0.10


def fails(*args, **kwargs):
    raise RuntimeError("it is broken")


def answers(value):
    def callback(*_, **__):
        return value

    return callback


def given(name: str) -> dict:
    """Returns arguments for the callback, with the trade if it takes one."""
    wanted = inspect.signature(getattr(IStrategy, name)).parameters
    more = {"pair": BTC} | ({} if name.startswith("custom_entry") else {"trade": stack.simulated()})
    return {k: v for k, v in more.items() if k in wanted} | TABLE[name][0]


def overridden(kind: type) -> set[str]:
    """The callbacks that Freqtrade calls by name and that our classes override."""
    names = set()
    for name in dir(IStrategy):
        freqtrade, own = (inspect.getattr_static(k, name, None) for k in (IStrategy, kind))
        if name.startswith("__") or own is freqtrade:
            continue
        if isinstance(freqtrade, FunctionType | property) or isinstance(own, property):
            names.add(name)
    return names


# What is only shown or noted: they call Freqtrade's own first, and an error of ours is logged. A
# chart's goes to the one who asked for it.
SHOWN = {"ft_check_timed_out", "ft_load_hyper_params", "ft_stoploss_adjust", "plot_annotations"}
# Its errors are those of `bot_start` and of Freqtrade itself.
START_UP = {"ft_bot_start"}


@pytest.mark.parametrize("name", [None, *SHIPPED])
def test_no_callback_is_forgotten(default_futures_config, name):
    kind = PerpStrategy
    if name is not None:
        kind = type(StrategyResolver.load_strategy({**default_futures_config, "strategy": name}))
    unanswered = overridden(kind) - ANALYSIS - SHOWN - START_UP - SAFE_ANSWERS.keys()
    assert unanswered == set()
    for callback in overridden(kind) & SAFE_ANSWERS.keys():
        own = inspect.getattr_static(kind, callback)
        own = getattr(own, "fget", own)
        assert own.fails_closed is own, callback


def test_the_table_has_every_callback():
    assert TABLE.keys() | OTHERS == SAFE_ANSWERS.keys()


@pytest.mark.parametrize("runmode", [RunMode.BACKTEST, RunMode.HYPEROPT, RunMode.DRY_RUN])
@pytest.mark.parametrize("name", TABLE)
def test_the_safe_answer_is_given_in_every_mode(make, name, runmode):
    strategy = make(runmode, **{name: fails})
    assert getattr(strategy, name)(**given(name)) == TABLE[name][1]
    failure = strategy.failures.by_callback[name]
    assert (failure.count, failure.error) == (1, "RuntimeError: it is broken")
    assert failure.at.tzinfo is UTC
    assert strategy.failures.as_dict()[name]["count"] == 1


@pytest.mark.parametrize("name", TABLE)
def test_freqtrade_has_the_answer_through_its_wrapper(make, name):
    """Freqtrade inspects the signature, and copies the trade for overridden callbacks."""
    strategy = make(**{name: fails})
    called = strategy_safe_wrapper(getattr(strategy, name), default_retval="its own")
    assert called(**given(name)) == TABLE[name][1]
    assert not getattr(strategy, name).__qualname__.startswith("IStrategy.")


def test_freqtrade_still_sees_what_a_stop_wants_to_know(default_futures_config):
    assert started(default_futures_config)._ft_stop_uses_after_fill


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("leverage", nan),
        ("leverage", None),
        ("custom_stake_amount", nan),
        ("custom_stake_amount", inf),
        ("custom_stake_amount", "unlimited"),
        ("custom_entry_price", nan),
        ("custom_entry_price", -1.0),
        ("custom_stoploss", nan),
        ("custom_stoploss", "0.1"),
        ("custom_exit_price", nan),
        ("adjust_order_price", inf),
        ("adjust_trade_position", nan),
        ("adjust_trade_position", inf),
        ("adjust_trade_position", -inf),
        ("adjust_trade_position", "30"),
        ("adjust_trade_position", ()),
        ("adjust_trade_position", (inf, "slice")),
        ("adjust_trade_position", ("30", "slice")),
        ("adjust_trade_position", [30.0, "slice"]),
    ],
)
def test_what_is_no_answer_is_an_error(make, name, answer):
    strategy = make(**{name: answers(answer)})
    assert getattr(strategy, name)(**given(name)) == TABLE[name][1]
    assert strategy.failures.by_callback[name].count == 1


@pytest.mark.parametrize("answer", [None, (None, ""), (30.0,), (-30.0, "scale_out"), 30, 0.0])
def test_an_adjustment_is_a_number_alone_or_with_a_tag_or_none(make, answer):
    strategy = make(adjust_trade_position=answers(answer))
    assert strategy.adjust_trade_position(**given("adjust_trade_position")) == answer
    assert not strategy.failures.by_callback


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_who_ends_the_process_is_not_held_up(make, error):
    def ends(*args, **kwargs):
        raise error

    strategy = make(custom_stoploss=ends)
    with pytest.raises(error):
        strategy.custom_stoploss(**given("custom_stoploss"))


# Once, and by the outermost


def test_each_kind_is_told_once_and_all_are_counted(make, caplog):
    kinds = iter([RuntimeError("a_b"), RuntimeError("c"), KeyError("d"), RuntimeError("e")])

    def breaks(*args, **kwargs):
        raise next(kinds)

    strategy = make(RunMode.DRY_RUN, custom_stake_amount=breaks)
    for _ in range(4):
        strategy.custom_stake_amount(**given("custom_stake_amount"))
    assert strategy.failures.by_callback["custom_stake_amount"].count == 4
    assert [line for line in strategy.dp.said if " failed: " in line] == [
        "custom stake amount failed: RuntimeError: a b. No entry is made.",
        "custom stake amount failed: KeyError: 'd'. No entry is made.",
    ]
    assert caplog.text.count("Traceback") == 2


def test_an_override_that_asks_the_base_answers_for_both(make, monkeypatch):
    """A failure of the base class reaches the override as an error, not as a value."""

    def custom_stoploss(self, *args, **kwargs):
        return max(super(type(self), self).custom_stoploss(*args, **kwargs) or 0.0, 0.5)

    strategy = make(custom_stoploss=custom_stoploss)
    monkeypatch.setattr(strategy._managed.stops, "ratio", fails)
    assert strategy.custom_stoploss(**given("custom_stoploss")) == TABLE["custom_stoploss"][1]
    assert strategy.failures.by_callback["custom_stoploss"].count == 1


def test_a_mixin_is_covered_as_well(default_futures_config):
    shipped = started(default_futures_config)
    mixin = type("Mixin", (), {"confirm_trade_exit": fails, "confirm_trade_entry": fails})
    strategy = type("Own", (mixin, type(shipped)), {})(shipped.config)
    strategy.dp = Messages()
    assert strategy.confirm_trade_exit(**given("confirm_trade_exit")) is True
    assert strategy.confirm_trade_entry(**given("confirm_trade_entry")) is False


def decorated(function):
    """As a decorator of a user's that times or logs calls."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        raise RuntimeError("it is broken")

    return wrapper


class Called:
    def __call__(self, *args, **kwargs):
        raise RuntimeError("it is broken")


async def awaited(*args, **kwargs):
    """Returns what Freqtrade takes for a yes."""


@pytest.mark.parametrize("name", ["confirm_trade_entry", "custom_stake_amount", "custom_stoploss"])
@pytest.mark.parametrize(
    "make_own",
    [
        decorated,
        lambda _: staticmethod(fails),
        lambda _: classmethod(fails),
        lambda _: functools.partialmethod(fails, None),
        lambda _: Called(),
        lambda _: awaited,
    ],
)
def test_a_callback_of_any_make_is_covered(make, name, make_own):
    strategy = make(**{name: make_own(getattr(PerpStrategy, name))})
    assert getattr(strategy, name)(**given(name)) == TABLE[name][1]
    assert strategy.failures.by_callback[name].count == 1


def test_freqtrade_sees_what_a_static_stop_wants_to_know(make):
    def custom_stoploss(pair, trade, current_time, current_rate, current_profit, after_fill):
        raise RuntimeError("it is broken")

    strategy = make(custom_stoploss=staticmethod(custom_stoploss))
    assert "after_fill" in inspect.getfullargspec(strategy.custom_stoploss).args  # as Freqtrade


@pytest.mark.parametrize("name", ["confirm_trade_entry", "custom_stoploss"])
def test_what_a_class_decorator_replaces_is_covered(make, name):
    kind = type(make())
    setattr(kind, name, decorated(getattr(kind, name)))
    strategy = kind(make().config)
    strategy._perpkit, strategy.dp = make()._perpkit, Messages()
    assert getattr(strategy, name)(**given(name)) == TABLE[name][1]


def passing_on(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def test_a_decorated_exit_is_asked_after_a_halt(make, monkeypatch):
    strategy = make(should_exit=passing_on(PerpStrategy.should_exit))
    decide(strategy, monkeypatch, Decision(Trading.HALTED, 0.0, reason="stop"))
    trade = stack.simulated()
    exits = strategy.should_exit(trade, 100.0, NOW, enter=False, exit_=False)
    assert [each.exit_reason for each in exits] == ["halted"]


def test_what_cannot_be_told_is_answered_all_the_same(make, monkeypatch):
    strategy = make(custom_stake_amount=fails)
    monkeypatch.setattr(strategy.dp, "send_msg", fails)
    assert strategy.custom_stake_amount(**given("custom_stake_amount")) == 0.0


# The stop


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("rate", "standing", "stop"),
    [
        (100.0, None, 95.0),  # the floor of Freqtrade, 20% away at 3x
        (97.0, None, 95.0),
        (104.0, None, 95.0),
        (100.0, 94.0, 95.0),
        (100.0, 96.0, 96.0),  # never loosened
        (110.0, 102.0, 102.0),
    ],
)
def test_the_stop_stands_at_r_or_closer(make, is_short, rate, standing, stop):
    strategy = make(custom_stoploss=fails)
    side = stack.mirrored if is_short else float
    trade = stack.simulated(is_short=is_short)
    if standing is not None:
        trade.stop_loss = side(standing)
    strategy.ft_stoploss_adjust(side(rate), trade, NOW, 0.0, 0.0, after_fill=True)
    assert trade.stop_loss == pytest.approx(side(stop), abs=0.011)


def test_a_trade_beyond_its_first_stop_is_left(make):
    strategy = make(custom_stoploss=fails)
    trade = stack.simulated()
    strategy.ft_stoploss_adjust(94.0, trade, NOW, 0.0, 0.0, after_fill=True)
    asked = {"pair": BTC, "trade": trade, "current_time": NOW, "current_rate": 94.0}
    assert strategy.custom_exit(**asked, current_profit=-0.2) == "stop_overtaken"


@pytest.mark.parametrize(
    ("stop", "broken", "distance"),
    [
        ({"distance": 0.03}, (), 0.03),
        ({"method": "atr", "ceiling": 0.08}, (), 0.08),  # the widest, where it is not known
        ({"distance": 0.03}, ("present_settings",), 0.05),
    ],
)
def test_the_distance_is_of_what_still_answers(make, monkeypatch, stop, broken, distance):
    strategy = make(custom_stoploss=fails)
    strategy.config["perpkit"] = {"stop": stop}
    monkeypatch.setattr(strategy.trade_states, "of", fails)
    for name in broken:
        monkeypatch.setattr(strategy, name, fails)
    trade = stack.simulated()
    strategy.ft_stoploss_adjust(100.0, trade, NOW, 0.0, 0.0, after_fill=True)
    assert trade.stop_loss == pytest.approx(100 * (1 - distance), abs=0.011)


def reasons(strategy, **signals) -> list[str]:
    signals = {"enter": False, "exit_": False, **signals}
    found = strategy.should_exit(stack.simulated(), 100.0, NOW, **signals)
    return [exit_.exit_reason for exit_ in found]


@pytest.mark.parametrize(
    "own",
    [
        {"custom_exit": fails},
        {"should_exit": fails},
        {"should_exit": lambda *_, **__: []},
        {"custom_stoploss": fails},
    ],
)
def test_a_halt_flattens_past_an_error(make, monkeypatch, own):
    strategy = make(**own)
    assert reasons(strategy) == []
    decide(strategy, monkeypatch, Decision(Trading.HALTED, 0.0))
    assert reasons(strategy) == ["halted"]


def test_a_halt_that_cannot_be_looked_up_leaves_the_other_exits(make, monkeypatch):
    strategy = make()
    strategy.exit_profit_only = False
    monkeypatch.setattr(strategy.watch, "decision", fails)
    assert reasons(strategy, exit_=True) == ["exit_signal"]
    assert strategy.failures.by_callback["should_exit"].count == 1


def test_an_addition_that_cannot_be_judged_is_not_made(make, monkeypatch):
    strategy = make(adjust_trade_position=lambda *_, **__: 100.0)
    monkeypatch.setattr(strategy._managed.additions, "allowed", fails)
    asked = {**TABLE["adjust_trade_position"][0], "trade": stack.simulated()}
    assert strategy._adjust_trade_position_internal(**asked) == (None, "")


def test_where_freqtrade_asks_for_exits_its_own_rules_remain(make):
    strategy = make(should_exit=fails)
    trade = stack.simulated()
    trade.stop_loss = 101.0
    found = strategy.should_exit(trade, 100.0, NOW, enter=False, exit_=False)
    assert [exit_.exit_type.value for exit_ in found] == ["stop_loss"]


# Doubt


def test_what_fails_puts_entries_in_doubt_until_it_succeeds(make):
    broken = [True]

    def bot_loop_start(self, current_time, **kwargs):
        super(type(self), self).bot_loop_start(current_time, **kwargs)
        if broken:
            raise RuntimeError("it is broken")

    strategy = make(
        bot_loop_start=bot_loop_start,
        confirm_trade_entry=answers(True),
        adjust_trade_position=lambda *_, **__: change[0],
    )
    change = [None]

    def allowed(adjustment) -> tuple[bool, object]:
        change[0] = adjustment
        confirmed = strategy.confirm_trade_entry(**given("confirm_trade_entry"))
        return confirmed, strategy.adjust_trade_position(**given("adjust_trade_position"))

    strategy.bot_loop_start(current_time=NOW)
    assert allowed((30.0, "slice")) == (False, None)
    assert allowed(30.0) == (False, None)
    assert allowed((-30.0, "scale_out")) == (False, (-30.0, "scale_out"))  # exits pass
    assert strategy.refusals.by_kind == {"callback": 5}  # three entries and two additions
    broken.clear()
    strategy.bot_loop_start(current_time=NOW + HOUR)
    assert allowed(30.0) == (True, 30.0)


def test_a_price_that_fails_refuses_this_entry_of_this_pair(make):
    broken = [BTC]

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, *args, **kwargs):
        if pair in broken:
            raise RuntimeError("it is broken")
        return proposed_rate

    strategy = make(custom_entry_price=custom_entry_price, confirm_trade_entry=answers(True))

    def entered(pair: str) -> bool:
        strategy.custom_entry_price(**{**given("custom_entry_price"), "pair": pair})
        return strategy.confirm_trade_entry(**{**given("confirm_trade_entry"), "pair": pair})

    assert [entered(BTC), entered(stack.ETH)] == [False, True]
    broken.clear()
    assert entered(BTC)


@pytest.mark.parametrize("name", ["informative_pairs", "protections"])
def test_a_bot_lives_without_what_a_backtest_needs(make, name):
    own = property(fails) if name == "protections" else fails
    strategy = make(RunMode.DRY_RUN, **{name: own})

    def asked(subject):
        value = getattr(subject, name)
        return value if name == "protections" else value()

    assert asked(strategy) == []
    assert strategy.doubt(BTC) == f"{name} has failed, see the log"
    with pytest.raises((RunRefusedError, StrategyError), match="it is broken"):
        asked(make(RunMode.BACKTEST, **{name: own}))


def test_an_analysis_that_fails_goes_on_to_freqtrade(make):
    strategy = make(RunMode.DRY_RUN, populate_indicators=fails)
    analysed = strategy_safe_wrapper(strategy.analyze_ticker)
    with pytest.raises(StrategyError, match="it is broken"):
        analysed(factories.candles(50), {"pair": BTC})
    assert strategy.doubt(BTC)
    assert strategy.doubt(stack.ETH) is None


@pytest.mark.parametrize(
    ("runmode", "held", "starts"),
    [(RunMode.BACKTEST, 1, False), (RunMode.DRY_RUN, 0, False), (RunMode.DRY_RUN, 1, True)],
)
def test_a_start_that_fails(make, monkeypatch, runmode, held, starts):
    strategy = make(runmode, bot_start=fails)
    strategy.wallets = type("Wallets", (), {"get_all_positions": lambda _: {}})()
    monkeypatch.setattr(Trade, "get_open_trade_count", lambda: held)
    if starts:
        strategy.ft_bot_start()
        assert strategy.doubt(BTC) == "bot_start has failed, see the log"
    else:
        with pytest.raises(StrategyError, match="it is broken"):
            strategy.ft_bot_start()


def test_another_backtest_of_the_same_strategy_is_not_in_doubt(make):
    strategy = make()
    strategy.bot_loop_start(current_time=NOW)
    assert not strategy._doubts
    LocalTrade.bt_trades_open.append(stack.simulated())
    strategy.bot_loop_start(current_time=NOW + timedelta(hours=1))
    assert not strategy._doubts

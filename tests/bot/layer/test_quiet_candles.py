"""A candle is passed over only where every callback of the package would leave the trade alone."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode
from freqtrade.persistence import Trade
from freqtrade.strategy import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper

from perpkit.bot.acceleration.stays import STAYS
from perpkit.bot.layer.quiet_candles import DECIDING
from perpkit.bot.strategy import PerpStrategy
from perpkit.breakers.breaker import Decision, Trading
from tests.bot import stack
from tests.bot.stack import BTC, HOUR, START
from tests.bot.started import started

pytestmark = pytest.mark.usefixtures("trades_in_memory")

ENTRY = START + 10 * HOUR
NOW = ENTRY + 3 * HOUR


@pytest.fixture
def strategy(default_futures_config):
    made = started(default_futures_config)
    made._columns[BTC] = stack.flat(40)
    return made


@pytest.fixture
def trade(strategy):
    """A long at 100 whose first stop has been set and shown."""
    found = stack.simulated()
    strategy.ft_stoploss_adjust(100.0, found, ENTRY, 0.0, 0.0, after_fill=True)
    assert 90 < found.stop_loss < 97
    return found


def stays(strategy, trade, opened=100.0, best=100.5) -> bool:
    return vars(strategy)[STAYS](trade, NOW, opened, best)


def test_most_candles_change_nothing(strategy, trade):
    before = dict(vars(trade))
    assert stays(strategy, trade)
    assert dict(vars(trade)) == before


def unshown(strategy, trade):
    trade.initial_stop_loss_pct = strategy.stoploss


def overtaken(strategy, trade):
    strategy.trade_states.of(trade).overtaken = True


def delisted(strategy, trade):
    strategy.trade_states.of(trade).ends = True


def halted(strategy, trade):
    strategy.watch.restrict("Test", Decision(Trading.HALTED, 0.0, reason="halted"))


def limited(strategy, trade):
    strategy._perpkit.limits = SimpleNamespace()


def noted(strategy, trade):
    strategy._perpkit.decided.log = SimpleNamespace()


def near_target(strategy, trade):
    strategy.take_profit = SimpleNamespace(value=0.003)


def near_roi(strategy, trade):
    strategy.minimal_roi = {0: 5.0, 600: 0.01}


def costly(strategy, trade):
    strategy._columns[BTC] = stack.flat(
        40, funding_rate_8h=0.01, funding_mean_8h=0.01, funding_interval_hours=8.0
    )


def moved(strategy, trade):  # and not yet looked at in this candle
    trade.stop_loss -= 1.0
    strategy.trade_states.of(trade).candle = 0.0


def first_rung(strategy, trade):
    trade.open_rate = 80.0
    trade.stop_loss = 79.0


def own_stop_off(strategy, trade):
    strategy.use_custom_stoploss = False


def trailing_of_freqtrade(strategy, trade):
    strategy.trailing_stop = True


def broken(strategy, trade):
    trade.open_date = None


REASONS = [
    unshown, overtaken, delisted, halted, limited, noted, near_target, near_roi, costly, moved,
    first_rung, own_stop_off, trailing_of_freqtrade, broken,
]  # fmt: skip


@pytest.mark.parametrize("reason", REASONS, ids=lambda each: each.__name__)
def test_a_candle_that_may_change_something_is_left_to_callbacks(strategy, trade, reason):
    assert stays(strategy, trade)
    reason(strategy, trade)
    assert not stays(strategy, trade)


def test_a_restriction_that_is_no_halt_closes_nothing(strategy, trade):
    strategy.watch.restrict("Test", Decision(Trading.REDUCING, 0.0, reason="no entries"))
    assert stays(strategy, trade)


@pytest.mark.parametrize("name", DECIDING)
def test_a_callback_of_a_users_own_decides(strategy, name):
    own = type("Own", (type(strategy),), {name: lambda *_, **__: None})
    strategy.__class__ = own
    strategy._prepare()
    assert STAYS not in vars(strategy)


def test_a_callback_of_the_object_decides_too(strategy):
    strategy.custom_exit = lambda **_: "soon"
    strategy._prepare()
    assert STAYS not in vars(strategy)


def test_a_running_bot_asks_its_callbacks(default_futures_config):
    assert STAYS not in vars(started(default_futures_config, runmode=RunMode.DRY_RUN))


GIVEN = {
    "pair": BTC, "current_time": NOW, "current_rate": 101.0, "current_profit": 0.01,
    "after_fill": False, "trade_duration": 60, "entry_tag": None, "side": "long",
    "min_stake": 5.0, "max_stake": 900.0, "current_entry_rate": 101.0,
    "current_exit_rate": 101.0, "current_entry_profit": 0.01, "current_exit_profit": 0.01,
}  # fmt: skip


class CopiedError(Exception):
    """In the place of a trade that has been copied."""


@pytest.mark.parametrize(
    "name", ["custom_exit", "custom_stoploss", "custom_roi", "adjust_trade_position"]
)
def test_its_callbacks_get_freqtrades_trade_and_leave_it_as_it_is(
    strategy, trade, name, monkeypatch
):
    def copy(_):
        raise CopiedError

    monkeypatch.setattr("freqtrade.strategy.strategy_wrapper.deepcopy", copy)
    before = dict(vars(trade))
    callback = strategy_safe_wrapper(getattr(strategy, name))
    callback(trade=trade, **GIVEN)
    assert dict(vars(trade)) == before

    def own(self, **given):
        return None

    theirs = type("Own", (type(strategy),), {name: own})
    asked = []
    monkeypatch.setattr(
        "freqtrade.strategy.strategy_wrapper.deepcopy", lambda each: asked.append(each) or each
    )
    strategy_safe_wrapper(getattr(theirs(strategy.config), name))(trade=trade, **GIVEN)
    assert asked == [trade]


def test_what_decides_is_all_that_freqtrade_asks_about_an_open_trade():
    """`loss_exit` is asked by the package itself."""
    own = {name for name in DECIDING if hasattr(IStrategy, name)}
    assert own == set(DECIDING) - {"loss_exit"}
    assert all(hasattr(PerpStrategy, name) for name in DECIDING)
    assert not Trade.get_trades_proxy(is_open=True)

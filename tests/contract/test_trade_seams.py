"""What trade lock, trade states and safe answers rely on in Freqtrade.

Seen to hold on Freqtrade 2026.6 to 2026.9.
"""

from __future__ import annotations

import inspect
import re

import pytest
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import CustomDataWrapper, Trade
from freqtrade.rpc import RPC
from freqtrade.strategy import IStrategy

from perpkit.bot.callbacks.safe_answers import SAFE_ANSWERS
from perpkit.bot.live.shared_trades import UNLOCKED
from tests import factories

pytestmark = pytest.mark.contract


def source(function) -> str:
    return inspect.getsource(function)


# The lock


def test_the_lock_is_there_before_the_strategy_starts():
    made, started = (
        source(FreqtradeBot.__init__).index(text)
        for text in ("self._exit_lock = Lock()", "self.strategy.ft_bot_start()")
    )
    assert made < started


@pytest.mark.parametrize(
    "command",
    [RPC._rpc_force_exit, RPC._rpc_force_entry, RPC._rpc_delete, RPC._rpc_cancel_open_order],
)
def test_what_an_operator_does_takes_the_lock(command):
    assert "with self._freqtrade._exit_lock:" in source(command)


def test_the_lock_is_only_ever_entered():
    for kind in (FreqtradeBot, RPC):
        uses = re.findall(r"\S* ?\S*_exit_lock\b.*", source(kind))
        assert all(use.startswith("with ") or "= Lock()" in use for use in uses), uses


@pytest.mark.parametrize("attribute", UNLOCKED)
def test_what_is_put_under_the_lock_is_called_by_this_name(attribute):
    name = attribute.removeprefix("bot.")
    assert callable(getattr(FreqtradeBot, name))
    calls = source(FreqtradeBot) + source(RPC)
    assert re.search(rf"\.{name}\(", calls)


@pytest.mark.parametrize(
    ("caller", "call"),
    [
        (FreqtradeBot.create_trade, "self.execute_entry("),
        (RPC._rpc_force_entry, "self._freqtrade.execute_entry("),
        (FreqtradeBot.check_and_call_adjust_trade_position, "trade=trade,"),
        (RPC._rpc_force_entry, "trade=trade,"),
    ],
)
def test_an_entry_says_by_name_which_trade_it_adds_to(caller, call):
    assert call in source(caller)
    kind = inspect.signature(FreqtradeBot.execute_entry).parameters["trade"].kind
    assert kind is inspect.Parameter.KEYWORD_ONLY


def test_a_commit_lets_a_session_read_again(trade_database):
    trade = factories.trade()
    assert trade.amount
    assert "amount" in vars(trade)
    Trade.commit()
    assert "amount" not in vars(trade)


# The states


def test_what_a_trade_keeps_goes_with_it(trade_database):
    trade = factories.trade()
    number = trade.id
    trade.set_custom_data("key", {"a": [1, 2.5, None]})
    (entry,) = trade.get_all_custom_data()
    assert (entry.cd_key, entry.value) == ("key", {"a": [1, 2.5, None]})
    assert entry.created_at is not None
    trade.delete()
    assert CustomDataWrapper.get_custom_data(trade_id=number) == []


def test_the_number_of_the_newest_trade_comes_again(trade_database):
    first = factories.trade()
    number = first.id
    first.delete()
    assert factories.trade().id == number


# The callbacks


@pytest.mark.parametrize(
    "name", sorted(SAFE_ANSWERS.keys() - {"bot_start", "bot_loop_start", "protections"})
)
def test_a_callback_has_this_name(name):
    assert inspect.isfunction(inspect.getattr_static(IStrategy, name))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("custom_entry_price", {"pair", "proposed_rate"}),
        ("custom_exit_price", {"pair", "proposed_rate"}),
        ("adjust_order_price", {"current_order_rate"}),
        ("adjust_entry_price", {"current_order_rate"}),
        ("adjust_exit_price", {"current_order_rate"}),
        ("custom_stoploss", {"trade", "current_rate"}),
        ("custom_roi", {"trade"}),
        ("custom_exit", {"trade"}),
        ("confirm_trade_entry", {"pair", "side"}),
        ("is_pair_locked", {"pair", "side"}),
        ("adjust_trade_position", {"trade"}),
        ("analyze_ticker", {"metadata"}),
        ("should_exit", {"trade", "rate", "current_time", "enter", "exit_"}),
    ],
)
def test_what_a_safe_answer_is_made_of_is_given(name, parameters):
    assert parameters <= inspect.signature(getattr(IStrategy, name)).parameters.keys()


def test_a_pair_and_side_that_is_locked_is_not_entered():
    asked = "if self.strategy.is_pair_locked(pair, candle_date=nowtime, side=signal):"
    assert asked in source(FreqtradeBot.create_trade)


def test_a_stake_of_nothing_opens_nothing():
    assert "if not stake_amount:\n            return False" in source(FreqtradeBot.execute_entry)


def test_an_error_in_the_analysis_leaves_the_candles_of_before():
    whole = source(IStrategy.analyze_pair) + source(IStrategy._analyze_ticker_internal)
    assert "self.analyze_ticker" in whole
    assert re.search(r"strategy_safe_wrapper\(self\._?analyze_ticker", whole)
    assert "except StrategyError" in source(IStrategy.analyze_pair)

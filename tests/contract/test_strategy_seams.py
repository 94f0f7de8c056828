"""What the base strategy and the watch rely on. Seen to hold on Freqtrade 2026.6 to 2026.9."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from freqtrade.data.dataprovider import DataProvider
from freqtrade.enums import CandleType
from freqtrade.exchange import Exchange
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import LocalTrade, PairLocks, disable_database_use, enable_database_use
from freqtrade.plugins.protectionmanager import ProtectionManager
from freqtrade.resolvers import StrategyResolver
from freqtrade.rpc import RPC
from freqtrade.strategy import strategy_wrapper
from freqtrade.strategy.interface import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper

from tests.factories import START

pytestmark = pytest.mark.contract

HOUR = timedelta(hours=1)


@pytest.fixture
def locks():
    disable_database_use("1h")
    PairLocks.reset_locks()
    yield PairLocks
    PairLocks.reset_locks()
    enable_database_use()


@pytest.mark.parametrize(
    ("until", "end"),
    [
        (5 * HOUR - timedelta(seconds=1), 5 * HOUR),
        (5 * HOUR, 6 * HOUR),
        (5 * HOUR + timedelta(seconds=1), 6 * HOUR),
    ],
)
def test_a_lock_ends_with_the_next_candle_after_its_time(locks, until, end):
    lock = locks.lock_pair("*", START + until, "reason", now=START)
    assert lock.lock_end_time == START + end
    assert not locks.is_pair_locked("BTC/USDT:USDT", START + end, "long")
    assert locks.is_pair_locked("BTC/USDT:USDT", START + end - timedelta(seconds=1), "long")


def test_rates_that_never_were_have_columns_and_others_do_not(futures_exchange):
    """Hence FundingBreaker tells a pair without a rate from one whose rates were not fetched."""
    key = "BTC/USDT:USDT", "1h", CandleType.FUNDING_RATE
    assert futures_exchange.klines(key, copy=False).columns.empty
    merge = futures_exchange._process_ohlcv_df
    times = [0] * ("fetch_start_ms" in inspect.signature(merge).parameters)  # not before 2026.9
    merge(*key, [], True, False, *times)
    found = futures_exchange.klines(key, copy=False)
    assert found.empty
    assert "date" in found.columns


def test_what_bot_loop_start_raises_is_swallowed():
    """Hence the watch turns its own failures into a decision that blocks entries."""

    def fails(**kwargs):
        raise RuntimeError

    assert strategy_safe_wrapper(fails, supress_error=True)(current_time=START) is None


def test_a_manager_keeps_its_handlers_where_the_watch_looks(default_futures_config):
    manager = ProtectionManager(default_futures_config, [{"method": "CooldownPeriod"}])
    assert [handler.name for handler in manager._protection_handlers] == ["CooldownPeriod"]


def test_the_stop_is_set_at_the_fill(default_futures_config):
    config = {**default_futures_config, "strategy": "RsiSmaSwing"}
    assert StrategyResolver.load_strategy(config)._ft_stop_uses_after_fill


def test_a_backtest_analyses_through_the_method_that_checks_the_candles():
    source = inspect.getsource(Backtesting.backtest_one_strategy)
    assert "self.strategy.advise_all_indicators(data)" in source
    assert callable(IStrategy.advise_all_indicators)


def test_the_data_provider_holds_the_exchange(default_futures_config):
    exchange = object()
    assert DataProvider(default_futures_config, exchange)._exchange is exchange


def test_candle_history_is_fetched_by_these_names():
    parameters = list(inspect.signature(Exchange.get_historic_ohlcv).parameters)
    assert parameters[:5] == ["self", "pair", "timeframe", "since_ms", "candle_type"]


def test_unlocking_ends_a_lock_and_leaves_it_inactive():
    """How an operator clears a halt, and how its breaker learns when."""
    source = inspect.getsource(RPC._rpc_delete_lock)
    assert "lock.active = False" in source
    assert "lock.lock_end_time = datetime.now(UTC)" in source


def test_callbacks_are_given_a_deep_copy_of_the_trade(monkeypatch):
    """By this name: perpkit.bot.acceleration.trade_copies and perpkit.bot.layer.uncopied use it."""
    monkeypatch.setattr(strategy_wrapper, "deepcopy", lambda _: "a copy")
    trade = LocalTrade(pair="BTC/USDT:USDT", open_rate=1.0, stake_amount=1.0, amount=1.0)
    assert strategy_safe_wrapper(lambda trade: trade)(trade=trade) == "a copy"


def test_an_exit_reads_its_order_type_when_it_is_placed():
    """So that a halt can make it a market order."""
    source = inspect.getsource(FreqtradeBot.execute_trade_exit)
    assert "self.strategy.order_types[exit_type]" in source
    assert "self.strategy.order_types" in inspect.getsource(Backtesting._get_exit_for_signal)

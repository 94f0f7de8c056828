"""What the account reads from Freqtrade. Seen to hold on Freqtrade 2026.6 to 2026.9."""

from __future__ import annotations

import inspect
from datetime import timedelta
from types import SimpleNamespace

import ccxt
import pytest
from freqtrade.enums import MarginMode
from freqtrade.exchange import Binance, Exchange
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.optimize.backtesting import Backtesting
from freqtrade.persistence import (
    KeyValueStore,
    LocalTrade,
    Order,
    Trade,
    disable_database_use,
    enable_database_use,
)
from freqtrade.rpc.rpc import RPC
from freqtrade.strategy.interface import IStrategy
from freqtrade.wallets import Wallets

from perpkit.bot.live.shared_balance import SharedBalance
from perpkit.market.credits import wallet_coin
from tests import factories
from tests.bot.accounts import exited, opened
from tests.factories import START

pytestmark = pytest.mark.contract

HOUR = timedelta(hours=1)
BTC = "BTC/USDT:USDT"


@pytest.fixture
def memory():
    disable_database_use("1h")
    Trade.reset_trades()
    yield LocalTrade
    Trade.reset_trades()
    enable_database_use()


def test_a_backtest_keeps_its_trades_here(memory):
    assert (memory.bt_trades, memory.bt_trades_open, memory.bt_total_profit) == ([], [], 0)
    memory.add_bt_trade(trade := opened())
    assert memory.bt_trades_open == [trade]
    memory.close_bt_trade(exited(trade, 31_000.0, 0.03, 3))
    assert (memory.bt_trades, memory.bt_trades_open) == ([trade], [])
    assert memory.bt_total_profit == trade.close_profit_abs
    assert memory.get_trades_proxy(is_open=False, close_date=START + 2 * HOUR) == [trade]
    assert memory.get_trades_proxy(is_open=False, close_date=START + 3 * HOUR) == []


def test_the_breakers_are_asked_before_the_candle_is_traded():
    """So that the newest price they may know is the close of the candle before."""
    source = inspect.getsource(Backtesting.time_pair_generator)
    assert source.index("self.strategy.bot_loop_start") < source.index("self.validate_row")
    source = inspect.getsource(Backtesting._check_trade_exit)
    assert "_run_funding_fees(trade, current_time)" in source


def test_and_live_before_exits_are_looked_at():
    source = inspect.getsource(FreqtradeBot.process)
    assert source.index("self.strategy.bot_loop_start") < source.index("self.exit_positions")


def test_an_open_trade_carries_the_funding_of_its_partial_exits(memory):
    """Already realised, and yet in the profit of the rest: see `open_funding`."""
    with_funding = exited(opened(), 30_500.0, 0.01, 5, funding=-4.0)
    without = exited(opened(), 30_500.0, 0.01, 5)
    assert with_funding.funding_fees == -4.0
    realised = with_funding.realized_profit - without.realized_profit
    assert realised == pytest.approx(-4.0)
    totals = [t.calculate_profit(30_000.0).total_profit for t in (with_funding, without)]
    assert totals[0] - totals[1] == pytest.approx(-8.0)
    for trade in (with_funding, without):
        exited(trade, 30_000.0, 0.02, 9)
    assert with_funding.close_profit_abs - without.close_profit_abs == pytest.approx(-4.0)


def test_an_order_that_is_placed_takes_running_funding_out(memory):
    """It is kept apart from the orders' own, from which `open_funding` adds it up."""
    trade = opened()
    trade.set_funding_fees(-4.0)
    assert (trade.funding_fees, trade.funding_fee_running) == (-4.0, -4.0)
    trade.recalc_trade_from_orders()
    assert (trade.funding_fees, trade.funding_fee_running) == (0.0, -4.0)
    placed = inspect.getsource(Backtesting._enter_trade).split("self._try_close_open_order")[1]
    assert "trade.recalc_trade_from_orders()" in placed
    placed = inspect.getsource(FreqtradeBot.execute_entry).split("trade.set_funding_fees")[1]
    assert "trade.recalc_trade_from_orders()" in placed


def test_an_entry_is_filled_before_funding_is_booked():
    """And one that is placed in this candle after it: see `ExportedTrades`."""
    source = inspect.getsource(Backtesting.backtest_loop)
    assert source.index("_try_close_open_order(order") < source.index("_check_trade_exit(trade")
    source = inspect.getsource(Backtesting._check_trade_exit)
    assert source.index("_run_funding_fees(") < source.index("_check_adjust_trade_for_candle(")
    source = inspect.getsource(Order.close_bt_order)
    assert "self.funding_fee = trade.funding_fee_running" in source


def test_the_database_is_asked_by_these_names(trade_database):
    first = factories.trade(BTC, close_rate=30_300.0)
    factories.trade("ETH/USDT:USDT")
    assert Trade.get_total_closed_profit() == first.close_profit_abs
    assert [t.pair for t in Trade.get_trades_proxy(is_open=True)] == ["ETH/USDT:USDT"]
    assert Trade.get_trades_proxy(is_open=False, close_date=START) == [first]
    assert first.orders[0].safe_amount_after_fee == first.orders[0].filled
    assert first.orders[0].order_filled_date is not None


def test_rates_at_which_exits_were_looked_at_are_kept(futures_exchange, monkeypatch):
    book = {"bids": [[99.0, 1.0]], "asks": [[101.0, 1.0]]}
    monkeypatch.setattr(futures_exchange, "fetch_l2_order_book", lambda *_: book)
    rate = futures_exchange.get_rate(BTC, side="exit", is_short=False, refresh=True)
    with futures_exchange._cache_lock:
        assert futures_exchange._exit_rate_cache.get(BTC) == rate
    assert futures_exchange._exit_rate_cache.ttl <= 300
    source = inspect.getsource(FreqtradeBot.handle_trade)
    assert 'side="exit"' in source
    assert "refresh=True" in source
    assert "refresh" in inspect.signature(Exchange.get_rate).parameters


@pytest.mark.parametrize(("settings", "expected"), [({}, 500.0), ({"available_capital": 300}, 300)])
def test_the_starting_balance(
    trade_database, default_futures_config, futures_exchange, settings, expected
):
    """A simulated wallet starts with the tradable part of it, whatever was won since."""
    factories.trade(BTC, close_rate=30_300.0)
    config = {**default_futures_config, "tradable_balance_ratio": 0.5, **settings}
    wallets = Wallets(config, futures_exchange)
    assert wallets.get_starting_balance() == pytest.approx(expected)


def test_wallets_know_when_they_were_read():
    source = inspect.getsource(Wallets.update)
    assert source.index("_update_live()") < source.index("self._last_wallet_refresh = dt_now()")


def test_a_strategy_has_wallets():
    assert "wallets" in IStrategy.__annotations__
    source = inspect.getsource(FreqtradeBot.__init__)
    assert source.index("self.strategy.wallets") < source.index("ft_bot_start")
    source = inspect.getsource(Backtesting._set_strategy)
    assert source.index("strategy.wallets") < source.index("ft_bot_start")


def test_the_store_takes_any_key_and_a_line_of_text(trade_database):
    assert KeyValueStore.get_string_value("perpkit_test") is None
    for text in ("1672531200.0 12.5", "1672534800.0 13.5"):
        KeyValueStore.store_value("perpkit_test", text)
        assert KeyValueStore.get_string_value("perpkit_test") == text


def test_an_unlocked_lock_ends_when_it_was_unlocked():
    """The moment from which losses count anew."""
    source = inspect.getsource(RPC._rpc_delete_lock)
    assert "lock.active = False" in source
    assert "lock.lock_end_time = datetime.now(UTC)" in source


class TestCreditsMode:
    """`proxy_coin`, and the balance in multi-assets mode: see `perpkit.market.credits`."""

    @pytest.fixture
    def binance(self, default_futures_config):
        exchange = Binance.__new__(Binance)
        exchange._config = {**default_futures_config, "proxy_coin": "BNFCR"}
        exchange._api = ccxt.binance({"options": {"defaultType": "swap"}})
        exchange.log_responses = False
        return exchange

    @pytest.mark.parametrize(
        ("margin_mode", "coin"), [(MarginMode.CROSS, "BNFCR"), (MarginMode.ISOLATED, "USDT")]
    )
    def test_it_is_the_wallet_with_cross_margin_only(self, binance, margin_mode, coin):
        binance.margin_mode = margin_mode
        assert binance.get_proxy_coin() == coin
        assert wallet_coin({**binance._config, "margin_mode": margin_mode}) == coin
        binance._config.pop("proxy_coin")
        assert binance.get_proxy_coin() == "USDT"

    def test_it_is_asked_for_once_and_read_by_its_name(self):
        source = inspect.getsource(Wallets.__init__)
        assert "self._stake_currency = self._exchange.get_proxy_coin()" in source
        assert "self._exchange.get_balances()" in inspect.getsource(Wallets._update_live)

    def test_a_total_that_is_replaced_is_what_freqtrade_reads(self, binance):
        """ccxt keeps the answer as `info`; a balance whose `updateTime` is 0 is left out."""
        rows = [("BNFCR", 7, "-20"), ("USDC", 7, "970"), ("USDT", 0, "0")]
        answer = {
            "totalMarginBalance": "950.5",
            "assets": [
                {
                    "asset": asset,
                    "updateTime": at,
                    "walletBalance": total,
                    "marginBalance": total,
                    "initialMargin": "0",
                    "availableBalance": "900",
                }
                for asset, at, total in rows
            ],
        }
        api = binance._api
        api.load_markets = dict
        api.fapiPrivateV2GetAccount = api.fapiPrivateV3GetAccount = lambda *_: answer
        bot = SimpleNamespace(
            config={**binance._config, "margin_mode": "cross", "dry_run": False},
            exchange=binance,
            wallets=SimpleNamespace(update=binance.get_balances),
        )
        before = binance.get_balances()
        assert (before["BNFCR"]["total"], before["BNFCR"]["free"]) == (-20, 900)
        SharedBalance(bot)
        found = binance.get_balances()
        assert found["BNFCR"]["total"] == 950.5
        assert found["BNFCR"]["free"] == 900
        assert found["USDC"]["total"] == 970

    def test_the_start_asks_for_the_asset_mode_with_isolated_margin(self):
        source = inspect.getsource(Binance.additional_exchange_init)
        assert "self.margin_mode != MarginMode.CROSS" in source
        assert "Multi-Asset Mode is not supported by freqtrade" in source

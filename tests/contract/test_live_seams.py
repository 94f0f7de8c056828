"""What the live parts rely on in Freqtrade and ccxt. Seen to hold on Freqtrade 2026.6 to 2026.9."""

from __future__ import annotations

import inspect
import sys
from contextlib import nullcontext
from copy import copy
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from unittest import mock

import ccxt
import pytest
from freqtrade.commands.trade_commands import start_trading
from freqtrade.data.dataprovider import DataProvider
from freqtrade.exceptions import (
    DDosProtection,
    DependencyException,
    InvalidOrderException,
    RetryableOrderError,
    TemporaryError,
)
from freqtrade.exchange import Exchange
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.persistence import KeyValueStore, Order, PairLocks, Trade
from freqtrade.rpc import RPC, RPCManager
from freqtrade.strategy.interface import IStrategy
from freqtrade.strategy.strategy_wrapper import strategy_safe_wrapper
from freqtrade.worker import Worker

from perpkit.bot import seams
from perpkit.bot.live.stop_latch import LatchedError
from perpkit.bot.running_bot import running_bot
from tests import factories

pytestmark = pytest.mark.contract

BTC = "BTC/USDT:USDT"


def calls(function, *texts: str) -> bool:
    """Whether the source contains the texts in this order."""
    source = inspect.getsource(function)
    places = [source.find(text) for text in texts]
    return -1 not in places and places == sorted(places)


def test_the_bot_is_reached_through_the_data_provider(default_futures_config):
    bot = SimpleNamespace(config={"telegram": {}, "discord": {}, "webhook": {}, "api_server": {}})
    dp = DataProvider(default_futures_config, None, rpc=RPCManager(bot))
    assert running_bot(dp) is bot


@pytest.mark.parametrize("attribute", seams.attributes())
def test_what_is_replaced_is_there(attribute, futures_exchange):
    assert seams.missing_attribute(attribute) is None
    owner, name = attribute.split(".")
    if owner == "api":
        assert callable(getattr(futures_exchange._api, name))


def test_a_backtest_has_no_bot(default_futures_config):
    with pytest.raises(LookupError):
        running_bot(DataProvider(default_futures_config, None))


@pytest.mark.parametrize(("function", "texts"), seams.CALLS)
def test_what_is_replaced_is_what_freqtrade_calls(function, texts):
    assert seams.missing_call(function, texts) is None


@pytest.mark.parametrize(("function", "parameters"), seams.PARAMETERS)
def test_what_is_called_has_these_parameters(function, parameters):
    assert seams.other_parameters(function, parameters) is None


def test_the_list_names_whatever_is_not_there(monkeypatch):
    assert list(seams.broken()) == []
    monkeypatch.delattr(FreqtradeBot, "handle_cancel_order")
    monkeypatch.delattr(Exchange, "fetch_positions")

    def delete(self, number): ...

    monkeypatch.setattr(RPC, "_rpc_delete", delete)
    found = "\n".join(seams.broken())
    for words in (
        "FreqtradeBot has no handle_cancel_order, which Perpkit replaces",
        "RPC._rpc_delete takes self, number, but is called with self, trade_id",
        "RPC._rpc_delete no longer has 'for oslo in trade.open_sl_orders:' where it was",
        "there is no Exchange.fetch_positions",
    ):
        assert words in found


def test_the_adjustment_of_a_stop_takes_these_in_this_order():
    parameters = list(inspect.signature(IStrategy.ft_stoploss_adjust).parameters)
    assert parameters[:6] == [
        "self",
        "current_rate",
        "trade",
        "current_time",
        "current_profit",
        "force_stoploss",
    ]
    assert "after_fill" in parameters


def test_an_order_that_is_not_there_is_asked_for_as_often_as_one_says(futures_exchange):
    api = futures_exchange._api
    asked = []

    def fetch_order(*args, **kwargs):
        asked.append(args)
        raise ccxt.OrderNotFound("no such order")

    api.fetch_order, futures_exchange._config["dry_run"] = fetch_order, False
    with pytest.raises(RetryableOrderError):
        futures_exchange.fetch_order("1", BTC, {"stop": True}, count=0)
    assert len(asked) == 1


def test_errors_of_requests_are_dependency_errors():
    assert issubclass(DDosProtection, TemporaryError)
    assert issubclass(TemporaryError, DependencyException)


def test_an_error_in_the_confirmation_of_an_entry_counts_as_consent():
    def fails(**kwargs):
        raise RuntimeError

    assert strategy_safe_wrapper(fails, default_retval=True)(pair=BTC) is True


def test_a_rate_of_commission_that_is_given_is_not_rounded(futures_exchange):
    fee = {"currency": "USDT", "cost": 1.0, "rate": 0.000312345678912}
    assert futures_exchange.calculate_fee_rate(fee, BTC, 1.0, 1.0) == fee["rate"]


def test_values_are_kept_in_the_database(trade_database):
    assert KeyValueStore.get_string_value("perpkit_test") is None
    KeyValueStore.store_value("perpkit_test", "abc")
    assert KeyValueStore.get_string_value("perpkit_test") == "abc"


@pytest.fixture
def stopped_out(trade_database) -> Trade:
    """A long position of 0.01 from 30,000 that its stop has closed at 29,000."""
    trade = factories.trade()
    trade.orders.append(
        Order(
            order_id="stop",
            ft_pair=trade.pair,
            ft_order_side="stoploss",
            ft_amount=trade.amount,
            ft_price=29_000.0,
            ft_is_open=True,
            side="sell",
            order_type="stop_market",
            status="open",
            amount=trade.amount,
        )
    )
    trade.update_order(
        {
            "id": "stop",
            "status": "closed",
            "amount": 0.01,
            "filled": 0.01,
            "average": 29_000.0,
            "side": "sell",
            "lastTradeTimestamp": int((factories.START + timedelta(hours=9)).timestamp() * 1000),
        }
    )
    trade.update_trade(trade.orders[-1])
    return trade


def test_a_trade_closed_by_its_stop_is_booked_without_funding(stopped_out):
    assert not stopped_out.is_open
    assert stopped_out.orders[-1].funding_fee is None
    assert stopped_out.funding_fees == 0


def test_funding_of_an_order_is_in_the_profit_when_it_is_computed_again(stopped_out):
    before = stopped_out.close_profit_abs
    stopped_out.orders[-1].funding_fee = -0.25
    stopped_out.recalc_trade_from_orders(is_closing=True)
    assert stopped_out.funding_fees == -0.25
    assert stopped_out.close_profit_abs == pytest.approx(before - 0.25)
    assert stopped_out.realized_profit == pytest.approx(before - 0.25)
    stake = 0.01 * 30_000 * (1 + stopped_out.fee_open)
    assert stopped_out.close_profit == pytest.approx((before - 0.25) / stake * 3)


# ccxt


@pytest.fixture
def client(futures_exchange):
    """A copy of Freqtrade's client that records requests and answers with `told`."""
    client = copy(futures_exchange._api)
    client.asked, client.told = [], {}
    client.apiKey = client.secret = "key"
    client.milliseconds = lambda: 50_000

    def fetch(url, method="GET", headers=None, body=None):
        client.asked.append(f"{method} {url} {body or ''}")
        return client.told

    client.fetch = fetch
    return client


def test_an_order_takes_the_clients_id(client):
    client.create_order(BTC, "limit", "buy", 0.01, 30_000.0, {"clientOrderId": "mine"})
    [asked] = client.asked
    assert asked.startswith("POST https://fapi.binance.com/fapi/v1/order ")
    assert "newClientOrderId=mine" in asked


def test_an_order_leaves_by_fetch_when_it_is_signed_and_by_nothing_else(client):
    """No request leaves without `fetch`, and each is signed just before it."""
    signed = []
    sign, fetch = client.sign, client.fetch
    client.sign = lambda *args, **kwargs: signed.append(len(client.asked)) or sign(*args, **kwargs)
    client.fetch = lambda *args: fetch(*args)  # by place
    client.create_order(BTC, "limit", "buy", 0.01, 30_000.0, {"clientOrderId": "mine"})
    [asked] = client.asked
    assert signed == [0]
    assert f"timestamp={client.milliseconds() - client.options['timeDifference']}" in asked
    assert f"recvWindow={client.options['recvWindow']}" in asked
    assert "&signature=" in asked


@pytest.mark.parametrize("error", [LatchedError("latched"), RuntimeError("other")])
def test_what_fetch_raises_comes_out_of_an_order_as_it_is_and_once(client, error):
    asked = []

    def fetch(*args):
        asked.append(args)
        raise error

    client.fetch = fetch
    with pytest.raises(type(error)) as raised:
        client.create_order(BTC, "limit", "buy", 0.01, 30_000.0, {})
    assert raised.value is error
    assert len(asked) == 1


def test_an_entry_that_is_not_sent_fails_as_an_order_that_is_not_taken(futures_exchange):
    assert issubclass(LatchedError, ccxt.InvalidOrder)
    assert issubclass(InvalidOrderException, DependencyException)
    assert not issubclass(InvalidOrderException, TemporaryError)  # nothing tries it again
    futures_exchange._config["dry_run"] = False
    futures_exchange._api.create_order = mock.Mock(side_effect=LatchedError("latched"))
    futures_exchange._lev_prep = lambda *_, **__: None
    order = {"side": "buy", "amount": 0.01, "rate": 30_000.0, "leverage": 3.0}
    with pytest.raises(InvalidOrderException, match="latched"):
        futures_exchange.create_order(pair=BTC, ordertype="limit", **order)
    assert futures_exchange._api.create_order.call_count == 1


# How a bot ends


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (None, None),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (SystemExit(0), SystemExit),
        (KeyError("x"), KeyError),
    ],
)
def test_what_ends_a_bot_is_known_as_it_is_cleaned_up(error, expected):
    """In `ft_bot_cleanup`, which Freqtrade calls when it shuts down."""
    found = []
    strategy = SimpleNamespace(ft_bot_cleanup=lambda: found.append(sys.exc_info()[0]))
    exchange, rpc = mock.Mock(), mock.Mock()
    bot = SimpleNamespace(
        config={}, strategy=strategy, rpc=rpc, exchange=exchange, check_for_open_trades=_fails
    )
    bot.notify_status = lambda _: None
    bot.cleanup = lambda: FreqtradeBot.cleanup(bot)
    worker = Worker.__new__(Worker)
    worker.freqtrade, worker._sd_notify = bot, None
    worker.run = mock.Mock(side_effect=error)
    with (
        mock.patch("freqtrade.worker.Worker", return_value=worker),
        mock.patch("signal.signal"),
        nullcontext() if error is None else pytest.raises(type(error)),
    ):
        start_trading({})
    assert found == [expected]


def _fails() -> None:
    """Freqtrade continues its cleanup."""
    raise RuntimeError("the database is gone")


def test_a_signal_ends_a_bot_as_ctrl_c_does():
    assert calls(start_trading, "raise KeyboardInterrupt()", "signal.signal(signal.SIGTERM")


def test_a_lock_that_an_operator_ends_stands_no_more(trade_database):
    PairLocks.timeframe = "1h"
    lock = PairLocks.lock_pair("*", datetime.now(UTC) + timedelta(days=3650), "a test")
    assert PairLocks.get_pair_locks("*") == [lock]
    RPC(SimpleNamespace(config={}))._rpc_delete_lock(lockid=lock.id)
    assert list(PairLocks.get_pair_locks("*")) == []


def test_a_stop_takes_the_clients_id(client):
    params = {"stopPrice": 29_000.0, "reduceOnly": True, "clientOrderId": "mine"}
    client.create_order(BTC, "stop_market", "sell", 0.01, None, params)
    [asked] = client.asked
    assert asked.startswith("POST https://fapi.binance.com/fapi/v1/algoOrder ")
    assert "clientAlgoId=mine" in asked


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({}, "/fapi/v1/order?symbol=BTCUSDT&origClientOrderId=mine"),
        ({"stop": True}, "/fapi/v1/algoOrder?"),
    ],
)
def test_an_order_is_found_by_the_clients_id(client, params, path):
    client.fetch_order("", BTC, {"clientOrderId": "mine", **params})
    [asked] = client.asked
    assert "ientOrderId=mine" in asked.replace("clientAlgoId", "clientOrderId")
    assert path.split("?")[0] in asked


@pytest.mark.parametrize("told", ["half of an ans", None, {}])
def test_of_text_that_is_not_json_there_is_no_id(client, told):
    client.told = told
    try:
        order = client.create_order(BTC, "market", "buy", 0.01, None, {"clientOrderId": "mine"})
    except ccxt.BadResponse:
        return
    assert not order.get("id")


def test_what_closes_in_hedge_mode_names_the_side_of_its_position(client):
    params = {"reduceOnly": True, "hedged": True}
    client.create_order(BTC, "market", "sell", 0.01, None, params)
    client.create_order(BTC, "stop_market", "buy", 0.01, None, {**params, "stopPrice": 40_000.0})
    for asked, side in zip(client.asked, ("LONG", "SHORT"), strict=True):
        assert f"positionSide={side}" in asked
        assert "reduceOnly" not in asked


def test_the_settings_of_the_account_are_asked_for(client):
    client.told = {"dualSidePosition": False, "multiAssetsMargin": True}
    assert client.fapiPrivateGetAccountConfig()["multiAssetsMargin"] is True
    client.told = [{"symbol": "BTCUSDT", "marginType": "CROSSED", "leverage": 20}]
    assert client.fapiPrivateGetSymbolConfig({"symbol": "BTCUSDT"})[0]["leverage"] == 20
    paths = ["/fapi/v1/accountConfig?", "/fapi/v1/symbolConfig?"]
    assert all(path in asked for path, asked in zip(paths, client.asked, strict=True))


def test_open_stops_are_asked_for_all_pairs_at_once(client):
    client.told = []
    assert client.fapiPrivateGetOpenAlgoOrders() == []
    assert "/fapi/v1/openAlgoOrders?" in client.asked[0]
    assert client.safe_symbol("BTCUSDT", None, None, "swap") == BTC


def test_funding_that_was_charged(client):
    client.told = [
        {
            "symbol": "BTCUSDT",
            "incomeType": "FUNDING_FEE",
            "income": "-0.25",
            "asset": "USDT",
            "time": 60_000,
            "info": "FUNDING_FEE",
            "tranId": 1,
            "tradeId": "",
        }
    ]
    [fee] = client.fetch_funding_history(BTC, 50_000, 1000)
    assert (fee["timestamp"], fee["amount"]) == (60_000, -0.25)
    assert "/fapi/v1/income?" in client.asked[0]
    assert "startTime=50000" in client.asked[0]
    assert "limit=1000" in client.asked[0]


def test_ids_begin_as_ccxt_would_begin_them(client):
    assert len(client.options["broker"]["future"]) == 10
    assert client.generate_client_order_id(client.market(BTC)).startswith(
        client.options["broker"]["future"]
    )
    assert client.options["recvWindow"] == 10_000


@pytest.mark.parametrize(
    ("error", "unknown"),
    [
        (ccxt.RequestTimeout, True),
        (ccxt.ExchangeNotAvailable, True),
        (ccxt.NetworkError, True),
        (ccxt.OperationFailed, True),
        (ccxt.BadResponse, True),
        (ccxt.InsufficientFunds, False),
        (ccxt.InvalidOrder, False),
        (ccxt.OperationRejected, False),
        (ccxt.AuthenticationError, False),
    ],
)
def test_errors_after_which_nobody_knows_are_of_one_class(error, unknown):
    assert issubclass(error, ccxt.OperationFailed) is unknown

"""The parts of a running bot, by exchange."""

from __future__ import annotations

from threading import Lock
from types import SimpleNamespace
from unittest import mock

import ccxt
import pytest
from freqtrade.enums import RunMode
from freqtrade.exchange import Binance, Bitget, Bybit, Gate, Hyperliquid, Okx

from perpkit.bot.live.forced_exits import ForcedExits
from perpkit.bot.live.running_parts import RunningParts
from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.refusals import Refusals

# What writes the state file and looks at answers, everywhere.
ALWAYS = {"process", "process_stopped", "fetch"}
# What the stop latch replaces in live mode, everywhere.
LAST_LOOK = {"create_order", "fetch"}
# What the guard, the memory of orders and the booking replace.
OF_THE_CLIENT = {*LAST_LOOK, "fetch_order"}
OF_THE_EXCHANGE = {"get_trades_for_order"}
OF_THE_BOT = {"process", "process_stopped", "_update_trade_after_fill", "_safe_exit_amount"}


def running(kind, client, dry_run: bool):
    """The parts of a bot at a Freqtrade exchange that receives no requests."""
    exchange = kind.__new__(kind)
    exchange._api, exchange._config, exchange._is_demo_trading = client, {}, False
    exchange._ws_async = exchange._exchange_ws = None
    exchange._api_async = SimpleNamespace(fetch=None, close=None)
    names = (*OF_THE_BOT, "execute_entry", "execute_trade_exit")
    bot = mock.MagicMock(exchange=exchange, _exit_lock=Lock(), **dict.fromkeys(names))
    bot.execute_entry = bot.execute_trade_exit = lambda *_: True
    shared = {"dry_run": dry_run, "stake_currency": "USDT", "timeframe": "1h"}
    bot.config = {**shared, "db_url": "sqlite://", "user_data_dir": "/nowhere"}
    before = {name: getattr(bot, name) for name in OF_THE_BOT}
    dp = SimpleNamespace(
        _DataProvider__rpc=SimpleNamespace(_rpc=SimpleNamespace(_freqtrade=bot)),
        current_whitelist=list,
    )
    config = {
        **shared,
        "runmode": RunMode.DRY_RUN if dry_run else RunMode.LIVE,
        "exchange": {"name": kind.__name__.lower()},
    }
    settings = Settings(use=Switches(refresh=False))
    parts = RunningParts(config, dp, settings, TradeStates(True), lambda *_: 0.0, Refusals())
    replaced = {name for name in OF_THE_BOT if getattr(bot, name) is not before[name]}
    replaced |= OF_THE_CLIENT & vars(client).keys() | OF_THE_EXCHANGE & vars(exchange).keys()
    return parts, replaced


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(
    ("kind", "client"),
    [
        (Bybit, ccxt.bybit),
        (Okx, ccxt.okx),
        (Gate, ccxt.gate),
        (Hyperliquid, ccxt.hyperliquid),
        (Bitget, ccxt.bitget),
    ],
)
def test_on_other_exchanges_guard_and_memory_stay_out_of_the_way(
    trade_database, kind, client, dry_run
):
    parts, replaced = running(kind, client(), dry_run)
    assert replaced == (ALWAYS if dry_run else ALWAYS | LAST_LOOK)
    assert not parts.guarded
    assert parts.unknown_exchange == client().id


@pytest.mark.parametrize("dry_run", [False, True])
def test_on_binance_they_are_there(trade_database, dry_run):
    parts, replaced = running(Binance, ccxt.binance(), dry_run)
    everything = OF_THE_CLIENT | OF_THE_EXCHANGE | OF_THE_BOT
    assert replaced == (ALWAYS if dry_run else everything)
    assert parts.guarded is not dry_run
    assert parts.unknown_exchange is None


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize(("kind", "client"), [(Bybit, ccxt.bybit), (Binance, ccxt.binance)])
def test_each_bot_exits_all_trades_one_by_one(trade_database, kind, client, dry_run):
    parts, _ = running(kind, client(), dry_run)
    assert isinstance(parts._bot.rpc._rpc._rpc_force_exit.__self__, ForcedExits)

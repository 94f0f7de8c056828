"""A checklist of everything in Freqtrade that Perpkit replaces, calls or relies on.

The checks need no running bot: replaced attributes exist, their callers still call them, and
functions have the expected parameters. tests/contract runs them on the oldest and the newest
supported release; `perpkit doctor` runs them on the Freqtrade that is installed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any

from perpkit.bot.live.replaced import LOCK, REPLACED

_MODULES = {
    "Backtesting": "freqtrade.optimize.backtesting",
    "Exchange": "freqtrade.exchange",
    "FreqtradeBot": "freqtrade.freqtradebot",
    "IStrategy": "freqtrade.strategy",
    "LocalTrade": "freqtrade.persistence",
    "Order": "freqtrade.persistence",
    "RPC": "freqtrade.rpc",
    "RPCManager": "freqtrade.rpc",
    "Telegram": "freqtrade.rpc.telegram",
    "Trade": "freqtrade.persistence",
    "Wallets": "freqtrade.wallets",
    "Worker": "freqtrade.worker",
    "binance": "ccxt",
}
# The class of each owner named in REPLACED.
_CLASSES = {
    "api": "binance",
    "api_async": "ccxt.async_support.binance",
    "bot": "FreqtradeBot",
    "exchange": "Exchange",
    "rpc": "RPC",
    "wallets": "Wallets",
}

# Texts that the source of each function must contain, in this order.
CALLS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Worker._process_running", ("self.freqtrade.process()",)),
    ("Worker._process_stopped", ("self.freqtrade.process_stopped()",)),
    ("FreqtradeBot.create_trade", ("self.execute_entry(",)),
    ("FreqtradeBot.process", ("self.exit_positions(trades)",)),
    ("FreqtradeBot.startup", ("self.startup_update_open_orders()",)),
    ("FreqtradeBot.startup", ("self.update_all_liquidation_prices()",)),
    ("FreqtradeBot.startup", ("self.update_funding_fees()",)),
    ("FreqtradeBot.check_and_call_adjust_trade_position", ("self.execute_entry(",)),
    (
        "FreqtradeBot._check_and_execute_exit",
        ("self.execute_trade_exit(trade, exit_rate, should_",),
    ),
    ("FreqtradeBot.emergency_exit", ("self.execute_trade_exit(",)),
    ("FreqtradeBot.execute_trade_exit", ("(ordertype or self.strategy.order_types[exit_type])",)),
    ("FreqtradeBot.update_trade_state", ("self._update_trade_after_fill(trade, order_obj, send_",)),
    ("FreqtradeBot.execute_trade_exit", ("self._safe_exit_amount(trade, trade.pair, ",)),
    ("FreqtradeBot.fee_detection_from_trades", ("self.exchange.get_trades_for_order(",)),
    # One rate for all entries and one for all exits; `ft_fee_base` is in the base currency.
    ("FreqtradeBot.get_real_amount", ('trade.fee_updated(order.get("side", ""))',)),
    ("FreqtradeBot.get_real_amount", ("if trade_base_currency == fee_currency:",)),
    ("LocalTrade.recalc_trade_from_orders", ("self.calculate_profit(exit_rate, exit_amount, ",)),
    ("LocalTrade._calc_base_close", ("fees = close_value * FtPrecise(fee or 0.0)",)),
    ("FreqtradeBot.execute_entry", ("self.wallets.update()",)),
    ("FreqtradeBot.execute_entry", ("= self.get_valid_enter_price_and_stake(",)),
    ("FreqtradeBot.execute_entry", ("order = self.exchange.create_order(",)),
    ("FreqtradeBot._update_trade_after_fill", ("self.wallets.update()",)),
    ("Exchange.create_order", ("self._api.create_order(",)),
    ("Exchange.create_stoploss", ("self._api.create_order(",)),
    ("Exchange.fetch_order", ("self._api.fetch_order(",)),
    ("Exchange.create_stoploss", ("self._lev_prep(pair, leverage, side, accept_fail=True)",)),
    ("Exchange.create_order", ("self._lev_prep(pair, leverage, side, accept_fail=not initial_",)),
    (
        "Exchange._lev_prep",
        ("self.set_margin_mode(", "self._set_leverage(leverage, pair, accept_fail)"),
    ),
    (
        "Exchange.get_liquidation_price",
        ("abs(open_rate - liquidation_price) * self.liquidation_b",),
    ),
    ("FreqtradeBot.execute_trade_exit", ("self.exchange.create_order(",)),
    ("FreqtradeBot.execute_trade_exit", ("trade.orders.append(order_obj)",)),
    ("FreqtradeBot._check_and_execute_exit", ("self.execute_trade_exit(",)),
    ("RPC._rpc_force_exit", ("__exec_force_exit(",)),
    ("RPC._rpc_force_exit", ('if trade_id == "all":', "if trade_id.isdigit()")),
    ("RPC._rpc_force_exit", ("if self._freqtrade.state == State.STOPPED:",)),
    ("Telegram._force_exit_action", ("self._rpc._rpc_force_exit", "except RPCException as e:")),
    ("RPC._rpc_delete", ("for oslo in trade.open_sl_orders:",)),
    ("RPC._rpc_delete", ("trade.delete()",)),
    ("RPC._rpc_reload_trade_from_exchange", ("self._freqtrade.handle_onexchange_order(trade)",)),
    ("Telegram._delete_trade", ("self._rpc._rpc_delete(trade_id)",)),
    ("FreqtradeBot.exit_positions", ("if self.handle_onexchange_order(trade):",)),
    ("Exchange.fetch_stoploss_order", ("self.fetch_order(order_id, pair, params)",)),
    (
        "FreqtradeBot.handle_stoploss_on_exchange",
        ("self.exchange.fetch_stoploss_order(", "stoploss_order=True"),
    ),
    ("IStrategy.min_roi_reached", ("self.min_roi_reached_entry(trade, trade_dur,", "> roi")),
    ("IStrategy.should_exit", ("trade.calc_profit_ratio(", "self.min_roi_reached(")),
    ("FreqtradeBot.create_stoploss_order", ("self.exchange.create_stoploss(",)),
    ("FreqtradeBot.create_stoploss_order", ("trade.orders.append(order_obj)",)),
    ("FreqtradeBot.handle_stoploss_on_exchange", ("self.create_stoploss_order(",)),
    (
        "FreqtradeBot.handle_stoploss_on_exchange",
        ("self.update_trade_state(", 'self._notify_exit(trade, "stoploss", True)'),
    ),
    (
        "FreqtradeBot.handle_trailing_stoploss_on_exchange",
        ("self.cancel_stoploss_on_exchange(trade)", "self.create_stoploss_order("),
    ),
    ("FreqtradeBot.startup_update_open_orders", ("self.handle_cancel_order(",)),
    ("FreqtradeBot.startup_update_open_orders", ("self.update_trade_state(",)),
    ("FreqtradeBot.handle_stoploss_on_exchange", ("self.update_trade_state(trade, slo.order_id",)),
    ("FreqtradeBot.cancel_stoploss_on_exchange", ("self.update_trade_state(trade, oslo.order_id",)),
    ("FreqtradeBot.execute_trade_exit", ("self.update_trade_state(",)),
    ("Exchange.cancel_order_with_result", ('"status": "canceled"',)),
    (
        "FreqtradeBot.exit_positions",
        ("self.handle_stoploss_on_exchange(trade)", "self.handle_trade(trade)"),
    ),
    ("FreqtradeBot.get_valid_enter_price_and_stake", ("exchange.get_max_pair_stake_amount(",)),
    ("FreqtradeBot.check_and_call_adjust_trade_position", ("get_max_pair_stake_amount(",)),
    ("Backtesting.start", ("store_backtest_results(", "self.config,", "self.results,")),
    ("Backtesting.get_valid_entry_price_and_stake", ("exchange.get_max_pair_stake_amount(",)),
    ("Wallets.validate_stake_amount", ("max_stake_amount - trade_amount",)),
    # Orders before stops, stops before adjustments and entries: an entry that timed out gets
    # its stop, and the order for its rest, in the same cycle.
    (
        "FreqtradeBot.process",
        (
            "self.dataprovider.refresh(",
            "bot_loop_start",
            "self.manage_open_orders()",
            "self.exit_positions(",
            "self.process_open_trade_positions()",
            "self.enter_positions(",
        ),
    ),
    # A failed cycle is followed by a pause.
    ("Worker._process_running", ("except TemporaryError", "time.sleep(RETRY_TIMEOUT)")),
    # Futures exits do not depend on the balance.
    (
        "FreqtradeBot._safe_exit_amount",
        ("self.wallets.update()", "if self.trading_mode == TradingMode.FUTURES:", "return amount"),
    ),
    # A closed entry is accepted as it is, however little has filled.
    (
        "FreqtradeBot.handle_cancel_enter",
        (
            'if order["status"] not in constants.NON_OPEN_EXCHANGE_STATES:',
            "_stake < minstake",
            "corder = order",
        ),
    ),
    (
        "FreqtradeBot.manage_open_orders",
        (
            "self.update_trade_state(trade, open_order.order_id, order)",
            "ft_check_timed_out(trade, open_order,",
        ),
    ),
    ("FreqtradeBot.get_valid_enter_price_and_stake", ("custom_entry_price", "entry_tag=")),
    ("FreqtradeBot.check_and_call_adjust_trade_position", ("enter_tag=order_tag",)),
    (
        "FreqtradeBot.__init__",
        ("self._exit_lock = Lock()", "self.strategy.ft_bot_start()"),
    ),
    ("FreqtradeBot.__init__", ("self.strategy.wallets", "self.strategy.ft_bot_start()")),
    # Freqtrade caches the rates that it used to check exits.
    ("FreqtradeBot.handle_trade", ('side="exit"', "refresh=True")),
    (
        "RPC._rpc_force_entry",
        ("with self._freqtrade._exit_lock:", "self._freqtrade.execute_entry(", "trade=trade,"),
    ),
    ("FreqtradeBot.check_and_call_adjust_trade_position", ("trade=trade,",)),
    ("RPC._rpc_force_exit", ("with self._freqtrade._exit_lock:",)),
    ("RPC._rpc_delete", ("with self._freqtrade._exit_lock:",)),
    ("RPC._rpc_cancel_open_order", ("with self._freqtrade._exit_lock:",)),
    ("RPC._rpc_delete_lock", ("lock.active = False", "lock.lock_end_time = datetime.now(UTC)")),
    # A refused entry does not abort the cycle, and creates no trade.
    ("FreqtradeBot.enter_positions", ("try:", "except DependencyException")),
    ("FreqtradeBot.process_open_trade_positions", ("try:", "except DependencyException")),
    ("FreqtradeBot.handle_replace_order", ("try:", "except DependencyException")),
    ("FreqtradeBot.execute_entry", ("self.exchange.create_order(", "trade = Trade(")),
    # Signed requests are sent by `fetch` only.
    ("binance.fetch2", ("self.throttle(", "self.sign(", "self.fetch(request['url'],")),
    # At cleanup one can tell why a bot ends, and whether it only reloads its configuration.
    ("Worker.exit", ("self.freqtrade.cleanup()",)),
    ("FreqtradeBot.cleanup", ("finally:", "self.strategy.ft_bot_cleanup()")),
    ("Worker.run", ("if state == State.RELOAD_CONFIG:", "self._reconfigure()")),
    ("Worker._reconfigure", ("self.freqtrade.cleanup()", "self._init(True)")),
    ("RPC._rpc_reload_config", ("State.RELOAD_CONFIG",)),
    # Messages of a strategy are sent at the end of a cycle.
    ("FreqtradeBot.process", ("self.rpc.process_msg_queue(self.dataprovider._msg_queue)",)),
    ("Backtesting.backtest_one_strategy", ("self.strategy.advise_all_indicators(data)",)),
    ("Backtesting.time_pair_generator", ("self.strategy.bot_loop_start", "self.validate_row")),
    ("Backtesting._get_exit_for_signal", ("self.strategy.order_types",)),
)

# The exact parameters of each function, in this order.
PARAMETERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("FreqtradeBot.process", ("self",)),
    ("FreqtradeBot.process_stopped", ("self",)),
    ("FreqtradeBot.manage_open_orders", ("self",)),
    ("FreqtradeBot.exit_positions", ("self", "trades")),
    ("RPCManager.process_msg_queue", ("self", "queue")),
    ("binance.fetch", ("self", "url", "method", "headers", "body")),
    ("FreqtradeBot._update_trade_after_fill", ("self", "trade", "order", "send_msg")),
    ("FreqtradeBot._safe_exit_amount", ("self", "trade", "pair", "amount")),
    ("FreqtradeBot.handle_stoploss_on_exchange", ("self", "trade")),
    ("FreqtradeBot.create_stoploss_order", ("self", "trade", "stop_price")),
    ("FreqtradeBot.cancel_stoploss_on_exchange", ("self", "trade", "allow_nonblocking")),
    ("FreqtradeBot.emergency_exit", ("self", "trade", "price", "sub_trade_amt")),
    ("FreqtradeBot.handle_onexchange_order", ("self", "trade")),
    ("FreqtradeBot.handle_trade", ("self", "trade")),
    ("FreqtradeBot._notify_enter_cancel", ("self", "trade", "order_type", "reason", "sub_trade")),
    ("FreqtradeBot._notify_exit", ("self", "trade", "order_type", "fill", "sub_trade", "order")),
    ("FreqtradeBot.order_close_notify", ("self", "trade", "order", "stoploss_order", "send_msg")),
    ("RPC._rpc_delete", ("self", "trade_id")),
    ("RPC._rpc_force_exit", ("self", "trade_id", "ordertype", "amount", "price")),
    ("Trade.close", ("self", "rate", "show_msg")),
    ("Exchange.get_trades_for_order", ("self", "order_id", "pair", "since", "params")),
    ("Exchange._trades_contracts_to_amount", ("self", "trades")),
    (
        "FreqtradeBot.handle_cancel_enter",
        ("self", "trade", "order", "order_obj", "reason", "replacing"),
    ),
    ("FreqtradeBot.cancel_open_orders_of_trade", ("self", "trade", "sides", "reason", "replacing")),
    ("FreqtradeBot.notify_status", ("self", "msg", "msg_type")),
    (
        "FreqtradeBot.execute_trade_exit",
        (
            "self",
            "trade",
            "limit",
            "exit_check",
            "exit_tag",
            "ordertype",
            "sub_trade_amt",
            "skip_custom_exit_price",
        ),
    ),
    (
        "Exchange.create_order",
        (
            "self",
            "pair",
            "ordertype",
            "side",
            "amount",
            "rate",
            "leverage",
            "time_in_force",
            "reduceOnly",
            "initial_order",
        ),
    ),
    (
        "Exchange.create_stoploss",
        ("self", "pair", "amount", "stop_price", "order_types", "side", "leverage"),
    ),
    (
        "FreqtradeBot.update_trade_state",
        ("self", "trade", "order_id", "action_order", "stoploss_order", "send_msg"),
    ),
    (
        "FreqtradeBot.handle_cancel_order",
        ("self", "order", "order_obj", "trade", "reason", "replacing"),
    ),
    ("FreqtradeBot.handle_protections", ("self", "pair", "side")),
    ("Exchange._lev_prep", ("self", "pair", "leverage", "side", "accept_fail")),
    ("Trade.set_liquidation_price", ("self", "liquidation_price")),
    ("Order.parse_from_ccxt_object", ("order", "pair", "side", "amount", "price")),
    ("Exchange.fetch_stoploss_order", ("self", "order_id", "pair", "params")),
    ("Exchange.get_funding_fees", ("self", "pair", "amount", "is_short", "open_date")),
    ("Exchange.fetch_orders", ("self", "pair", "since", "params")),
    ("Exchange.fetch_positions", ("self", "pair", "params")),
    ("Exchange.fetch_l2_order_book", ("self", "pair", "limit")),
    ("Exchange.cancel_stoploss_order_with_result", ("self", "order_id", "pair", "amount")),
    ("Exchange.get_min_pair_stake_amount", ("self", "pair", "price", "stoploss", "leverage")),
    ("Exchange._contracts_to_amount", ("self", "pair", "num_contracts")),
    ("IStrategy.min_roi_reached_entry", ("self", "trade", "trade_dur", "current_time")),
    ("Trade.calc_profit_ratio", ("self", "rate", "amount", "open_rate")),
    ("Wallets.update", ("self", "require_update")),
    ("Trade.recalc_trade_from_orders", ("self", "is_closing")),
)


def attributes() -> list[str]:
    """Returns the attributes that are replaced in a running bot, named as in `REPLACED`."""
    return [*REPLACED, LOCK]


def missing_attribute(attribute: str) -> str | None:
    """Returns what is wrong with one of `attributes`, or None."""
    owner, name = attribute.split(".")
    kind = _class(_CLASSES[owner])
    if attribute == LOCK:
        return missing_call("FreqtradeBot.__init__", (f"self.{name} = Lock()",))
    if not callable(getattr(kind, name, None)):
        return f"{kind.__name__} has no {name}, which Perpkit replaces"
    return None


def missing_call(function: str, texts: tuple[str, ...]) -> str | None:
    """Returns what is wrong with one of `CALLS`, or None."""
    found = _function(function)
    if found is None:
        return f"there is no {function}"
    try:
        source = _source(found)
    except OSError:
        return f"the source of {function} cannot be read"
    after = 0
    for text in texts:
        place = source.find(text, after)
        if place < 0:
            return f"{function} no longer has {text!r} where it was"
        after = place + len(text)
    return None


def other_parameters(function: str, parameters: tuple[str, ...]) -> str | None:
    """Returns what is wrong with one of `PARAMETERS`, or None."""
    found = _function(function)
    if found is None:
        return f"there is no {function}"
    has = tuple(inspect.signature(found).parameters)
    if has == parameters:
        return None
    return f"{function} takes {', '.join(has)}, but is called with {', '.join(parameters)}"


def broken() -> Iterator[str]:
    """Yields one message for every check that the installed Freqtrade fails."""
    wrong = [missing_attribute(attribute) for attribute in attributes()]
    wrong += [missing_call(*call) for call in CALLS]
    wrong += [other_parameters(*signature) for signature in PARAMETERS]
    yield from filter(None, wrong)


def count() -> int:
    return len(attributes()) + len(CALLS) + len(PARAMETERS)


@lru_cache(maxsize=256)
def _source(function: Callable[..., Any]) -> str:
    return inspect.getsource(function)


def _class(name: str) -> Any:
    module, _, own = name.rpartition(".")
    return getattr(import_module(module or _MODULES[name]), own)


def _function(name: str) -> Callable[..., Any] | None:
    owner, attribute = name.split(".")
    found: Callable[..., Any] | None = getattr(_class(owner), attribute, None)
    return found

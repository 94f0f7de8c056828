"""Events of a user data stream, in the exchange's shapes.

Binance USD-M, "User Data Streams", September 2026. `E`, the time of the event, is that of the
transaction: the venue sends without delay of its own. Numbers are "0" where they are zero.
"""

from __future__ import annotations

from typing import Any

from perpkit.venue.engine import Account, Algo, Engine, Fill, Forced, Order, OrderType
from perpkit.venue.engine.balance import order_notionals
from perpkit.venue.engine.events import (
    AccountEvent,
    AlgoEvent,
    AssetModeEvent,
    Event,
    Execution,
    LeverageEvent,
    OrderEvent,
)
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.numbers import money, plain, price_text, quantity_text, quote_text
from perpkit.venue.http.order_payloads import average_text
from perpkit.venue.market.instruments import Instrument

Payload = dict[str, Any]

_SELF_TRADES = "EXPIRE_MAKER"


def payloads_of(exchange: Exchange, account: Account, event: Event, now: int) -> list[Payload]:
    """Returns what the exchange sends for an event, at the moment at which it is reported.

    :param now: ms, the time of events that have none
    """
    if isinstance(event, OrderEvent):
        instrument = exchange.market.instrument(event.order.symbol)
        update = order_update(account, event, instrument)
        if event.execution is Execution.TRADE and event.fill is not None:
            return [trade_lite(event.order, event.fill, instrument), update]
        return [update]
    if isinstance(event, AlgoEvent):
        return [algo_update(event, exchange.market.instrument(event.algo.symbol))]
    if isinstance(event, AccountEvent):
        return [account_update(exchange.engine, account, event, now)]
    return [_config_update(event, now)]


def listen_key_expired(listen_key: str, time: int) -> Payload:
    return {"e": "listenKeyExpired", "E": time, "listenKey": listen_key}


def order_update(account: Account, event: OrderEvent, instrument: Instrument) -> Payload:
    order, fill, algo = event.order, event.fill, event.order.algo
    bids, asks = order_notionals(account.holdings[order.symbol].orders.values())
    liquidation = order.forced and order.client_id.startswith(Forced.LIQUIDATION)
    kind = "LIQUIDATION" if liquidation else order.type.value
    shown: Payload = {
        "s": order.symbol,
        "c": order.client_id,
        "S": order.side.value,
        "o": kind,
        "f": order.time_in_force.value,
        "q": quantity_text(instrument, order.quantity),
        "p": _or_zero(price_text(instrument, order.price)),
        "ap": _or_zero(average_text(order.average, instrument)),
        "sp": _or_zero(price_text(instrument, algo.trigger_price)) if algo else "0",
        "x": event.execution.value,
        "X": order.status.value,
        "i": order.id,
        "l": quantity_text(instrument, fill.quantity) if fill else "0",
        "z": _or_zero(quantity_text(instrument, order.executed)),
        "L": price_text(instrument, fill.price) if fill else "0",
        "n": _or_zero(money(fill.commission)) if fill else "0",
        "N": account.holdings[order.symbol].asset,
        "T": event.time,
        "t": fill.id if fill else 0,
        "b": _or_zero(quote_text(instrument, bids)),
        "a": _or_zero(quote_text(instrument, asks)),
        "m": fill is not None and fill.maker,
        "R": order.reduce_only,
        "wt": algo.working_type.value if algo else "CONTRACT_PRICE",
        "ot": algo.type.value if algo else kind,
        "ps": order.position_side.value,
        "cp": algo is not None and algo.close_position,
        "rp": _or_zero(money(fill.realized_pnl)) if fill else "0",
        "pP": algo is not None and algo.price_protect,
        "si": 0,
        "ss": 0,
        "V": _SELF_TRADES,
        "pm": order.price_match.value,
        "gtd": order.good_till,
        "er": str(int(event.expiry)),
    }
    if event.execution is Execution.AMENDMENT:
        number = order.amendments[-1].number
        shown |= {} if number is None else {"M": str(number)}
    if algo is not None and algo.type is OrderType.TRAILING_STOP_MARKET:
        shown["AP"] = _or_zero(price_text(instrument, algo.activate_price))
        shown["cr"] = plain(algo.callback_rate)
    return {"e": "ORDER_TRADE_UPDATE", "E": event.time, "T": event.time, "o": shown}


def trade_lite(order: Order, fill: Fill, instrument: Instrument) -> Payload:
    return {
        "e": "TRADE_LITE",
        "E": fill.time,
        "T": fill.time,
        "s": order.symbol,
        "q": quantity_text(instrument, order.quantity),
        "p": _or_zero(price_text(instrument, order.price)),
        "m": fill.maker,
        "c": order.client_id,
        "S": order.side.value,
        "L": price_text(instrument, fill.price),
        "l": quantity_text(instrument, fill.quantity),
        "t": fill.id,
        "i": order.id,
    }


def account_update(engine: Engine, account: Account, event: AccountEvent, now: int) -> Payload:
    shown: Payload = {
        "m": event.reason.value,
        "B": [
            {
                "a": asset,
                "wb": money(account.wallet_of(asset)),
                "cw": money(account.cross_wallet(asset)),
                "bc": _or_zero(money(change)),
            }
            for asset, change in event.balances
        ],
        "P": [_position(engine, account, symbol, side) for symbol, side in event.positions],
    }
    if event.symbol:
        shown["S"] = event.symbol
    return {"e": "ACCOUNT_UPDATE", **_times(event, now), "a": shown}


def _position(engine: Engine, account: Account, symbol: str, side: Any) -> Payload:
    holding = account.holdings[symbol]
    position = holding.position(side)
    unrealized = position.unrealized(engine.quote(symbol).mark) if position.amount else 0
    return {
        "s": symbol,
        "pa": plain(position.amount),
        "ep": plain(position.entry),
        "bep": plain(position.break_even),
        "cr": plain(position.realized),
        "up": plain(unrealized),
        "mt": "isolated" if holding.isolated else "cross",
        "iw": plain(position.isolated_wallet),
        "ps": position.side.value,
    }


def algo_update(event: AlgoEvent, instrument: Instrument) -> Payload:
    algo: Algo = event.algo
    shown: Payload = {
        "caid": algo.client_id,
        "aid": algo.id,
        "at": "CONDITIONAL",
        "o": algo.type.value,
        "s": algo.symbol,
        "S": algo.side.value,
        "ps": algo.position_side.value,
        "f": algo.time_in_force.value,
        "q": _or_zero(quantity_text(instrument, algo.quantity)),
        "X": algo.status.value,
        "ai": "" if algo.order is None else str(algo.order.id),
        "tp": _or_zero(price_text(instrument, algo.trigger_price)),
        "p": _or_zero(price_text(instrument, algo.price)),
        "V": _SELF_TRADES,
        "wt": algo.working_type.value,
        "pm": algo.price_match.value,
        "cp": algo.close_position,
        "pP": algo.price_protect,
        "R": algo.reduce_only,
        "tt": algo.triggered,
        "gtd": algo.good_till,
        "rm": "" if algo.refusal is None else algo.refusal.msg,
        "ia": algo.extreme is not None,
    }
    if algo.order is not None:
        shown["ap"] = _or_zero(average_text(algo.order.average, instrument))
        shown["aq"] = _or_zero(quantity_text(instrument, algo.order.executed))
        shown["act"] = algo.order.type.value
    return {"e": "ALGO_UPDATE", "E": event.time, "T": event.time, "o": shown}


def _config_update(event: LeverageEvent | AssetModeEvent, now: int) -> Payload:
    shown: Payload = {"e": "ACCOUNT_CONFIG_UPDATE", **_times(event, now)}
    if isinstance(event, LeverageEvent):
        return {**shown, "ac": {"s": event.symbol, "l": event.leverage}}
    return {**shown, "ai": {"j": event.multi_assets}}


def _times(event: AccountEvent | LeverageEvent | AssetModeEvent, now: int) -> Payload:
    time = now if event.time is None else event.time
    return {"E": time, "T": time}


def _or_zero(text: str) -> str:
    return text if text.strip("-0.") else "0"

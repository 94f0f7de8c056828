"""A trader of nautilus_trader, in a process and an environment of its own.

Usage: python trader.py HTTP_URL WEBSOCKET_URL STREAM_URL KEY SECRET

It connects its Binance USD-M clients to these addresses, says what happens in JSON lines on stdout
(stderr is nautilus_trader's log, of errors only), and does what lines on stdin ask for: `enter`,
`stop PRICE`, `rest PRICE`, `move PRICE`, `cancel`, `exit`, `state`, `quit`.
"""

from __future__ import annotations

import json
import sys
import threading
from decimal import Decimal
from typing import Any

from nautilus_trader.adapters.binance import (
    BINANCE,
    BinanceAccountType,
    BinanceDataClientConfig,
    BinanceExecClientConfig,
    BinanceLiveDataClientFactory,
    BinanceLiveExecClientFactory,
)
from nautilus_trader.config import (
    InstrumentProviderConfig,
    LiveExecEngineConfig,
    LoggingConfig,
    TradingNodeConfig,
)
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.enums import OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.identifiers import InstrumentId, TraderId
from nautilus_trader.trading.strategy import Strategy

INSTRUMENT = InstrumentId.from_str("BTCUSDT-PERP.BINANCE")
SIZE = Decimal("0.010")


def say(what: str, **details: Any) -> None:
    print(json.dumps({"what": what, **details}), flush=True)


class Desk(Strategy):
    """Says every event of its orders and positions, the first quote, and the first trade."""

    def on_start(self) -> None:
        self._seen: set[str] = set()
        self.subscribe_quote_ticks(INSTRUMENT)
        self.subscribe_trade_ticks(INSTRUMENT)
        say("started")

    def on_quote_tick(self, tick: Any) -> None:
        self._once("quote", bid=str(tick.bid_price), ask=str(tick.ask_price))

    def on_trade_tick(self, tick: Any) -> None:
        self._once("trade", price=str(tick.price))

    def _once(self, what: str, **details: Any) -> None:
        if what not in self._seen:
            self._seen.add(what)
            say(what, **details)

    def on_order_event(self, event: Any) -> None:
        say(type(event).__name__, order=str(event.client_order_id))

    def on_position_event(self, event: Any) -> None:
        say(type(event).__name__, size=str(event.signed_qty))

    def asked(self, line: str) -> None:
        """Carries out one line of stdin."""
        command, _, price = line.strip().partition(" ")
        instrument = self.cache.instrument(INSTRUMENT)
        size = instrument.make_qty(SIZE)
        if command == "enter":
            self.submit_order(self.order_factory.market(INSTRUMENT, OrderSide.BUY, size))
        elif command == "exit":
            order = self.order_factory.market(
                INSTRUMENT, OrderSide.SELL, instrument.make_qty(self._held()), reduce_only=True
            )
            self.submit_order(order)
        elif command == "stop":
            order = self.order_factory.stop_market(
                INSTRUMENT,
                OrderSide.SELL,
                size,
                trigger_price=instrument.make_price(price),
                trigger_type=TriggerType.LAST_PRICE,
                reduce_only=True,
            )
            self.submit_order(order)
        elif command == "rest":
            order = self.order_factory.limit(
                INSTRUMENT,
                OrderSide.BUY,
                size,
                price=instrument.make_price(price),
                time_in_force=TimeInForce.GTC,
            )
            self.submit_order(order)
        elif command == "move":
            for order in self._resting():
                self.modify_order(order, price=instrument.make_price(price))
        elif command == "cancel":
            self.cancel_orders(self._resting())
        elif command == "state":
            self._say_state()

    def _held(self) -> Decimal:
        # What it finds when it is connected again it books as positions of another kind, too.
        return sum((p.signed_decimal_qty() for p in self.cache.positions_open()), Decimal(0))

    def _resting(self) -> list[Any]:
        return [o for o in self.cache.orders_open(instrument_id=INSTRUMENT) if not o.is_reduce_only]

    def _say_state(self) -> None:
        account = self.portfolio.account(INSTRUMENT.venue)
        say(
            "state",
            wallet=str(account.balance_total(USDT).as_decimal()),
            position=str(self._held()),
            orders=[
                [str(o.venue_order_id), o.type_string(), str(getattr(o, "price", ""))]
                for o in self.cache.orders_open()
            ],
            inflight=len(self.cache.orders_inflight()),
        )


def main() -> None:
    http, websocket, stream, key, secret = sys.argv[1:]
    common = {
        "api_key": key,
        "api_secret": secret,
        "account_type": BinanceAccountType.USDT_FUTURES,
        "base_url_http": http,
        "base_url_ws": websocket,
        "instrument_provider": InstrumentProviderConfig(load_ids=frozenset({INSTRUMENT})),
    }
    config = TradingNodeConfig(
        trader_id=TraderId("PERPKIT-001"),
        logging=LoggingConfig(log_level="ERROR"),
        exec_engine=LiveExecEngineConfig(
            reconciliation=True, reconciliation_startup_delay_secs=1.0
        ),
        data_clients={BINANCE: BinanceDataClientConfig(**common)},
        exec_clients={BINANCE: BinanceExecClientConfig(**common, base_url_ws_stream=stream)},
        timeout_connection=20.0,
        timeout_reconciliation=10.0,
        timeout_portfolio=10.0,
        timeout_disconnection=5.0,
        timeout_post_stop=1.0,
    )
    node = TradingNode(config=config)
    desk = Desk()
    node.trader.add_strategy(desk)
    node.add_data_client_factory(BINANCE, BinanceLiveDataClientFactory)
    node.add_exec_client_factory(BINANCE, BinanceLiveExecClientFactory)
    node.build()
    loop = node.get_event_loop()

    def listen() -> None:
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            loop.call_soon_threadsafe(desk.asked, line)
        loop.call_soon_threadsafe(node.stop)

    threading.Thread(target=listen, daemon=True).start()
    try:
        node.run()
    finally:
        node.dispose()


if __name__ == "__main__":
    main()

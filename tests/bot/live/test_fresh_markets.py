"""Orders off a grid that has changed. With the venue: tests/integration/test_guarded_live.py."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import ccxt
import pytest
import time_machine
from freqtrade.exceptions import InvalidOrderException, TemporaryError

from perpkit.bot.live.fresh_markets import FreshMarkets
from perpkit.bot.positions.trade_lock import TradeLock

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


class Exchange:
    """Refuses with a code until its markets are read."""

    def __init__(self, code: int, kind: type[Exception], *, heals: bool = True) -> None:
        self.code, self.kind, self.heals = code, kind, heals
        self.sent: list[str] = []
        self.read = 0

    def create_order(self, **order):
        return self._send("order")

    def create_stoploss(self, **order):
        return self._send("stop")

    def _send(self, what: str) -> dict:
        self.sent.append(what)
        if self.read and self.heals:
            return {"id": "1"}
        refused = ccxt.ExchangeError(f'binanceusdm {{"code":{self.code},"msg":"no"}}')
        raise self.kind("refused") from refused

    def reload_markets(self, force: bool, *, load_leverage_tiers: bool) -> None:
        assert force
        assert not load_leverage_tiers
        self.read += 1


@contextmanager
def around(exchange: Exchange) -> Iterator[None]:
    """Within the lock over the trades, in which orders are sent."""
    bot = SimpleNamespace(exchange=exchange, _exit_lock=TradeLock())
    FreshMarkets(bot)
    with bot._exit_lock:
        yield


@pytest.mark.parametrize("name", ["create_order", "create_stoploss"])
@pytest.mark.parametrize("kind", [InvalidOrderException, TemporaryError])
@pytest.mark.parametrize("code", [-1111, -4014, -4023])
@pytest.mark.usefixtures("trade_database")
def test_it_is_sent_again_on_the_grid_of_now(name, kind, code):
    exchange = Exchange(code, kind)
    with around(exchange):
        assert getattr(exchange, name)(pair="BTC/USDT:USDT") == {"id": "1"}
    assert (len(exchange.sent), exchange.read) == (2, 1)


@pytest.mark.usefixtures("trade_database")
def test_other_refusals_are_passed_on():
    exchange = Exchange(-2022, InvalidOrderException)
    with around(exchange), pytest.raises(InvalidOrderException):
        exchange.create_order(pair="BTC/USDT:USDT")
    assert (len(exchange.sent), exchange.read) == (1, 0)


@pytest.mark.usefixtures("trade_database")
def test_contracts_are_read_once_a_minute_at_most():
    exchange = Exchange(-4014, InvalidOrderException, heals=False)
    with around(exchange), time_machine.travel(NOW, tick=False) as clock:
        for seconds, read in ((0, 1), (59, 1), (1, 2)):
            clock.shift(seconds)
            with pytest.raises(InvalidOrderException):
                exchange.create_stoploss(pair="BTC/USDT:USDT")
            assert exchange.read == read

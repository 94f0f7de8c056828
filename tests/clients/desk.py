"""A venue for other people's clients: two quiet markets, a clock that stands still until moved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import numpy as np
import time_machine

from perpkit.durations import HOUR_MS
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.history import History, PairHistory, Positioning
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.market import Market
from tests.bench.scripted_market import BTC, scripted_market

START = datetime(2026, 3, 2, 15, 30, 20, tzinfo=UTC)  # half an hour before a settlement
START_MS = int(START.timestamp() * 1000)
BTC_PRICE, ETH_PRICE = 50_000.0, 3_000.0
WALLET = 10_000
FUNDING_RATE = 0.0001
LONG_SHORT_RATIO = 1.5
OPEN_INTEREST = 80_000.0

_WEEK = 7 * 24 * 60  # minutes


@dataclass
class Desk:
    """The venue as a check may use it beside its client.

    :param url: base URL
    """

    url: str
    exchange: Exchange
    time: time_machine.Traveller
    _numbers: Iterator[int] = field(default_factory=count)

    def account(self, wallet: int = WALLET) -> tuple[str, str]:
        """Key and secret of an account that nothing has happened to, and a fresh book."""
        self.wait(1)
        key = f"key{next(self._numbers)}"
        engine, now = self.exchange.engine, self.exchange.market.now()
        engine.add_account(key, f"secret of {key}", Decimal(wallet), now)
        return key, f"secret of {key}"

    def wait(self, seconds: float) -> None:
        self.time.shift(seconds)

    def settle(self) -> None:
        """Until funding has been charged."""
        market = self.exchange.market
        self.wait((market.premium("BTCUSDT").next_funding - market.now()) / 1000 + 1)

    def gap(self, symbol: str, change: float) -> None:
        """The price jumps by `change`, a fraction, and a second passes."""
        market = self.exchange.market
        now = market.now()
        fault = Fault(FaultKind.PRICE_GAP, symbol=symbol, since=now, parameters={"change": change})
        market.faults.add(fault)
        self.wait(1)

    def price(self, symbol: str) -> float:
        return self.exchange.market.price(symbol)

    def near(self, symbol: str, factor: float) -> float:
        """That many times the present price, on the tick."""
        return round(self.price(symbol) * factor, 1)

    @property
    def now(self) -> int:
        return self.exchange.market.now()


@contextmanager
def open_desk(*, tls: bool = False) -> Iterator[Desk]:
    """Clients sign with the machine's clock, so it is that one which is set."""
    eth = Instrument("ETH", tick_size=0.05, step_size=0.001)
    history = History({**_quiet(BTC, BTC_PRICE).pairs, **_quiet(eth, ETH_PRICE).pairs})
    with time_machine.travel(START, tick=False) as traveller:
        market = Market(history, SystemClock(), seed=1)
        exchange = Exchange(market)
        app = create_app(market, exchange=exchange)
        with running_venue(market, tls=tls, app=app) as url:
            yield Desk(url, exchange, traveller)


def _quiet(instrument: Instrument, price: float) -> History:
    """A week at one price, with hourly readings of who holds what."""
    history = scripted_market(
        START,
        [(0, price), (_WEEK, price)],
        turnover=1e11,  # so that an order of a check fills at one price
        funding_rate=FUNDING_RATE,
        instrument=instrument,
    )
    times = START_MS // HOUR_MS * HOUR_MS + np.arange(-8, 7 * 24, dtype=np.int64) * HOUR_MS
    readings = (np.full(len(times), value) for value in (LONG_SHORT_RATIO, 1.0, OPEN_INTEREST))
    pairs: dict[str, PairHistory] = {
        symbol: replace(pair, positioning=Positioning(times, *readings))
        for symbol, pair in history.pairs.items()
    }
    return History(pairs)

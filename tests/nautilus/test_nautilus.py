"""nautilus_trader's Binance USD-M clients trade at the venue, and agree with it after a cut.

`make nautilus` runs this: nautilus_trader has an environment of its own, and the trader a process.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpkit.durations import DAY_MS
from perpkit.venue.engine import Account
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from tests.nautilus.line import Line

BTC = "BTCUSDT"
SIZE = Decimal("0.010")
PYTHON = os.environ.get("NAUTILUS_PYTHON", ".venv-nautilus/bin/python")
SECONDS = 60.0  # an answer takes less than one; a loaded machine may take longer


@dataclass
class Venue:
    """:param line: between the trader and its user data stream"""

    exchange: Exchange
    url: str
    line: Line

    @property
    def account(self) -> Account:
        self.exchange.catch_up()
        return self.exchange.engine.account("key")

    @property
    def held(self) -> Decimal:
        return self.exchange.engine.positions(self.account, BTC)[0].amount

    @property
    def price(self) -> float:
        return self.exchange.market.price(BTC)

    def falls(self, change: float) -> None:
        market = self.exchange.market
        gap = {"change": change}
        market.faults.add(
            Fault(FaultKind.PRICE_GAP, symbol=BTC, since=market.now(), parameters=gap)
        )


@dataclass
class Trader:
    """The process of `trader.py`; a line of it is a dict with what has happened."""

    process: subprocess.Popen[str]
    log: Path
    said: queue.Queue[dict[str, Any]] = field(default_factory=queue.Queue)
    everything: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.everything.append(line)
            if line.startswith('{"what"'):
                self.said.put(json.loads(line))

    def ask(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def wait_for(self, what: str) -> dict[str, Any]:
        """The next of that name; what comes before it is dropped."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                found = self.said.get(timeout=1)
            except queue.Empty:
                continue
            if found["what"] == what:
                return found
        pytest.fail(f"no {what} in {SECONDS:g} s; it said:\n{self._heard()}")

    def state(self) -> dict[str, Any]:
        self.ask("state")
        return self.wait_for("state")

    def settles(self, holds: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first state for which that is true."""
        end = time.monotonic() + SECONDS
        while not holds(found := self.state()):
            if time.monotonic() > end:
                pytest.fail(f"still {found}; it said:\n{self._heard()}")
            time.sleep(0.5)
        return found

    def _heard(self) -> str:
        heard = [line for line in self.everything if '"state"' not in line]
        return "".join([*heard, "and logged:\n", self.log.read_text()])

    def quit(self) -> None:
        self.ask("quit")
        self.process.wait(SECONDS)


@pytest.fixture
def venue() -> Iterator[Venue]:
    now = time.time_ns() // 1_000_000
    history = generate(seed=7, start=(now // DAY_MS - 30) * DAY_MS, days=40)
    market = Market(history, SystemClock(), seed=7)
    exchange = Exchange(market)
    exchange.engine.add_account("key", "secret", Decimal(10_000), now)
    with (
        running_venue(market, app=create_app(market, exchange=exchange)) as url,
        Line(int(url.rpartition(":")[2])) as line,
    ):
        yield Venue(exchange, url, line)


@pytest.fixture
def start(venue: Venue, tmp_path: Path) -> Iterator[Callable[[], Trader]]:
    started: list[Trader] = []

    def begin() -> Trader:
        websocket = venue.url.replace("http", "ws")
        stream = f"ws://127.0.0.1:{venue.line.port}/private"
        script = Path(__file__).with_name("trader.py")
        log = tmp_path / f"trader-{len(started)}.log"
        process = subprocess.Popen(
            [PYTHON, script, venue.url, websocket, stream, "key", "secret"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
        )
        started.append(Trader(process, log))
        started[-1].wait_for("quote")
        return started[-1]

    yield begin
    for trader in started:
        trader.process.kill()
        trader.process.wait()


def agreed(venue: Venue, *, wallet: bool = True) -> Callable[[dict[str, Any]], bool]:
    """Whether the trader knows the wallet, position and orders that the venue has."""

    def holds(state: dict[str, Any]) -> bool:
        account, held = venue.account, venue.held
        orders = venue.exchange.engine.open_orders(account)
        algos = venue.exchange.engine.open_algos(account)
        ids = sorted(str(each.id) for each in (*orders, *algos))
        return (
            (not wallet or Decimal(state["wallet"]) == account.wallet)
            and Decimal(state["position"]) == held
            and sorted(order[0] for order in state["orders"]) == ids
        )

    return holds


def enter(venue: Venue, trader: Trader) -> None:
    trader.ask("enter")
    assert Decimal(str(trader.wait_for("PositionOpened")["size"])) == SIZE
    trader.ask(f"stop {venue.price * 0.97:.1f}")
    trader.wait_for("OrderAccepted")


def test_in_and_out_with_a_stop(venue, start):
    trader = start()
    trader.wait_for("trade")
    enter(venue, trader)
    (stop,) = venue.exchange.engine.open_algos(venue.account)
    assert (venue.held, stop.quantity, stop.reduce_only) == (SIZE, SIZE, True)
    trader.settles(agreed(venue))

    trader.ask(f"rest {venue.price * 0.95:.1f}")
    trader.wait_for("OrderAccepted")
    trader.ask(f"move {venue.price * 0.96:.1f}")
    trader.wait_for("OrderUpdated")
    (rests,) = venue.exchange.engine.open_orders(venue.account)
    assert len(rests.amendments) == 1
    trader.settles(agreed(venue))
    trader.ask("cancel")
    trader.wait_for("OrderCanceled")

    venue.falls(-0.04)
    trader.wait_for("PositionClosed")
    assert venue.held == 0
    assert stop.order is not None
    trader.settles(agreed(venue))

    enter(venue, trader)
    trader.ask("exit")
    trader.wait_for("PositionClosed")
    assert venue.held == 0


def test_it_agrees_after_a_cut(venue, start):
    trader = start()
    enter(venue, trader)
    trader.ask(f"rest {venue.price * 0.985:.1f}")
    trader.wait_for("OrderAccepted")
    before = trader.settles(agreed(venue))

    venue.line.cut()
    venue.falls(-0.02)  # beyond the order that rests, short of the stop
    assert venue.held == 2 * SIZE
    # Nothing of this is known to it while it is cut off.
    assert trader.state() == before

    venue.line.mend()
    # It asks for orders, fills and positions, but learns of its wallet with the next change of it.
    after = trader.settles(agreed(venue, wallet=False))
    assert Decimal(after["position"]) == 2 * SIZE
    assert [kind for _, kind, _ in after["orders"]] == ["STOP_MARKET"]
    trader.ask("exit")
    trader.wait_for("PositionClosed")
    assert venue.held == 0
    trader.settles(agreed(venue))


def test_another_one_takes_over(venue, start):
    first = start()
    enter(venue, first)
    first.quit()
    second = start()
    assert Decimal(second.settles(agreed(venue))["position"]) == SIZE
    second.ask("exit")
    second.wait_for("OrderFilled")
    assert venue.held == 0
    second.settles(agreed(venue))

"""`perpkit stop` at a venue: a live bot with five positions, their stops and two resting entries,
beside a trader's own, alive, hanging or dead, while the venue refuses.

Bot and command are processes as an operator has them; the venue is in this one.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from perpkit.venue.engine import Account, NewAlgo, NewOrder
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.rate_limits import Limiter
from perpkit.venue.http.request_log import LoggedRequest, RequestLog
from perpkit.venue.http.server import running_venue
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.history import History
from perpkit.venue.market.instruments import Instrument
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay
from tests.bench.in_process import STRATEGIES
from tests.bench.planted import ACCOUNTS, API_PASSWORD, JWT_SECRET, KEY, SECRET
from tests.bench.process import Process
from tests.bench.receiver import receiver
from tests.bench.restarts import BY_HAND
from tests.bench.scripted_market import scripted_market
from tests.conftest import REPOSITORY

STATES = ("alive", "hung", "dead")
# A process of another container: it can be seen by its lock, and not be ended.
FAR = "far"
REFUSALS = (
    "none",
    "rate limited",
    "banned",
    "timeout",
    "response lost",
    "server error",
    "reset",
    "market orders refused",
    "mix",
)
PRICES = {
    "BTC": (50_000.0, 0.1, 0.001),
    "ETH": (2_000.0, 0.01, 0.001),
    "LTC": (80.0, 0.01, 0.001),
    "XRP": (0.5, 0.0001, 0.1),
    "ADA": (0.4, 0.0001, 1.0),
    "SOL": (100.0, 0.01, 0.01),
    "LINK": (15.0, 0.001, 0.01),
    "BNB": (300.0, 0.01, 0.01),
}
OWN = "BNB"  # of the trader alone
HELD, RESTING = ("BTC", "ETH", "LTC", "XRP", "ADA"), ("SOL", "LINK")
STAKE = 1_000
SECONDS_TO_FLAT = 10.0
# For a bot to be ready, and for a cycle: on a machine that does much else.
_PATIENCE_SECONDS = 240.0
# Of both, bot and command; the bot alone asks ten times a cycle, which is two seconds here, and
# Freqtrade asks up to four times more for what has failed.
_FLOOR_REQUESTS, _REQUESTS_A_SECOND = 150, 25
# Without an API, and without a cycle for so long, a bot counts as hung.
_SILENT_SECONDS = 10.0


def pair(coin: str) -> str:
    return f"{coin}/USDT:USDT"


def symbol(coin: str) -> str:
    return f"{coin}USDT"


@dataclass(frozen=True)
class Case:
    """:param state: of the bot when it is stopped
    :param refusal: what the venue does meanwhile
    :param seconds: that this lasts
    :param thin: the book is twenty times as wide
    :param lots: positions are above what a market order may have
    :param api: the bot has its REST API on
    :param shared: the trader has a part in one of the bot's positions
    """

    seed: int
    state: str
    refusal: str = "none"
    seconds: float = 6.0
    thin: bool = False
    lots: bool = False
    everything: bool = False
    api: bool = True
    shared: bool = False

    def __str__(self) -> str:
        also = [name for name in ("thin", "lots", "everything", "shared") if getattr(self, name)]
        also += [] if self.api else ["without an API"]
        return f"{self.seed}: {', '.join([self.state, self.refusal, *also])}"


def case(seed: int) -> Case:
    """States and refusals take turns; all else is drawn."""
    dice = random.Random(f"emergency/{seed}")
    state = STATES[seed % len(STATES)]
    return Case(
        seed,
        state,
        REFUSALS[seed // len(STATES) % len(REFUSALS)],
        seconds=round(dice.uniform(2, 15), 1),
        thin=dice.random() < 0.3,
        lots=dice.random() < 0.4,
        everything=dice.random() < 0.25,
        api=dice.random() < 0.8,
        # A bot that runs takes note of it for a minute or so: see docs/reconciliation.md.
        shared=state != "alive" and dice.random() < 0.4,
    )


@dataclass
class Outcome:
    """:param wrong: what does not hold that must
    :param flat_seconds: from the last refusal, or from the latch, until flat
    :param startup_seconds: until the latch was set: what Python takes to begin
    :param command_seconds: that the rest took
    :param requests: meanwhile, the bot's among them
    """

    case: Case
    wrong: list[str] = field(default_factory=list)
    flat_seconds: float = 0.0
    startup_seconds: float = 0.0
    command_seconds: float = 0.0
    requests: int = 0
    report: dict[str, Any] = field(default_factory=dict)
    said: str = ""


class Place:
    """A venue, its account, and a bot's folder."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.userdir = folder / "user_data"
        self.userdir.mkdir()
        histories = [history_of(coin) for coin in PRICES]
        pairs = {name: one for history in histories for name, one in history.pairs.items()}
        market = Market(History(pairs), SystemClock(), seed)
        self.exchange = Exchange(market)
        self.exchange.engine.add_account(KEY, SECRET, Decimal(100_000), market.now())
        self.requests = RequestLog(kept=100_000)
        self.app = create_app(
            market, exchange=self.exchange, limiter=Limiter(enforced=True), log=self.requests
        )
        self.configs: list[Path] = []
        self.api_port = free_port()

    @property
    def account(self) -> Account:
        return self.exchange.engine.account(KEY)

    def configure(self, url: str, api: bool) -> None:
        venue = self.folder / "venue.json"
        venue.write_text(json.dumps(overlay(url, self.folder, accounts=ACCOUNTS)))
        own = self.folder / "own.json"
        own.write_text(
            json.dumps(
                {
                    "dry_run": False,
                    "strategy": "GuardedCrowd",
                    "strategy_path": str(STRATEGIES),
                    "holds": [pair(coin) for coin in HELD],
                    "db_url": f"sqlite:///{self.userdir}/trades.sqlite",
                    "stake_amount": STAKE,
                    "max_open_trades": len(HELD) + len(RESTING),
                    "pairlists": [{"method": "StaticPairList"}],
                    "exchange": {"pair_whitelist": [pair(coin) for coin in (*HELD, *RESTING)]},
                    "internals": {"process_throttle_secs": 2, "heartbeat_interval": 1},
                    "unfilledtimeout": {"entry": 60, "exit": 60, "unit": "minutes"},
                    "perpkit": {"use": {"refresh": False}},
                    "api_server": {
                        "enabled": api,
                        "listen_ip_address": "127.0.0.1",
                        "listen_port": self.api_port,
                        "username": "operator",
                        "password": API_PASSWORD,
                        "jwt_secret_key": JWT_SECRET,
                        "ws_token": "y" * 40,
                    },
                }
            )
        )
        self.configs = [REPOSITORY / "config.json.example", venue, own]

    @property
    def named(self) -> list[str]:
        """For the command line."""
        return [*(f"--config={path}" for path in self.configs), f"--userdir={self.userdir}"]

    @property
    def latch(self) -> Path:
        return self.userdir / "perpkit" / "latch" / "main.rehearsal.live.json"

    # What is at the venue. Only read here, for the server's thread is the one that changes it.

    def positions(self) -> dict[str, Decimal]:
        views = self._read(lambda: self.exchange.engine.positions(self.account))
        return {view.symbol: view.amount for view in views if view.amount}

    def orders(self) -> list[Any]:
        return self._read(
            lambda: (
                [o for o in self.account.orders.values() if o.is_open]
                + [a for a in self.account.algos.values() if a.is_open]
            )
        )

    def all_orders(self) -> dict[int, Any]:
        """Every one that there ever was."""
        return self._read(lambda: {**self.account.orders, **self.account.algos})

    def _read(self, ask: Callable[[], Any]) -> Any:
        while True:
            try:
                return ask()
            except RuntimeError:  # it has changed meanwhile
                continue

    # The trader

    def trade_by_hand(self) -> None:
        """A position with a stop in a coin of their own, and an order in one of the bot's."""
        for coin in PRICES:
            self.exchange.catch_up(symbol(coin))
        own, now = symbol(OWN), self.exchange.market.now()
        engine = self.exchange.engine
        orders = [
            NewOrder(own, "BUY", "MARKET", Decimal(2), client_id=f"{BY_HAND}own"),
            NewOrder(own, "BUY", "LIMIT", Decimal(1), Decimal(250), "GTC", client_id=f"{BY_HAND}b"),
        ]
        for order in orders:
            engine.place_order(self.account, order, now)
        stop = NewAlgo(
            own, "SELL", "STOP_MARKET", trigger_price=Decimal(200), close_position=True,
            client_id=f"{BY_HAND}stop",
        )  # fmt: skip
        engine.place_algo(self.account, stop, now)

    def join_by_hand(self, coin: str, share: Decimal) -> Decimal:
        """More of what the bot holds; how much."""
        held = self.positions()[symbol(coin)]
        step = Decimal(str(PRICES[coin][2]))
        amount = abs(held) * share // step * step
        side = "BUY" if held > 0 else "SELL"
        order = NewOrder(symbol(coin), side, "MARKET", amount, client_id=f"{BY_HAND}more")
        self.exchange.engine.place_order(self.account, order, self.exchange.market.now())
        return amount if held > 0 else -amount

    # What the venue does

    def smaller_lots(self) -> None:
        """Than what is held, so that three orders are needed."""
        contracts = self.exchange.engine._state.contracts
        for coin in HELD:
            step = Decimal(str(PRICES[coin][2]))
            lot = abs(self.positions()[symbol(coin)]) * Decimal("0.4") // step * step
            contracts[symbol(coin)] = replace(contracts[symbol(coin)], max_market_quantity=lot)

    def refuse(self, given: Case) -> None:
        now = self.exchange.market.now()
        faults = list(_faults(given, now, now + int(given.seconds * 1000)))
        if given.thin:
            faults.append(Fault(FaultKind.WIDE_SPREAD, parameters={"factor": 20}))
        self.exchange.market.faults.add_all(faults)


def history_of(coin: str) -> History:
    """A market that stands still."""
    price, tick, step = PRICES[coin]
    return scripted_market(
        datetime.now(UTC).replace(microsecond=0),
        [(0, price), (60, price)],
        instrument=Instrument(coin, tick_size=tick, step_size=step),
    )


def _faults(given: Case, since: int, until: int) -> Iterator[Fault]:
    span = {"since": since, "until": until}
    retry = {"retry_after_s": _retry_after(given)}
    orders = "POST /fapi/v1/order"
    of = {
        "rate limited": [Fault(FaultKind.RATE_LIMITED, parameters=retry, **span)],
        "banned": [Fault(FaultKind.BANNED, parameters=retry, **span)],
        "timeout": [Fault(FaultKind.TIMEOUT, probability=0.5, **span)],
        "response lost": [Fault(FaultKind.RESPONSE_LOST, "POST *", probability=0.7, **span)],
        "server error": [Fault(FaultKind.SERVER_ERROR, probability=0.7, **span)],
        "reset": [Fault(FaultKind.RESET, probability=0.7, **span)],
        "market orders refused": [
            Fault(FaultKind.REFUSED, orders, probability=0.8, parameters={"code": -4131}, **span)
        ],
        "mix": [
            Fault(FaultKind.RATE_LIMITED, probability=0.2, parameters=retry, **span),
            Fault(FaultKind.RESPONSE_LOST, "POST *", probability=0.3, **span),
            Fault(FaultKind.TIMEOUT, probability=0.1, **span),
            Fault(FaultKind.TRUNCATED, probability=0.1, **span),
            Fault(FaultKind.MALFORMED, probability=0.1, **span),
            Fault(FaultKind.SERVER_ERROR, orders, probability=0.3, **span),
        ],
    }
    yield from of.get(given.refusal, [])


def _retry_after(given: Case) -> int:
    return random.Random(f"faults/{given.seed}").randint(1, 4)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def place(folder: Path, seed: int, *, api: bool = True) -> Iterator[Place]:
    made = Place(folder, seed)
    with running_venue(made.exchange.market, tls=True, app=made.app) as url:
        made.configure(url, api)
        yield made


@contextmanager
def bot(at: Place, *, far: bool = False) -> Iterator[Process]:
    """:param far: it does not show that it is Freqtrade, as one of another container does not"""
    process = Process(["trade", *at.named], disguised=far)
    try:
        yield process
    finally:
        process.close()


def wait_until(condition: Callable[[], Any], what: str, process: Process, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not condition():
        if process.has_ended or time.monotonic() > until:
            process.kill_and_read()
            raise AssertionError(f"not {what}:\n{''.join(process.log[-60:])}")
        time.sleep(0.1)


def is_ready(at: Place) -> bool:
    """Five positions with a stop each, and two entries that rest."""
    stops = {order.symbol for order in at.orders() if hasattr(order, "trigger_price")}
    resting = {order.symbol for order in at.orders() if not hasattr(order, "trigger_price")}
    held = {symbol(coin) for coin in HELD}
    return held <= {*at.positions()} and held <= stops and {symbol(c) for c in RESTING} <= resting


def run(given: Case, folder: Path) -> Outcome:
    """From a bot that trades to one that was started again."""
    found = Outcome(given)
    with place(folder, given.seed, api=given.api) as at, receiver() as chat:
        at.trade_by_hand()
        with bot(at, far=given.state == FAR) as process:
            wait_until(lambda: is_ready(at), "ready", process, _PATIENCE_SECONDS)
            kept = {symbol(OWN): at.positions()[symbol(OWN)]}
            if given.state in ("hung", FAR):
                process.signal(signal.SIGSTOP)
            elif given.state == "dead":
                process.end(signal.SIGKILL)
            if given.shared:
                coin = HELD[given.seed % len(HELD)]
                kept[symbol(coin)] = at.join_by_hand(coin, Decimal("0.5"))
            if given.lots:
                at.smaller_lots()
            _stop(found, at, {} if given.everything else kept, chat.url)
            _check_left(found, at, {} if given.everything else kept)
            _check_report(found, chat.got, process)
            before = {*at.all_orders()}
            if given.state in ("hung", FAR):
                process.signal(signal.SIGCONT)
            if given.state in ("alive", FAR):
                _go_on(process, found)
            elif not process.has_ended:
                found.wrong.append("the process has not ended")
            _check_nothing_opened(found, at, before, "by the bot that was stopped")
            _check_left(found, at, {} if given.everything else kept)
        with bot(at) as process:
            _cycles(process, 3)
            _check_nothing_opened(found, at, before, "by a bot that was started again")
            # One look that shows less than the database may be older than a fill: it takes two.
            _check_left(found, at, {} if given.everything else kept, within=60.0)
            process.kill_and_read()
            if "HALTED" not in "".join(process.log):
                found.wrong.append("the bot that was started again does not say that it is latched")
            if found.wrong:
                found.said += "".join(process.log)
    return found


def _go_on(process: Process, found: Outcome) -> None:
    """For some cycles, unless it made no progress and was ended for that."""
    if not process.has_ended:
        _cycles(process, 4)
    elif found.report.get("bot_after") != "ended":
        found.wrong.append("the process has ended, and the report does not say so")


def _cycles(process: Process, count: int) -> None:
    for _ in range(count):
        process.wait_for("Bot heartbeat", _PATIENCE_SECONDS)


def _stop(found: Outcome, at: Place, kept: dict[str, Decimal], alerts: str) -> None:
    given, first, began = found.case, at.requests.total, time.time()
    options = ["--everything"] if given.everything else []
    watch = _Watch(at, given, kept)
    result = perpkit_stop(at, *options, alerts=alerts)
    ended = time.time()
    flat_at, latched_at = watch.end()
    found.startup_seconds = latched_at - began
    found.command_seconds = ended - latched_at
    entries = [e for e in at.requests.after(first, 100_000) if e.time / 1000 >= latched_at]
    found.requests = len(entries)
    refused_until = max((_known_at(e, given) for e in entries if _is_refused(e)), default=0.0)
    found.flat_seconds = max(0.0, flat_at - max(latched_at, refused_until))
    found.said = result.stderr
    if "Traceback" in result.stderr:
        found.wrong.append(f"a traceback: {result.stderr[-2000:]}")
    try:
        found.report = json.loads(result.stdout)
    except ValueError:
        found.wrong.append(f"no JSON: {result.stdout[-500:]!r} {result.stderr[-2000:]}")
    if flat_at == _NEVER:
        found.wrong.append("never flat")
    elif found.flat_seconds > SECONDS_TO_FLAT:
        found.wrong.append(f"flat only {found.flat_seconds:.1f} s after the last refusal")
    bound = _FLOOR_REQUESTS + _REQUESTS_A_SECOND * found.command_seconds
    if found.requests > bound:
        found.wrong.append(f"{found.requests} requests in {found.command_seconds:.0f} s")
    overdone = [e for e in entries if e.status in (418, 429) and not e.faults]
    if overdone:
        found.wrong.append(f"{len(overdone)} requests above the rate limit")


def _is_refused(entry: LoggedRequest) -> bool:
    return entry.status is None or entry.status >= 400


def _known_at(entry: LoggedRequest, given: Case) -> float:
    """When the client could know of a refusal, and ask again; seconds since 1970."""
    wait = _retry_after(given) if entry.status in (418, 429) else 0.0
    return (entry.time + entry.ms) / 1000 + wait


_NEVER = float("inf")


class _Watch:
    """Of what the account holds, every twentieth of a second; the venue refuses from the moment
    when the latch is set."""

    def __init__(self, at: Place, given: Case, kept: dict[str, Decimal]) -> None:
        self._at, self._given, self._kept = at, given, kept
        self._flat_at, self._latched_at = _NEVER, _NEVER
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def end(self) -> tuple[float, float]:
        """Since when it is flat, and when the latch was set."""
        self._over.set()
        self._thread.join()
        return self._flat_at, self._latched_at

    def _run(self) -> None:
        while True:
            over = self._over.is_set()
            if self._latched_at == _NEVER and self._at.latch.exists():
                self._at.refuse(self._given)
                self._latched_at = time.time()
            if self._at.positions() != self._kept:
                self._flat_at = _NEVER
            elif self._flat_at == _NEVER:
                self._flat_at = time.time()
            if over:
                return
            time.sleep(0.05)


def perpkit_stop(at: Place, *options: str, alerts: str = "") -> subprocess.CompletedProcess[str]:
    """As an operator runs it, with its report as JSON."""
    return subprocess.run(
        [sys.executable, "-m", "perpkit.cli", "stop", *at.named, "--json", *options],
        capture_output=True,
        text=True,
        timeout=200,
        env={**os.environ, "PERPKIT_ALERTS": alerts},
    )


def _check_left(found: Outcome, at: Place, kept: dict[str, Decimal], within: float = 0.0) -> None:
    """:param within: seconds, for what a bot places before it believes that nothing is held"""
    until = time.monotonic() + within
    while (wrong := _left(found.case, at, kept)) and time.monotonic() < until:
        time.sleep(0.1)
    found.wrong += wrong


def _left(given: Case, at: Place, kept: dict[str, Decimal]) -> list[str]:
    wrong, held = [], at.positions()
    if held != kept:
        wrong.append(f"held: {held}, to be kept: {kept}")
    theirs = sorted(o.client_id for o in at.orders() if o.client_id.startswith(BY_HAND))
    wanted = [] if given.everything else sorted(f"{BY_HAND}{end}" for end in ("b", "stop"))
    if theirs != wanted:
        wrong.append(f"the trader's orders: {theirs}, not {wanted}")
    ours = [o.client_id for o in at.orders() if not o.client_id.startswith(BY_HAND)]
    if ours:
        wrong.append(f"orders left: {ours}")
    return wrong


def _check_report(found: Outcome, alerts: list[Any], process: Process) -> None:
    report, state = found.report, found.case.state
    if not report:
        return
    expected = 1 if state == FAR else 0  # a process that cannot be ended is a finding
    if report["exit_code"] != expected or not report["flat"] or not report["latched"]:
        found.wrong.append(f"report: {report}")
    if report["bot"] not in _may_be_found(found.case):
        found.wrong.append(f"the bot was {state}, and found {report['bot']}")
    if [alert["title"].startswith("Emergency stop") for alert in alerts] != [True]:
        found.wrong.append(f"messages: {alerts}")


def _may_be_found(given: Case) -> set[str]:
    if given.state == FAR:
        return {"hung"}
    silent = not given.api and given.refusal != "none" and given.seconds > _SILENT_SECONDS
    return {given.state, "hung"} if silent else {given.state}


def _check_nothing_opened(found: Outcome, at: Place, before: set[int], by: str) -> None:
    """What can only make a position smaller, and finds none, is no harm."""
    for number, order in at.all_orders().items():
        if number not in before and not (
            order.reduce_only or getattr(order, "close_position", False)
        ):
            found.wrong.append(f"{by}: {order}")

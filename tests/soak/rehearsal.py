"""Living through an episode, alone or guarded, and what there is to say of it afterwards."""

from __future__ import annotations

import logging
import time
import warnings
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from freqtrade.enums import RPCMessageType, State
from freqtrade.persistence import Trade
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perpkit.venue.engine import Engine
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.exchange.invariants import STOPS, Checker
from perpkit.venue.faults.faults import Fault, FaultKind, FaultPlan
from perpkit.venue.http.app import create_app
from perpkit.venue.market.market import Market
from tests.bench.in_process import InProcessBot, bench
from tests.bench.live import LIVE, WALLET, Venue, differences
from tests.bench.planted import KEY, SECRET
from tests.soak.episodes import ENTERING, LONGEST_LEAVE, Episode, episode

# What stands by, by name: Freqtrade alone, and with Perpkit's guard.
STRATEGIES = {"alone": "Steered", "guarded": "GuardedSteered"}
# Where no order can be placed, or nobody takes one: no bot can mend that.
EXCUSES = (
    FaultKind.MAINTENANCE,
    FaultKind.EMPTY_BOOK,
    FaultKind.SYMBOL_STATUS,
    FaultKind.DELISTING,
    FaultKind.PERMISSION_REMOVED,
)
STEP = timedelta(seconds=5)  # Freqtrade's own
SPOKEN = (RPCMessageType.WARNING, RPCMessageType.EXCEPTION, RPCMessageType.STRATEGY_MSG)
_LONGEST_SAID = 300
LOGGED = ("freqtrade", "perpkit")
_CALM_CYCLES = 15  # funding before a stop-out is booked a minute later
_PATIENCE_S = 5.0  # the client's time-out, see perpkit.venue.overlay

_waited: ContextVar[list[float]] = ContextVar("waited")


@dataclass
class Outcome:
    """:param errors: log lines of Freqtrade at ERROR, by class of the exception or function
    :param warnings: number of those at WARNING
    :param halted: it stopped trading by itself; `crashed`: the exception that ended it, or ""
    :param breaches: of the venue's invariants, by name
    :param differences: between database and venue at the end
    :param flat: no position at the venue at the end
    :param bare_s: longest time that a position, or some of it, had no stop
    :param inexcusable_s: the longest of which no fault of `EXCUSES` lasted
    :param excuses: of those faults, the ones during a time without a stop beyond the limit
    :param said: what the operator was told, in order, each once
    :param leaving_s: from being told to leave until flat; None where it was flat before, or never
    :param orphans: orders at the venue at the end that are open, of which no open trade knows
    :param doubles: orders that traded and are not in the database; `stops`: most live at once
    :param unknown: a position at the end, at the venue or in the database, that the other has not
    :param misbooked: the profit of some closed trade is not what the venue booked
    :param nameless: orders in the database that have no id of the exchange
    :param strikes: how often requests and orders were hit
    """

    seed: int
    group: str
    phase: str
    side: str
    adverse: bool
    entered: bool = False
    errors: dict[str, int] = field(default_factory=dict)
    warnings: int = 0
    halted: bool = False
    crashed: str = ""
    breaches: dict[str, int] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    flat: bool = False
    bare_s: float = 0.0
    inexcusable_s: float = 0.0
    excuses: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    leaving_s: float | None = None
    orphans: int = 0
    doubles: int = 0
    stops: int = 0
    unknown: bool = False
    misbooked: bool = False
    nameless: int = 0
    cycles: int = 0
    strikes: int = 0


class Stopwatch(Checker):
    """A checker that keeps the longest time without a stop, and the most stops there were.

    :param faults: of which those of the kinds in `excuses` stop the clock of `inexcusable_ms`
    """

    def __init__(self, faults: Iterable[Fault], excuses: Collection[FaultKind] = EXCUSES) -> None:
        super().__init__()
        self._kinds = excuses
        self._excuses: list[Fault] = []
        self.expect(faults)
        self.bare_ms = self.inexcusable_ms = self.stops = 0
        self.excuses: set[str] = set()

    def expect(self, faults: Iterable[Fault]) -> None:
        """These are to come, too."""
        self._excuses += [fault for fault in faults if fault.kind in self._kinds]

    def observe(self, engine: Engine, now: int) -> None:
        super().observe(engine, now)
        for (_, symbol, _), since in self._bare_since.items():
            self._bare(symbol, since, now)
        for account in engine.accounts:
            for holding in account.holdings.values():
                live = sum(a.is_open and a.type in STOPS for a in holding.algos.values())
                self.stops = max(self.stops, live)

    def _bare(self, symbol: str, since: int, now: int) -> None:
        begun = [each for each in self._excuses if each.since <= now and each.concerns(symbol)]
        ends = [(f.kind, now if f.until is None else min(f.until, now)) for f in begun]
        start = max([since, *(end for _, end in ends)])
        self.bare_ms = max(self.bare_ms, now - since)
        self.inexcusable_ms = max(self.inexcusable_ms, now - start)
        if now - since > self.limits.unprotected_ms:
            self.excuses |= {str(kind) for kind, end in ends if end > since}


class FaultyVenue(Venue):
    """Faults by plan, waits in virtual time, and a client that gives up on an answer."""

    def __init__(self, plan: FaultPlan, excuses: Collection[FaultKind] = EXCUSES) -> None:
        super().__init__()
        self.plan = plan
        self.watch = Stopwatch((fault for _, fault in plan), excuses)

    def serve(self, market: Market) -> ASGIApp:
        market.faults = self.plan
        self.exchange = Exchange(market)
        self.exchange.checker = self.watch
        self.exchange.engine.add_account(KEY, SECRET, WALLET, market.now())
        return _impatient(create_app(market, exchange=self.exchange, wait=_wait))


async def _wait(seconds: float) -> None:
    """The bench has replaced `time.sleep` by moving the clock."""
    waited = _waited.get()
    time.sleep(max(0.0, min(seconds, _PATIENCE_S - waited[0])))
    waited[0] += seconds


def _impatient(app: ASGIApp) -> ASGIApp:
    """An answer that breaks off, or that comes after the client's time-out, does not arrive.

    What it asked for has been carried out all the same, if early: at the time-out.
    """

    async def client(scope: Scope, receive: Receive, send: Send) -> None:
        waited = [0.0]
        _waited.set(waited)
        answer: list[Message] = []

        async def collect(message: Message) -> None:
            answer.append(message)

        await app(scope, receive, collect)
        whole = answer and not answer[-1].get("more_body")
        if whole and waited[0] < _PATIENCE_S:
            for message in answer:
                await send(message)

    return client


@dataclass
class _Log(logging.Handler):
    """Counts what Freqtrade and Perpkit complain of."""

    errors: Counter[str] = field(default_factory=Counter)
    warnings: int = 0

    def __post_init__(self) -> None:
        super().__init__(logging.WARNING)

    __hash__ = object.__hash__

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            kind = record.exc_info[0] if record.exc_info else None
            self.errors[kind.__name__ if kind else str(record.funcName)] += 1
        else:
            self.warnings += 1


@contextmanager
def _listening() -> Iterator[_Log]:
    log, sources = _Log(), [logging.getLogger(name) for name in LOGGED]
    for source in sources:
        source.addHandler(log)
    try:
        yield log
    finally:
        for source in sources:
            source.removeHandler(log)


def run(seed: int, group: str | None = None, bot: str = "alone") -> Outcome:
    """Quietly, as one of many.

    :param bot: of `STRATEGIES`
    """
    with quiet(), TemporaryDirectory(prefix="soak-") as folder:
        return rehearse(episode(seed, group), STRATEGIES[bot], Path(folder))


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing of a bot reaches the terminal, or the log of a test that comes later."""
    sources, nowhere = [logging.getLogger(name) for name in LOGGED], logging.NullHandler()
    before = [source.propagate for source in sources]
    for source in sources:
        source.propagate = False
        source.addHandler(nowhere)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for source, propagate in zip(sources, before, strict=True):
            source.propagate = propagate
            source.removeHandler(nowhere)


def rehearse(episode: Episode, strategy: str, folder: Path) -> Outcome:
    """Stock Freqtrade in live mode lives through it, with its files in `folder`."""
    plan = FaultPlan(episode.faults, episode.seed)
    venue = FaultyVenue(plan)
    settings = {
        **LIVE,
        "unfilledtimeout": {"entry": 2, "exit": 2, "unit": "minutes"},
        "db_url": f"sqlite:///{folder}/trades.sqlite",
    }
    outcome = Outcome(episode.seed, episode.group, episode.phase, episode.side, episode.adverse)
    with (
        _listening() as log,
        bench(strategy, episode.history, episode.start, serve=venue.serve, **settings) as bot,
    ):
        try:
            outcome.cycles = _live_through(episode, bot, venue)
        except Exception as error:
            outcome.crashed = type(error).__name__
            _alone(episode, bot, venue)
        outcome.halted = bot.bot.state is State.STOPPED
        _judge(outcome, episode, bot, venue)
        outcome.strikes = sum(plan.strikes(name) for name, _ in plan)
    outcome.errors, outcome.warnings = dict(log.errors), log.warnings
    return outcome


def _live_through(episode: Episode, bot: InProcessBot, venue: FaultyVenue) -> int:
    """Ends when all has been quiet for a while, or with the episode; the number of cycles."""
    strategy, end = bot.bot.strategy, episode.minute(episode.told + LONGEST_LEAVE)
    entering = tuple(map(episode.minute, ENTERING))
    told, calm, cycles = episode.minute(episode.told), 0, 0
    strategy.crossing = episode.crossing
    while bot.now < end and calm < _CALM_CYCLES:
        strategy.side = episode.side if entering[0] <= bot.now < entering[1] else None
        strategy.leave = bot.now >= told
        bot.run(1, STEP)
        cycles += 1
        calm = calm + 1 if strategy.leave and _quiet(episode, bot, venue) else 0
    return cycles


def _quiet(episode: Episode, bot: InProcessBot, venue: FaultyVenue) -> bool:
    now = venue.exchange.catch_up()
    engine, account = venue.exchange.engine, venue.account
    return not (
        any(fault.at(now) for fault in episode.faults if fault.until is not None)
        or any(trade.is_open for trade in bot.trades())
        or any(view.amount for view in engine.positions(account))
        or engine.open_orders(account)
        or engine.open_algos(account)
    )


def _alone(episode: Episode, bot: InProcessBot, venue: FaultyVenue) -> None:
    """What becomes of the account when the bot has died."""
    end = episode.minute(episode.told + LONGEST_LEAVE)
    while bot.now < end:
        bot.sleep(STEP.total_seconds())
        venue.exchange.catch_up()


def _judge(outcome: Outcome, episode: Episode, bot: InProcessBot, venue: FaultyVenue) -> None:
    trades, account, engine = bot.trades(), venue.account, venue.exchange.engine
    outcome.nameless = _name_nameless(trades)
    found = differences(trades, venue)
    told = int(episode.minute(episode.told).timestamp() * 1000)
    stored = {int(order.order_id) for trade in trades for order in trade.orders}
    current = {int(o.order_id) for trade in trades if trade.is_open for o in trade.orders}
    known = stored | {a.order.id for n, a in account.algos.items() if a.order and n in stored}
    outcome.entered = bool(account.fills)
    outcome.breaches = dict(Counter(str(b.invariant) for b in venue.watch.breaches))
    outcome.differences = found
    outcome.flat = not any(view.amount for view in engine.positions(account))
    outcome.bare_s = venue.watch.bare_ms / 1000
    outcome.inexcusable_s = venue.watch.inexcusable_ms / 1000
    outcome.excuses = sorted(venue.watch.excuses)
    outcome.said = _said(bot)
    if outcome.flat and account.fills and account.fills[-1].time > told:
        outcome.leaving_s = (account.fills[-1].time - told) / 1000
    open_at_venue = [*engine.open_orders(account), *engine.open_algos(account)]
    outcome.orphans = sum(order.id not in current for order in open_at_venue)
    outcome.doubles = len({fill.order_id for fill in account.fills} - known)
    outcome.stops = venue.watch.stops
    outcome.unknown = any("only at the venue" in d or "here, 0.0 at the venue" in d for d in found)
    outcome.misbooked = any(": profit " in d for d in found)


def _said(bot: InProcessBot) -> list[str]:
    """Warnings and the like, without what every trade is announced with."""
    texts = [str(m.get("status") or m["msg"]) for m in bot.messages if m["type"] in SPOKEN]
    return [text[:_LONGEST_SAID] for text in dict.fromkeys(texts)]


def _name_nameless(trades: list[Trade]) -> int:
    """Freqtrade stores an answer without an id as order "None": an id that the venue has not."""
    nameless = [o for trade in trades for o in trade.orders if not o.order_id.isdigit()]
    for order in nameless:
        order.order_id = "0"
    return len(nameless)

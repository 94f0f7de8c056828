"""Playing a run: the bot's own loop, each cycle of it, with checks after each."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

from freqtrade.enums import State
from freqtrade.persistence import Trade

from perpkit.venue.exchange.invariants import Breach, InvariantLimits
from perpkit.venue.faults.faults import Fault, FaultPlan
from tests.bench.in_process import InProcessBot, bench
from tests.bench.live import LIVE, Venue, differences, position_differences
from tests.bench.scripted_market import symbol_of
from tests.bench.whole_trade import is_target
from tests.endurance.excuses import EXCUSED, is_excused, with_wait
from tests.endurance.log_watch import LogWatch, listening, words_of_error
from tests.endurance.plan import START, WINDOW, Plan, disturbs, lasting
from tests.endurance.samples import Meter, Sample, own_objects
from tests.soak.rehearsal import FaultyVenue

STRATEGY = "Enduring"
_USUAL_S = 5.0  # Freqtrade's own throttle
# A comparison of the guard with the exchange, every minute, and what it puts off by half of one.
_CALM = timedelta(minutes=4)
# Between two comparisons of open trades with positions.
_COMPARED = timedelta(minutes=1)
# How long the end may take, once no fault is left.
_CLOSING = timedelta(hours=2)
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """:param throttle: seconds between two cycles
    :param sampled: between two samples
    :param minutes: of real time, after which the run closes its trades and ends; None for no bound
    :param db_url: None for a SQLite file in the folder
    """

    seed: int = 1
    days: float = 10
    throttle: float = 5
    sampled: timedelta = timedelta(hours=12)
    minutes: float | None = None
    db_url: str | None = None


@dataclass
class Run:
    """What became of a run.

    :param days: virtual ones that were played
    :param inexcusable_s: longest without a stop while no fault was there that excuses it
    :param breaches: of the venue's invariants, by name; `details` of them
    :param compared: how often open trades and positions were compared in quiet times
    :param apart: what differed then; `differences` at the end
    :param grown: objects of Perpkit by class, that are more than at the first sample
    :param unread: why a sample or the books could not be read
    :param judged: whether it has ended, and the books were compared
    """

    asked: Asked
    days: float = 0.0
    cycles: int = 0
    seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    strikes: Counter[str] = field(default_factory=Counter)
    breaches: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    inexcusable_s: float = 0.0
    bare_s: float = 0.0
    compared: int = 0
    apart: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    flat: bool = False
    halted: bool = False
    unhandled: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    grown: Counter[str] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)
    judged: bool = False

    @property
    def troubles(self) -> list[str]:
        """What must not be, one line each; growth is judged apart."""
        found = [f"unhandled {count}x: {what}" for what, count in self.unhandled.items()]
        found += [f"invariant: {each}" for each in self.details]
        found += [f"while it was quiet: {each}" for each in dict.fromkeys(self.apart)]
        found += [f"at the end: {each}" for each in self.differences]
        found += [f"not read: {each}" for each in self.unread]
        if not self.judged:
            found.append("the run has not come to its end: its books were not compared")
        elif not self.flat:
            found.append("positions are left at the venue")
        if self.halted:
            found.append("Freqtrade has stopped by itself")
        return found


def run(
    asked: Asked,
    folder: Path,
    look: Callable[[Run], None] = lambda _: None,
    enough: Event | None = None,
) -> Run:
    """Plays it.

    :param folder: for the bot's files
    :param look: is given at each sample what there is so far
    :param enough: ends the run as `Asked.minutes` does, once it is set
    """
    url = asked.db_url or f"sqlite:///{folder}/trades.sqlite"
    settings = {
        **LIVE,
        "stake_amount": "unlimited",
        "max_open_trades": 3,
        "random_trades": asked.seed,
        "unfilledtimeout": {"entry": 2, "exit": 2, "unit": "minutes"},
        "db_url": url,
    }
    faults = FaultPlan(seed=asked.seed)
    venue = FaultyVenue(faults, excuses=EXCUSED)
    venue.watch.limits = _limits(asked.throttle)
    plan = Plan(asked.seed, int(asked.days) + 2)
    with warnings.catch_warnings(), listening() as log:
        warnings.simplefilter("ignore")
        userdir = folder / "user_data"
        userdir.mkdir(exist_ok=True)
        given = STRATEGY, plan.market(), START
        with bench(*given, serve=venue.serve, userdir=userdir, **settings) as bot:
            playing = _Playing(asked, plan, faults, bot, venue, log, look, enough or Event())
            return playing.play()


def unexplained(trades: list[Trade], venue: Venue, since: int) -> list[str]:
    """How open trades and positions differ, without what has filled after `since` (ms): the bot
    sees that with its next cycle."""
    filled = {fill.symbol for fill in venue.account.fills if fill.time >= since}
    found = position_differences(trades, venue)
    return [each for each in found if symbol_of(each) not in filled]


def _limits(throttle: float) -> InvariantLimits:
    """An order that fills just after a cycle has its stop with the next one."""
    usual = InvariantLimits()
    longest = int(throttle * 1000) + usual.unprotected_ms
    return usual if throttle <= _USUAL_S else InvariantLimits(longest, longest)


class _Playing:
    def __init__(
        self,
        asked: Asked,
        plan: Plan,
        faults: FaultPlan,
        bot: InProcessBot,
        venue: FaultyVenue,
        log: LogWatch,
        look: Callable[[Run], None],
        enough: Event,
    ) -> None:
        self._asked, self._plan, self._faults = asked, plan, faults
        self._bot, self._venue, self._log = bot, venue, log
        self._look, self._enough = look, enough
        self._began = time.perf_counter()
        self._step = timedelta(seconds=asked.throttle)
        self._found = Run(asked)
        self._windows = 0
        self._next_sample = START
        self._calm_since = self._compared = START
        self._first_objects: Counter[str] = Counter()
        self._faced: list[Fault] = []
        self._meter = Meter(bot, venue, log)

    def play(self) -> Run:
        end = START + timedelta(days=self._asked.days)
        try:
            while self._bot.now < end and not self._is_over():
                if self._bot.now >= START + self._windows * WINDOW:
                    self._next_window()
                if self._bot.now >= self._next_sample:
                    self._sample()
                self._cycle()
            self._close()
        except Exception as error:
            self._log.crashed(error)
        self._sample()
        try:
            self._judge()
        except Exception as error:  # what has been found until now is the more important
            self._found.unread.append(f"the books: {words_of_error(error)}")
        self._note()
        return self._found

    def _is_over(self) -> bool:
        bound = self._asked.minutes
        over = bound is not None and time.perf_counter() - self._began > 60 * bound
        return over or self._enough.is_set() or self._bot.bot.state is State.STOPPED

    def _next_window(self) -> None:
        """Faults of the next half day come, those that have ended go."""
        now = _ms(self._bot.now)
        for name, fault in self._faults:
            ended = fault.until is not None and fault.until < now
            if not lasting(fault) and (ended or fault.until is None):
                self._forget(name)
        faults = self._plan.faults(self._windows)
        self._faults.add_all(faults)
        faced = list(map(with_wait, faults))
        self._venue.watch.expect(faced)
        self._faced += faced
        self._windows += 1

    def _forget(self, name: str) -> None:
        fault = self._faults.remove(name)
        self._found.strikes[str(fault.kind)] += self._faults.strikes(name)

    def _cycle(self) -> None:
        began = _ms(self._bot.now)
        self._bot.run(1, self._step)
        self._found.cycles += 1
        now = self._bot.now
        at = self._venue.exchange.catch_up()
        disturbed = any(fault.at(at) and disturbs(fault) for _, fault in self._faults)
        resting = self._venue.exchange.engine.open_orders(self._venue.account)
        if disturbed or not all(is_target(order) for order in resting):
            self._calm_since = now
        elif now - self._calm_since > _CALM and now - self._compared >= _COMPARED:
            self._compared = now
            self._found.compared += 1
            self._found.apart += unexplained(Trade.get_open_trades(), self._venue, began)

    def _close(self) -> None:
        """No fault is left but what they have made of prices; then every trade is closed."""
        for name, fault in self._faults:
            if not lasting(fault):
                self._forget(name)
        self._bot.bot.strategy.closing = True
        end, calm = self._bot.now + _CLOSING, 0
        while self._bot.now < end and calm < 15:
            self._cycle()
            calm = 0 if self._holds() else calm + 1

    def _holds(self) -> bool:
        engine, account = self._venue.exchange.engine, self._venue.account
        held = any(view.amount for view in engine.positions(account))
        return bool(held or Trade.get_open_trades() or engine.open_orders(account))

    def _judge(self) -> None:
        found = self._found
        for name, fault in self._faults:
            found.strikes[str(fault.kind)] += self._faults.strikes(name)
        # A target is in the database from its first fill on; a trade leaves it where its entry ends
        # without one.
        orders = self._venue.account.orders.values()
        empty = {order.id for order in orders if not order.executed and not order.is_open}
        unknown = {f"order {number} is not in the database" for number in empty}
        apart = differences(self._bot.trades(), self._venue)
        found.differences = [each for each in apart if each not in unknown]
        positions = self._venue.exchange.engine.positions(self._venue.account)
        found.flat = not any(view.amount for view in positions)
        found.halted = self._bot.bot.state is State.STOPPED
        found.grown = own_objects() - self._first_objects
        found.judged = True

    def _is_excused(self, breach: Breach) -> bool:
        watch = self._venue.watch
        return is_excused(breach, self._faced, watch.inexcusable_ms, watch.limits.unprotected_ms)

    def _sample(self) -> None:
        self._next_sample += self._asked.sampled
        self._drain()
        samples, day = self._found.samples, (self._bot.now - START) / DAY
        try:
            samples.append(self._meter.read(self._found.cycles, day))
        except Exception as error:  # as of a database that has gone: the run says so in its end
            self._found.unread.append(f"the sample of day {day:.2f}: {words_of_error(error)}")
        if not self._first_objects:
            self._first_objects = own_objects()
        self._note()
        self._look(self._found)

    def _note(self) -> None:
        """What is known at any time, also where the bot's database cannot be read."""
        found, watch = self._found, self._venue.watch
        found.inexcusable_s = watch.inexcusable_ms / 1000
        found.bare_s = watch.bare_ms / 1000
        found.breaches = Counter(str(each.invariant) for each in watch.breaches)
        found.details = [_said(each) for each in watch.breaches if not self._is_excused(each)]
        found.days = (self._bot.now - START) / DAY
        found.seconds = time.perf_counter() - self._began
        found.unhandled, found.levels = self._log.unhandled, self._log.levels
        found.repeated = Counter(dict(self._log.words.most_common(12)))
        self._drain()

    def _drain(self) -> None:
        """What the bench has kept of messages is counted, and forgotten."""
        self._found.messages.update(str(each["type"]) for each in self._bot.messages)
        self._bot.messages.clear()


def _said(breach: Breach) -> str:
    at = datetime.fromtimestamp(breach.at / 1000, UTC)
    return f"{breach.invariant} {breach.symbol} at {at:%d %H:%M:%S}: {breach.detail}"


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

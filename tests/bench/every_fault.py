"""Every fault that a call of the bot to ccxt can have, during a whole trade; one at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from functools import cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import ccxt
import freqtrade.exchange

import perpkit.bot
from tests.bench.faulty_client import MARK, Call, Failing, error_classes
from tests.bench.whole_trade import Phase, Run, Way, ready

ErrorClass = type[ccxt.BaseError]


@dataclass(frozen=True)
class Point:
    """The first call of a kind in a phase."""

    way: Way
    phase: Phase
    call: Call

    def __str__(self) -> str:
        return f"{self.way}, {self.phase}: {self.call}"


@cache
def clean(way: Way) -> tuple[dict[Phase, tuple[Call, ...]], Decimal]:
    """The calls of each phase where nothing fails, and the amount of the entry."""
    calls: dict[Phase, tuple[Call, ...]] = {}
    with ready(way) as run:
        phases: list[Phase] = []

        def begin(phase: Phase) -> None:
            if phases:
                calls[phases[-1]] = tuple(run.clients.seen)
            run.clients.seen.clear()
            phases.append(phase)

        run.begin = begin
        run.trade()
        begin(Phase.AFTER)
        problems = [*run.problems(run.most), *run.messages(), *run.logged()]
        if problems:
            raise AssertionError(f"not clean: {problems}")
        return calls, run.most


def points(way: Way) -> list[Point]:
    return [Point(way, phase, call) for phase, calls in clean(way)[0].items() for call in calls]


@cache
def _told_apart() -> frozenset[ErrorClass]:
    """Classes that Freqtrade or Perpkit names where it answers an error."""
    folders = [Path(freqtrade.exchange.__file__).parent, Path(perpkit.bot.__file__).parent]
    text = "".join(path.read_text() for folder in folders for path in folder.rglob("*.py"))
    names = set(re.findall(r"\bccxt\.([A-Z]\w+)", text))
    return frozenset(c for c in error_classes() if c.__name__ in names)


def branches() -> list[ErrorClass]:
    """One of all the classes that nothing tells apart."""
    first: dict[frozenset[ErrorClass], ErrorClass] = {}
    for error in error_classes():
        first.setdefault(frozenset(c for c in _told_apart() if issubclass(error, c)), error)
    return list(first.values())


def _empty(answer: Any) -> Any:
    return type(answer)() if isinstance(answer, (dict, list)) else answer


def _without_fields(answer: Any) -> Any:
    """What ccxt makes of an answer that lacks all but what says which one it is."""
    if isinstance(answer, list):
        return [_without_fields(each) for each in answer]
    if not isinstance(answer, dict):
        return answer
    kept = ("id", "symbol", "info")
    return {name: value if name in kept else None for name, value in answer.items()}


ANSWERS: dict[str, Callable[[Any], Any]] = {
    "None": lambda _: None,
    "empty": _empty,
    "fields of None": _without_fields,
}


def raising(call: Call, error: ErrorClass) -> Iterator[Failing]:
    """Before the request is carried out, and afterwards where that makes a difference."""
    yield Failing(call, error)
    if call.changes:
        yield Failing(call, error, after=True)


def answering(call: Call) -> Iterator[Failing]:
    return (Failing(call, answer=answer) for answer in ANSWERS.values())


def play(point: Point, failing: Failing) -> list[str]:
    """What does not hold that must, when it fails once; empty when all does."""
    amount = clean(point.way)[1]
    with ready(point.way) as run:

        def begin(phase: Phase) -> None:
            run.clients.failing = [failing] if phase is point.phase else []

        run.begin = begin
        problems = [*trade(run), *run.problems(amount)]
        if not failing.met:
            problems.append("nothing was injected")
        elif not run.most and _has_no_money(failing):
            return []
        if failing.error is not None and not _overlooked(failing):
            problems += untold(run)
        return [f"{point}: {failing}: {problem}" for problem in problems]


Fault = tuple[Point, Failing]


def play_all(way: Way, faults: Callable[[Call], Iterable[Failing]]) -> list[str]:
    """As `play` of each fault at each point, in fewer trades: one fault in each phase of a trade.

    Faults that were not met there are played one at a time, and all of a trade's where something
    does not hold.
    """
    left: dict[Phase, list[Fault]] = {}
    for point in points(way):
        left.setdefault(point.phase, []).extend((point, fault) for fault in faults(point.call))
    found = []
    for turn in zip_longest(*left.values()):
        together = [each for each in turn if each is not None]
        problems = _play_in_turn(way, together)
        again = [each for each in together if problems or not each[1].met]
        alone = [
            p for point, fault in again for p in play(point, replace(fault, where="", met=False))
        ]
        # A step that fails again before it has worked is the same trouble, and is said once.
        of_all = [problem for problem in problems if problem != UNSAID]
        found += alone or [f"{way}, together: {problem}" for problem in of_all]
    return found


def _play_in_turn(way: Way, together: Sequence[Fault]) -> list[str]:
    amount = clean(way)[1]
    of_phase = {point.phase: fault for point, fault in together}
    with ready(way) as run:
        run.after = _AFTER_AN_ERROR

        def begin(phase: Phase) -> None:
            fault = of_phase.get(phase)
            run.clients.failing = [] if fault is None else [fault]

        for phase, fault in of_phase.items():
            fault.where = f"while {phase}"
        run.begin = begin
        problems = [*trade(run), *run.problems(amount)]
        for fault in of_phase.values():
            if fault.met and fault.error is not None and not _overlooked(fault):
                problems += untold(run, fault.where)
        return problems


# Cycles in which what an error has put off by half a minute is made up for.
_AFTER_AN_ERROR = 12


def play_together(way: Way, error: ErrorClass) -> list[str]:
    """As `play`, of the first call of each kind in each phase after the entry, but of orders."""
    calls, amount = clean(way)
    with ready(way) as run:
        # Each may end a cycle of its own, and Freqtrade waits for half a minute then.
        run.patience = PATIENCE

        def begin(phase: Phase) -> None:
            spared = [] if phase is Phase.ENTRY else calls[phase]
            run.clients.failing = [Failing(c, error) for c in spared if not c.changes]

        run.begin = begin
        return [*trade(run), *run.problems(amount), *_unsaid(run)]


PATIENCE = timedelta(minutes=6)


def trade(run: Run) -> list[str]:
    try:
        run.trade()
    except Exception as error:
        return [f"the process ended: {error!r}"]
    return []


# Freqtrade logs an error of ccxt several times over while it passes it on.
_OFTEN = 8


def _overlooked(failing: Failing) -> bool:
    """Freqtrade sets margin mode and leverage once more before a stop, and does not mind."""
    refused = (ccxt.BadRequest, ccxt.OperationRejected, ccxt.InsufficientFunds)
    return failing.call.method.startswith("set_") and issubclass(failing.error or object, refused)


def _has_no_money(failing: Failing) -> bool:
    """A balance without amounts is one of none, until Freqtrade asks again, within the hour."""
    return failing.call.method == "fetch_balance" and failing.answer is not None


UNSAID = "nothing says what failed"


def _unsaid(run: Run, words: str = MARK) -> list[str]:
    return [] if run.messages(words) or run.logged(words) else [UNSAID]


def untold(run: Run, words: str = MARK) -> list[str]:
    """Whether the operator hears of it, and not all the time."""
    messages, lines = run.messages(words), run.logged(words)
    if len(messages) > 1 or len(lines) > _OFTEN:
        return [f"said {len(messages)} times, logged {len(lines)} times"]
    return _unsaid(run, words)

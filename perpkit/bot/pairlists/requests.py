"""One request a pair, now and then, that never keeps the trading loop waiting for long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from perpkit.durations import MINUTE

T = TypeVar("T")

RETRY = MINUTE
_NEVER_ASKED = datetime.min.replace(tzinfo=UTC)


class Schedule:
    """Which pairs are due; a pair that was never asked for is."""

    def __init__(self) -> None:
        self._due: dict[str, datetime] = {}

    def due(self, pairs: Iterable[str], now: datetime) -> list[str]:
        """Those whose time has come, the one that waits longest first, then by name."""
        ready = [pair for pair in set(pairs) if now >= self._due.get(pair, now)]
        return sorted(ready, key=lambda pair: (self._due.get(pair, _NEVER_ASKED), pair))

    def next(self, pair: str, when: datetime) -> None:
        self._due[pair] = when


class PairRequests(Generic[T]):
    """Answers of the exchange, each asked for again after `period`.

    All that are due go out together, and are waited for `patience` seconds in all: a pairlist is
    made in the thread that watches exits. A pair that did not answer is asked again a minute later;
    until then its last answer stands, for at most two periods.

    :param exchange: Freqtrade's; its event loop is used
    :param ask: makes the request for a pair
    :param period: at least a minute is taken
    :param patience: seconds
    """

    def __init__(
        self,
        exchange: Any,
        ask: Callable[[str], Awaitable[T]],
        period: timedelta,
        patience: float,
    ) -> None:
        self._exchange = exchange
        self._ask = ask
        self._period = max(period, RETRY)
        self._patience = patience
        self._schedule = Schedule()
        self._answers: dict[str, tuple[datetime, T]] = {}

    def refresh(self, pairs: Iterable[str], now: datetime) -> dict[str, str]:
        """Ask for the pairs that are due.

        :return: what went wrong, by pair
        """
        due = self._schedule.due(pairs, now)
        if not due:
            return {}
        # As Freqtrade's own: the loop belongs to whoever holds the lock.
        with self._exchange._loop_lock:
            answers = self._exchange.loop.run_until_complete(self._together(due))
        failures = {}
        for pair, answer in answers.items():
            if isinstance(answer, Exception):
                failures[pair] = f"{type(answer).__name__}: {answer}"
                self._schedule.next(pair, now + RETRY)
            else:
                self._answers[pair] = now, answer
                self._schedule.next(pair, now + self._period)
        return failures

    def latest(self, pair: str, now: datetime) -> T | None:
        """The last answer; None where there is none, or only one that is too old."""
        if pair not in self._answers:
            return None
        at, answer = self._answers[pair]
        return answer if now - at <= 2 * self._period else None

    async def _together(self, pairs: list[str]) -> dict[str, T | Exception]:
        tasks = {pair: asyncio.ensure_future(self._ask(pair)) for pair in pairs}
        done, late = await asyncio.wait(tasks.values(), timeout=self._patience)
        for task in late:
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        return {pair: self._answer(task, task in done) for pair, task in tasks.items()}

    def _answer(self, task: asyncio.Future[T], came: bool) -> T | Exception:
        if not came:
            return TimeoutError(f"no answer within {self._patience:g} s")
        error = task.exception()
        if error is None:
            return task.result()
        if isinstance(error, Exception):
            return error
        raise error

"""Periodic requests, one for each pair, that never delay the trading loop for long."""

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
    """Tracks when each pair is due; a pair without an entry is due at once."""

    def __init__(self) -> None:
        self._due: dict[str, datetime] = {}

    def due(self, pairs: Iterable[str], now: datetime) -> list[str]:
        """Returns the pairs that are due, the longest overdue first, then by name."""
        ready = [pair for pair in set(pairs) if now >= self._due.get(pair, now)]
        return sorted(ready, key=lambda pair: (self._due.get(pair, _NEVER_ASKED), pair))

    def next(self, pair: str, when: datetime) -> None:
        self._due[pair] = when


class PairRequests(Generic[T]):
    """Answers of the exchange for pairs, each requested again after `period`.

    All requests that are due are sent together and waited for `patience` seconds in total, because
    a pairlist is made in the thread that checks exits. A pair whose request failed is requested
    again a minute later; its last answer is used for at most two periods.

    :param exchange: Freqtrade's; its event loop is used
    :param ask: makes the request for a pair
    :param period: time between requests for a pair, raised to at least a minute
    :param patience: longest wait for all answers, in seconds
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
        """Requests the pairs that are due.

        :return: errors by pair
        """
        due = self._schedule.due(pairs, now)
        if not due:
            return {}
        # As in Freqtrade: the holder of this lock may run the event loop.
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
        """Returns the last answer; None if there is none, or it is older than two periods."""
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

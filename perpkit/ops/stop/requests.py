"""Sends requests to the exchange: each once, and none while the exchange demands a pause.

The engine decides after a snapshot what to try again: an order is never repeated here.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

import ccxt

from perpkit.durations import MINUTE_S
from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.answers import (
    BAD_KEY,
    FailureKind,
    RequestFailure,
    failure_of,
    is_the_exchanges,
    unreadable,
)

# A request that hangs delays all others.
_TIMEOUT_MS = 5_000
# A key that has never worked is given up after this; its address may not be bound yet.
_KEY_SECONDS = 15.0


class SleepingClock(Protocol):
    def now(self) -> float:
        """Returns monotonic seconds."""
        ...

    def sleep(self, seconds: float) -> None: ...


class MonotonicClock:
    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class GaveUpError(Exception):
    """No further request is sent; the message gives the reason."""


@dataclass(frozen=True)
class Reply:
    """The answer to a request, or its failure.

    :param failure: None if `data` is the answer
    """

    data: Any = None
    failure: RequestFailure | None = None


class Requests:
    """Sends requests, within a deadline and the exchange's limits.

    :param client: a `ccxt.binance`; its own throttle is turned off, because it would wait two
        seconds after a snapshot of all orders
    :param seconds: from now on, after which nothing is sent
    """

    def __init__(self, client: Any, log: ActionLog, seconds: float, clock: SleepingClock) -> None:
        self.client = client
        self.clock = clock
        self.count = 0
        self.began = clock.now()
        self._log = log
        self._end = self.began + seconds
        self._not_before = self.began
        self._signed = False  # whether the key has ever worked
        self._weights: deque[tuple[float, int]] = deque()
        client.enableRateLimit = False
        client.timeout = min(client.timeout, _TIMEOUT_MS)

    @property
    def elapsed(self) -> float:
        return self.clock.now() - self.began

    @property
    def is_over(self) -> bool:
        return self.clock.now() >= self._end

    @property
    def has_to_wait(self) -> bool:
        """Whether the exchange demands a pause at present."""
        return self.clock.now() < self._not_before

    @property
    def weight(self) -> int:
        """The weight of the requests in the last minute."""
        while self._weights and self._weights[0][0] <= self.clock.now() - MINUTE_S:
            self._weights.popleft()
        return sum(weight for _, weight in self._weights)

    def pause(self, seconds: float) -> None:
        """Sleeps, at most until the deadline."""
        self.clock.sleep(max(0.0, min(seconds, self._end - self.clock.now())))

    def call(self, endpoint: str, weight: int, **sent: Any) -> Reply:
        """Sends a request once; again only with a corrected clock, if its timestamp was refused.

        :param endpoint: ccxt's name of it
        :param weight: as the exchange counts it
        :raises GaveUpError: if no time is left, or no key works
        """
        reply = self._once(endpoint, weight, sent)
        if reply.failure is not None and reply.failure.kind is FailureKind.CLOCK:
            self._set_clock()
            reply = self._once(endpoint, weight, sent)
        return reply

    def _once(self, endpoint: str, weight: int, sent: dict[str, Any]) -> Reply:
        self._wait_for_turn()
        self.count += 1
        self._weights.append((self.clock.now(), weight))
        try:
            data = getattr(self.client, endpoint)(sent)
        except ccxt.BaseError as error:
            return Reply(failure=self._failed(error))
        except (LookupError, TypeError, ValueError) as error:
            return Reply(failure=unreadable(error))  # ccxt stumbles over codes that are no numbers
        if not is_the_exchanges(endpoint, data):
            return Reply(failure=unreadable(data))
        self._signed = self._signed or "Private" in endpoint
        return Reply(data)

    def _wait_for_turn(self) -> None:
        if self._not_before > self._end:
            seconds = self._not_before - self.clock.now()
            raise GaveUpError(
                f"the exchange takes no request for {seconds:.0f} s, longer than was to be waited"
            )
        if (wait := self._not_before - self.clock.now()) > 0:
            self._log.write("wait", f"Waiting for {wait:.1f} s, as the exchange asks", seconds=wait)
            self.clock.sleep(wait)
        if self.is_over:
            raise GaveUpError("the time for it is over")

    def _failed(self, error: ccxt.BaseError) -> RequestFailure:
        headers = getattr(self.client, "last_response_headers", None) or {}
        server_ms = self.client.milliseconds() - (self.client.options["timeDifference"] or 0)
        failure = failure_of(error, headers, server_ms)
        if failure.kind is FailureKind.LIMITED:
            self._not_before = max(self._not_before, self.clock.now() + failure.wait)
        if failure.kind is FailureKind.KEY and not self._signed:
            hopeless = failure.code in BAD_KEY or self.elapsed > _KEY_SECONDS
            if hopeless:
                raise GaveUpError(f"the exchange does not take the key: {failure.words}")
        return failure

    def _set_clock(self) -> None:
        """Reads the exchange's clock with one request (weight 1)."""
        reply = self._once("fapiPublicGetTime", 1, {})
        if reply.failure is None:
            self.client.options["timeDifference"] = self.client.milliseconds() - int(
                reply.data["serverTime"]
            )

"""Requests beside the trading loop, so that an exchange that hangs does not delay exits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from copy import copy
from threading import Thread
from time import monotonic
from typing import Any, Generic, TypeVar

# How long the loop waits for an answer, once a request: enough for a healthy venue.
PATIENCE_S = 0.1

T = TypeVar("T")


class Beside(Generic[T]):
    """A request that is sent in a thread, one at a time.

    :param ask: sends it and returns the answer, within the time-out of its client; never raises
    :param timeout_s: after this time a request counts as without an answer, and is abandoned; its
        own time-out ends it
    :param clock: seconds from any starting point
    """

    def __init__(
        self,
        ask: Callable[[], T],
        timeout_s: float,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._ask = ask
        self._timeout_s = timeout_s
        self._clock = clock
        self._asked: Future[T] | None = None
        self._asked_at = 0.0

    @property
    def waiting(self) -> bool:
        """Whether a request has been sent whose answer was not returned."""
        return self._asked is not None

    def answer(self) -> T | None:
        """Returns the answer, or None while it may still arrive. Sends a request if none is under
        way, and waits for that one a little.

        :raises TimeoutError: once, when none has come in time
        """
        patience = 0.0
        if self._asked is None:
            asked: Future[T] = Future()
            self._asked, self._asked_at = asked, self._clock()
            Thread(target=lambda: asked.set_result(self._ask()), name="venue", daemon=True).start()
            patience = PATIENCE_S
        try:
            found = self._asked.result(patience)
        except TimeoutError:
            if self._clock() - self._asked_at <= self._timeout_s:
                return None
            self._asked = None
            raise
        self._asked = None
        return found


def client_of(exchange: Any, timeout_s: float) -> Any:
    """Returns a client that shares the connections and the settings of Freqtrade's.

    It has a time-out and headers of its own, and waits in no queue.
    """
    client = copy(exchange._api)
    client.timeout = timeout_s * 1000
    client.enableRateLimit = False
    return client

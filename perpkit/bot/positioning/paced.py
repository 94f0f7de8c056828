"""Requests to an exchange's public endpoints, evenly spaced, and sent again while that may help."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import ccxt
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

logger = logging.getLogger(__name__)

_ATTEMPTS = 5  # with 1, 2, 4 and 8 s between them, or the exchange's Retry-After if longer
_LONGEST_WAIT = 330.0  # a little over the longest window of the limits; a longer wait is a ban
_SECRETS = ("apiKey", "secret", "password", "privateKey")
# HTTP statuses that concern the request; others, such as 403 and 451, concern the client.
_REQUEST_STATUSES = (0, 200, 400)


class DownloadError(RuntimeError):
    """The exchange did not return the data, and retrying did not help."""


class RefusedError(DownloadError):
    """The exchange refused this request; others may succeed."""


class _BadAnswerError(Exception):
    pass


@dataclass(frozen=True)
class Budget(Parameters):
    """The part of the exchange's rate limits that may be used."""

    share: Annotated[float, Range(0, 1, "of each limit"), "What is used, above 0"] = 0.8
    weight_1m: Annotated[
        int, Range(1, 1_000_000, "a minute"), "The request weight that an address is allowed"
    ] = 2400
    calls_5m: Annotated[
        int, Range(1, 1_000_000, "in 5 min"), "The requests of statistics that it is allowed"
    ] = 1000

    def check_together(self) -> None:
        if not self.share:
            raise ValueError("share must be above 0 and at most 1, got 0")


class Pacer:
    """Spaces calls evenly, so that nothing about past calls has to survive a restart.

    All clients at this IP share the request weight, so it is read from each answer. If another call
    could exceed the budget, that call waits for the next minute.
    """

    def __init__(
        self,
        budget: Budget,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._interval = 300 / (budget.calls_5m * budget.share)
        self._most_weight = budget.weight_1m * budget.share
        self._next = -math.inf

    def wait(self) -> None:
        """Waits until the next call may be made."""
        if (ahead := self._next - self._clock()) > 0:
            self._sleep(ahead)
        self._next = max(self._next, self._clock()) + self._interval

    def answered(self, headers: Mapping[str, str]) -> None:
        used = headers.get("x-mbx-used-weight-1m", "")
        # Another call costs a weight of at most 1.
        if used.isdigit() and int(used) + 1 > self._most_weight:
            minute = math.floor(self._clock() / 60) + 1
            self._next = max(self._next, minute * 60 + 1)


class PacedClient:
    """A ccxt client without keys whose requests are spaced, and repeated while that may help.

    :param client: makes it, from ccxt's settings
    :param exchange: Freqtrade's "exchange" section; its `ccxt_config` may set another URL
    :param clock, sleep: in seconds; an exception from `sleep` ends the call
    """

    def __init__(
        self,
        client: Callable[[dict[str, Any]], Any],
        exchange: Mapping[str, Any],
        budget: Budget | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ccxt = client(_settings(exchange))
        self._pacer = Pacer(budget or Budget(), clock, sleep)
        self._sleep = sleep

    def close(self) -> None:
        self._ccxt.session.close()

    def _call(self, method: str, *arguments: Any, kind: Any = list | dict) -> Any:
        """Calls a method of ccxt.

        :param kind: what it must return; ccxt raises nothing for an answer that is not JSON
        """

        def once() -> Any:
            self._pacer.wait()
            self._ccxt.last_response_headers = None
            answer = getattr(self._ccxt, method)(*arguments)
            self._pacer.answered(self._ccxt.last_response_headers or {})
            if not isinstance(answer, kind):
                raise _BadAnswerError(f"{method}: not JSON: {str(answer)[:100]!r}")
            return answer

        attempts = Retrying(
            retry=retry_if_exception(_may_pass),
            wait=self._backoff,
            stop=self._hopeless,
            sleep=self._sleep,
            before_sleep=_tell,
            reraise=True,
        )
        try:
            return attempts(once)
        except (ccxt.BaseError, _BadAnswerError) as error:
            failure = RefusedError if _refuses(error) else DownloadError
            raise failure(str(error)) from error

    def _asked_to_wait(self) -> float:
        after = (self._ccxt.last_response_headers or {}).get("Retry-After", "")
        return float(after) if after.isdigit() else 0.0

    def _backoff(self, state: RetryCallState) -> float:
        return max(wait_exponential(multiplier=1)(state), self._asked_to_wait())

    def _hopeless(self, state: RetryCallState) -> bool:
        return stop_after_attempt(_ATTEMPTS)(state) or self._asked_to_wait() > _LONGEST_WAIT


def _may_pass(error: BaseException) -> bool:
    # ccxt recognises server errors only at the exchange's own URL; the HTTP status always works.
    return _status(error) >= 500 or isinstance(error, ccxt.NetworkError | _BadAnswerError)


def _refuses(error: BaseException) -> bool:
    """Whether the error concerns this request alone, not the client or the exchange."""
    answered = isinstance(error, ccxt.ExchangeError) and not _may_pass(error)
    return answered and _status(error) in _REQUEST_STATUSES


def _status(error: BaseException) -> int:
    """HTTP status of the answer that led to the error, 0 if there was none."""
    answer = getattr(error.__context__, "response", None)
    return int(getattr(answer, "status_code", 0))


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    pause = state.next_action.sleep if state.next_action else 0.0
    logger.warning(f"Asked again in {pause:.0f} s: {error}")


def _settings(exchange: Mapping[str, Any]) -> dict[str, Any]:
    given = {**exchange.get("ccxt_config", {}), **exchange.get("ccxt_sync_config", {})}
    return {name: value for name, value in given.items() if name not in _SECRETS}


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)

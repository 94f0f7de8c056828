"""Fetches the exchange's five positioning statistics page by page, within its rate limits.

Source: Binance USD-M futures, "Market Data" endpoints under /futures/data. They cost no weight but
share 1000 calls per 5 minutes and IP; they keep 30 days; a page has at most 500 readings.
"""

from __future__ import annotations

import logging
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import ccxt
import pandas as pd
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential

from perpkit.market.coverage import ReadingSpan
from perpkit.market.times import dates_at
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

logger = logging.getLogger(__name__)

PAGE = 500
KEPT = timedelta(days=30)
_ATTEMPTS = 5  # with 1, 2, 4 and 8 s between them, or the exchange's Retry-After if longer
_LONGEST_WAIT = 330.0  # a little over the longest window of the limits; a longer wait is a ban
_SECRETS = ("apiKey", "secret", "password", "privateKey")


@dataclass(frozen=True)
class Statistic:
    """A positioning statistic of the exchange.

    :param method: name of ccxt's method
    :param columns: columns of the store by field of the answer
    """

    method: str
    columns: Mapping[str, str]


STATISTICS = (
    Statistic("fapiDataGetGlobalLongShortAccountRatio", {"longShortRatio": "long_short_ratio"}),
    Statistic("fapiDataGetTopLongShortAccountRatio", {"longShortRatio": "top_accounts_ratio"}),
    Statistic("fapiDataGetTopLongShortPositionRatio", {"longShortRatio": "top_positions_ratio"}),
    Statistic("fapiDataGetTakerlongshortRatio", {"buySellRatio": "taker_ratio"}),
    Statistic(
        "fapiDataGetOpenInterestHist",
        {"sumOpenInterest": "open_interest", "sumOpenInterestValue": "open_interest_value"},
    ),
)


# Perpetuals on coins, and on shares, metals and share indices.
_PERPETUAL = ("PERPETUAL", "TRADIFI_PERPETUAL")
_PAIR = re.compile(r"[^\s/:]+/[^\s/:]+:[^\s/:]+")
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


class PositioningClient:
    """Client for public endpoints only: it needs no API key and never receives one.

    :param exchange: Freqtrade's "exchange" section; its `ccxt_config` may set another URL
    :param clock, sleep: in seconds; an exception from `sleep` ends the call
    :raises ValueError: for an exchange other than Binance
    """

    def __init__(
        self,
        exchange: Mapping[str, Any],
        budget: Budget | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        name = exchange.get("name", "binance")
        if name not in ("binance", "binanceusdm"):
            raise ValueError(f"exchange.name must be binance or binanceusdm, got {name!r}")
        self._ccxt = ccxt.binanceusdm(_settings(exchange))
        self._pacer = Pacer(budget or Budget(), clock, sleep)
        self._sleep = sleep
        self._symbols: dict[str, str] = {}

    def close(self) -> None:
        self._ccxt.session.close()

    def now(self) -> datetime:
        """Returns the exchange's time (UTC). :raises DownloadError: if it cannot be fetched"""
        answer = self._call("fapiPublicGetTime", {})
        return datetime.fromtimestamp(int(answer["serverTime"]) / 1000, UTC)

    def symbols(self, pairs: Sequence[str]) -> dict[str, str]:
        """Returns the exchange's symbols by pair, for the pairs that it lists as perpetuals.

        :raises ValueError: for a name that is not of the form BTC/USDT:USDT
        :raises DownloadError: if the list cannot be fetched
        """
        for pair in pairs:
            if _PAIR.fullmatch(pair) is None:
                raise ValueError(f"pairs must be like BTC/USDT:USDT, got {pair!r}")
        if not all(pair in self._symbols for pair in pairs):
            listed = self._call("fapiPublicGetExchangeInfo", {})["symbols"]
            self._symbols = {
                f"{entry['baseAsset']}/{entry['quoteAsset']}:{entry['marginAsset']}": entry[
                    "symbol"
                ]
                for entry in listed
                if entry["contractType"] in _PERPETUAL
            }
        return {pair: self._symbols[pair] for pair in pairs if pair in self._symbols}

    def page(
        self, statistic: Statistic, symbol: str, period: str, window: ReadingSpan
    ) -> pd.DataFrame:
        """Returns the readings within a window of at most `PAGE` readings, indexed by date (UTC).

        :raises RefusedError: when the exchange refuses the request for this symbol
        :raises DownloadError: when the readings cannot be fetched
        """
        rows = self._call(
            statistic.method,
            {
                "symbol": symbol,
                "period": period,
                "startTime": _ms(window.first),
                "endTime": _ms(window.last),
                "limit": PAGE,
            },
        )
        dates = dates_at(int(row["timestamp"]) for row in rows)
        values = {
            column: pd.Series([_number(row.get(field)) for row in rows], dates, dtype=float)
            for field, column in statistic.columns.items()
        }
        frame = pd.DataFrame(values, index=dates).sort_index()
        frame = frame[~frame.index.duplicated(keep="last")]
        return frame.loc[window.first : window.last]

    def _call(self, method: str, parameters: dict[str, Any]) -> Any:
        def once() -> Any:
            self._pacer.wait()
            self._ccxt.last_response_headers = None
            answer = getattr(self._ccxt, method)(parameters)
            self._pacer.answered(self._ccxt.last_response_headers or {})
            if not isinstance(answer, list | dict):
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
            kind = RefusedError if _refuses(error) else DownloadError
            raise kind(str(error)) from error

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


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _number(text: Any) -> float:
    """Returns the number in `text`; NaN for 0, which is not a reading."""
    return float(text or 0) or math.nan

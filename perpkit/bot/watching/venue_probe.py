"""Probes the exchange while the bot runs, with two cheap requests every half minute.

GET /fapi/v1/time (weight 1) measures the latency and the exchange's clock, and its headers state
the request weight that all clients at this address have used; GET /fapi/v1/depth with 5 levels
(weight 2) shows how old the order book is. The delay of Freqtrade's candles, and the weight in the
headers of its own answers, cost no requests.

The requests are sent in a thread, so that an exchange that hangs does not delay exits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import copysign, isnan, nan
from statistics import median_low
from time import monotonic
from typing import Any

import ccxt
import numpy as np
from freqtrade.data.dataprovider import DataProvider
from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.watching.beside import Beside, client_of
from perpkit.bot.watching.headers import USED_WEIGHT, number_in
from perpkit.breakers.venue_health import HealthLimits, VenueReading
from perpkit.durations import MINUTE_MS

BOOK_LEVELS = 5
# A clock that moved by this much more or less than the time that passed was set in between.
_CLOCK_SET_S = 0.5
_RETRY_AFTER = "retry-after"


@dataclass(frozen=True)
class _Answer:
    """The result of one probe; figures that are not known are NaN.

    :param failure: what went wrong; empty for a complete answer
    :param pause_s: how long the exchange requires us to wait
    """

    failure: str = ""
    latency_s: float = nan
    skew_s: float = nan
    book_age_s: float = nan
    used_weight: float = nan
    refused: bool = False
    pause_s: float = 0.0


class VenueProbe:
    """Readings of the exchange that a running bot trades at.

    :param pair: the pair whose order book is read; it should change all the time
    :param clock: measures the latency; seconds from any starting point
    """

    def __init__(
        self,
        dp: DataProvider,
        limits: HealthLimits,
        pair: str,
        timeframe: str,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._dp = dp
        self._exchange: Any = dp._exchange
        self._limits = limits
        self._pair = pair
        self._timeframe = timeframe
        self._clock = clock
        self._client = client_of(self._exchange, limits.timeout_s)
        self._beside = Beside(self._ask, limits.timeout_s, clock)
        self._polled = self._due = datetime.min.replace(tzinfo=UTC)
        self._used_weight = nan

    def poll(self, now: datetime, pairs: Sequence[str]) -> VenueReading | None:
        """Returns the reading that is complete at `now`, if any, and starts one when it is due.

        Call it every loop. It never raises, and waits a tenth of a second at most, once a reading.
        """
        self._note_weight(now)
        if now < self._polled:  # our clock was set back, which is no reason to look later
            self._due -= self._polled - now
        self._polled = now
        if not self._beside.waiting:
            if now < self._due:
                return None
            self._due = now + timedelta(seconds=self._limits.interval_s)
        try:
            answer = self._beside.answer()
        except TimeoutError:
            answer = _Answer(f"no answer within {self._limits.timeout_s:g} s")
        if answer is None:
            return None
        if answer.pause_s:
            self._due = max(self._due, now + timedelta(seconds=answer.pause_s))
        used_weight, self._used_weight = self._used_weight, nan
        return VenueReading(
            at=now,
            failure=answer.failure,
            latency_s=answer.latency_s,
            skew_s=answer.skew_s,
            book_age_s=answer.book_age_s,
            candle_delay_s=candle_delay(self._dp, pairs, self._timeframe, now),
            used_weight=float(np.fmax(used_weight, answer.used_weight)),
            refused=answer.refused,
        )

    def _ask(self) -> _Answer:
        client, clock = self._client, self._clock
        # After a refusal without headers, those of an earlier answer must not be read.
        client.last_response_headers = None
        try:
            # ccxt signs requests with this time, which includes its clock correction.
            asked, signed = clock(), self._exchange._api.nonce()
            told = _time_at(client)
            latency, signed_after = clock() - asked, self._exchange._api.nonce()
            asked = clock()
            book = client.fetch_order_book(self._pair, BOOK_LEVELS)
            slowest = max(latency, clock() - asked)
            changed = book["timestamp"]
            if told is None or changed is None:  # ccxt raises nothing for text that is not JSON
                return _Answer("an answer without a time")
            return _Answer(
                latency_s=slowest,
                skew_s=_skew(signed, signed_after, told, latency),
                book_age_s=(told - changed) / 1000,
                used_weight=number_in(client.last_response_headers, USED_WEIGHT),
            )
        except (ccxt.DDoSProtection, ccxt.RateLimitExceeded) as error:
            headers = client.last_response_headers
            return _Answer(
                _words(error),
                used_weight=number_in(headers, USED_WEIGHT),
                refused=True,
                pause_s=float(np.nan_to_num(number_in(headers, _RETRY_AFTER))),
            )
        except Exception as error:  # any error makes this a failed reading
            return _Answer(_words(error))

    def _note_weight(self, now: datetime) -> None:
        """Records the used weight in Freqtrade's own last answers, if they are of this minute."""
        minute = int(now.timestamp() * 1000) // MINUTE_MS
        for api in (self._exchange._api, self._exchange._api_async):
            if int(api.lastRestRequestTimestamp) // MINUTE_MS == minute:
                told = number_in(api.last_response_headers, USED_WEIGHT)
                self._used_weight = float(np.fmax(self._used_weight, told))


def candle_delay(dp: DataProvider, pairs: Sequence[str], timeframe: str, now: datetime) -> float:
    """Returns the seconds by which newer candles are overdue; negative before they are due.

    It is the median over the pairs, since a single pair may not trade or be delisted while the
    exchange works. NaN while no pair has candles.
    """
    step = timedelta(seconds=timeframe_to_seconds(timeframe))
    known = [candles for p in pairs if not (candles := dp.ohlcv(p, timeframe, copy=False)).empty]
    delays = [(now - candles["date"].iloc[-1] - 2 * step).total_seconds() for candles in known]
    return median_low(delays) if delays else nan


def _time_at(client: Any) -> float | None:
    """Returns the exchange's time in ms; NaN where ccxt cannot ask for it, as at Kraken Futures."""
    try:
        time: float | None = client.fetch_time()
    except ccxt.NotSupported:
        return nan
    return time


def _words(error: Exception) -> str:
    return f"a request failed ({type(error).__name__})"


def _skew(before_ms: float, after_ms: float, told_ms: float, latency_s: float) -> float:
    """Seconds by which our clock is ahead, beyond what the travel time can explain."""
    was_set = abs((after_ms - before_ms) / 1000 - latency_s) > _CLOCK_SET_S
    if was_set or isnan(told_ms):
        return nan
    apart = ((before_ms + after_ms) / 2 - told_ms) / 1000
    return copysign(max(0.0, abs(apart) - latency_s / 2), apart)

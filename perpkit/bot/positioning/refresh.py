"""Keeps the store of positioning data current while the bot trades, in a separate thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from perpkit.bot.positioning.client import KEPT
from perpkit.bot.positioning.download import download
from perpkit.bot.positioning.paced import Budget
from perpkit.bot.positioning.sources import PositioningSource, positioning_source
from perpkit.checks import one_of, refuse
from perpkit.durations import DAY_S, MINUTE
from perpkit.market.store import PERIODS, BusyError

logger = logging.getLogger(__name__)


class _StoppedError(Exception):
    pass


class PositioningRefresh:
    """Fetches the new readings of every pair once a period; errors are logged once, and retried.

    A pair that the exchange refuses is requested again a period later, while the others continue.
    If the exchange does not answer, the round ends.

    The trading thread never waits for it and never sees its errors: without new readings the old
    ones become stale, and entries lose their bonus for positioning.

    :param config: Freqtrade's; the store is in its `datadir`
    :param pairs: returns the pairs to keep current; called in this thread before every round
    :param period: of the readings, one of `store.PERIODS`; backtest with the same one
    :param delay: from the time of a reading until it is requested
    :param share: of the exchange's limits; low, since the bot's own calls come first
    :param client: makes the client; replaced in tests
    :raises ValueError: naming the parameter and what is allowed
    """

    # A strategy is not notified when it ends, and /reload_config makes another one.
    _running: ClassVar[PositioningRefresh | None] = None
    _swap: ClassVar[threading.Lock] = threading.Lock()

    def __init__(
        self,
        config: dict[str, Any],
        pairs: Callable[[], Sequence[str]],
        period: str = "1h",
        *,
        delay: timedelta = MINUTE,
        share: float = 0.2,
        retry: timedelta = MINUTE,
        clock: Callable[[], float] = time.time,
        client: Callable[..., PositioningSource] = positioning_source,
    ) -> None:
        period = one_of("period", period, PERIODS)
        if not (isinstance(delay, timedelta) and timedelta(0) <= delay < PERIODS[period]):
            refuse("delay", f"a timedelta less than {PERIODS[period]}", delay)
        self._datadir = Path(config["datadir"])
        self._exchange = config["exchange"]
        self._pairs = pairs
        self._period = period
        self._delay = delay.total_seconds()
        self._retry = retry.total_seconds()
        self._budget = Budget(share=share)
        self._clock = clock
        self._make = client
        self._client: PositioningSource | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="positioning", daemon=True)
        # By pair, the time of the newest reading that was fetched; and of the one refused, and why.
        self._asked: dict[str, float] = {}
        self._refused: dict[str, tuple[float, str]] = {}
        self._said = ""

    def start(self) -> None:
        """Starts the thread, and stops the refresh that was started before in this process."""
        with self._swap:
            if PositioningRefresh._running is not None:
                PositioningRefresh._running.stop(timeout=0)
            PositioningRefresh._running = self
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> None:
        """Stops after the current request, if any; being a daemon, the thread blocks no exit.

        :param timeout: longest time to wait for the thread, in seconds
        """
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def awaits(self, pair: str) -> bool:
        """Whether the exchange has given no answer about a pair yet; any thread may ask."""
        return pair not in self._asked and pair not in self._refused

    def _run(self) -> None:
        while not self._stop.is_set():
            self._round()
            self._stop.wait(self._retry)
        if self._client is not None:
            self._client.close()

    def _round(self) -> None:
        """Fetches the readings that are due; never raises."""
        length = PERIODS[self._period].total_seconds()
        newest = (self._clock() - self._delay) // length * length
        failures: list[str] = []
        try:
            pairs = self._pairs()
            due = [pair for pair in pairs if self._last(pair) < newest]
            client = self._client = self._client or self._make(
                self._exchange, self._budget, sleep=self._pause
            )
            # New pairs come last: they need their whole history, which takes longer.
            for pair in sorted(due, key=lambda pair: pair not in self._asked):
                try:
                    self._refresh(client, pair, newest)
                except ValueError as error:  # not the name of a pair, or its file is damaged
                    failures.append(str(error))
            refused = [f"{p}: {self._refused[p][1]}" for p in pairs if p in self._refused]
            failures = [*refused, *failures]
        except _StoppedError:
            return
        except BusyError as error:
            logger.debug(f"Positioning data are not refreshed: {error}")
            return
        except Exception as error:
            failures.append(str(error))
        self._say("; ".join(failures))

    def _last(self, pair: str) -> float:
        """Time (s since 1970 UTC) of the newest reading fetched or refused; 0 for none."""
        refused, _ = self._refused.get(pair, (0.0, ""))
        return max(self._asked.get(pair, 0.0), refused)

    def _refresh(self, client: PositioningSource, pair: str, newest: float) -> None:
        # A day more than needed, for readings that the exchange published late.
        days = (newest - self._asked.get(pair, 0)) / DAY_S + 1
        days = min(days, KEPT.days, client.kept(self._period).days)
        done = download(client, self._datadir, [pair], self._period, days)
        if pair in done.refused:
            self._refused[pair] = newest, done.refused[pair]
        else:
            self._refused.pop(pair, None)
            self._asked[pair] = newest

    def _pause(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise _StoppedError

    def _say(self, failure: str) -> None:
        if failure and failure != self._said:
            logger.warning(f"Positioning data are not refreshed: {failure}")
        elif self._said and not failure:
            logger.info("Positioning data are refreshed again.")
        self._said = failure

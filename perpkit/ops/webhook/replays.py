"""Refuses an alert that came before, by its time and the hash of its body."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

# Of senders' clocks.
AHEAD = timedelta(seconds=5)
# Where so many have come within a window, more are refused.
MOST = 10_000


class Replays:
    """
    :param window: how old an alert may be
    :param start: alerts from before it are refused: whether they came before is not known
    """

    def __init__(self, window: timedelta, start: datetime, most: int = MOST) -> None:
        self._window = window
        self._start = start
        self._most = most
        self._seen: OrderedDict[bytes, datetime] = OrderedDict()
        self._lock = Lock()

    def refusal(self, body: bytes, made: datetime, now: datetime) -> str:
        """Returns why an alert must not be carried out; empty if it may be, once.

        :param made: the time in the alert
        """
        if made < now - self._window:
            seconds = self._window.total_seconds()
            return f"time: the alert is older than {seconds:g} s, or the clocks disagree"
        if made > now + AHEAD:
            return "time: the alert is from the future: the clocks disagree"
        if made < self._start:
            return "time: the alert is from before the start, and may have been carried out"
        digest = hashlib.sha256(body).digest()
        with self._lock:
            self._forget(now)
            if digest in self._seen:
                return "the same alert has been taken before: give it another time or id"
            if len(self._seen) >= self._most:
                return "too many alerts within the window"
            self._seen[digest] = now
        return ""

    def _forget(self, now: datetime) -> None:
        # An alert can be dated ahead of its arrival.
        end = now - self._window - AHEAD
        while self._seen and next(iter(self._seen.values())) < end:
            self._seen.popitem(last=False)

"""Attributes a running bot's CPU time to Freqtrade and to Perpkit's parts, by sampling its stack.

Nothing in the bot is changed: a timer interrupts it every millisecond, and the CPU time of its
thread since the last interruption is attributed to the part found at work. The work of other
threads, above all the venue's, does not count as this thread's.
"""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from types import CodeType, FrameType

INTERVAL_S = 0.001
FREQTRADE, COPIES, CCXT, WIRE = "freqtrade", "copies", "ccxt", "wire"
THREADS = "threads"
# Parts of Perpkit.
WATCH, GUARD, RECORD, ANALYSIS, SIGNALS, CALLBACKS, ALERTS = PARTS = (
    "watch", "guard", "record", "analysis", "signals", "callbacks", "alerts",
)  # fmt: skip

_LOCK = "lock"  # counts for the part that takes the lock, else for the guard
# For files whose folder does not tell the part, here or in another checkout.
_PART_OF_FILE = {
    "trade_lock.py": _LOCK, "shared_trades.py": _LOCK, "trying.py": _LOCK, "replaced.py": _LOCK,
    "running_parts.py": CALLBACKS,
    "booking.py": GUARD, "stop_guard.py": GUARD, "stop_orders.py": GUARD, "market_exits.py": GUARD,
    "reconciliation.py": GUARD, "order_answers.py": GUARD, "later_balance.py": GUARD,
    "live_orders.py": GUARD, "leaving.py": GUARD, "additions.py": GUARD, "price_band.py": GUARD,
    "watch.py": WATCH, "protection.py": WATCH, "venue_probe.py": WATCH,
    "market_alerts.py": ALERTS, "market_columns.py": ANALYSIS, "candle_columns.py": ANALYSIS,
    "intents.py": RECORD, "order_journal.py": RECORD, "state_writer.py": RECORD,
    "state_parts.py": RECORD,
}  # fmt: skip
# A caller that is found further out replaces the part found first, which was helping it.
_CALLERS = (WATCH, ANALYSIS, ALERTS)
_HELPERS = (CALLBACKS, SIGNALS, _LOCK)
# Files in which Freqtrade does its own steps, even when Perpkit's code is around them.
_STEPS = ("freqtradebot.py", "interface.py", "worker.py")
# Functions that Perpkit replaces and then calls.
_PASSED_ON = {
    ("wallets.py", "update"), ("exchange.py", "create_order"), ("binance.py", "create_order"),
    ("exchange.py", "create_stoploss"), ("exchange.py", "get_trades_for_order"),
    ("exchange.py", "_process_ohlcv_df"),
}  # fmt: skip
_API_PASSED_ON = {"create_order", "fetch_order"}
_STEP, _COPY = "step", "copy"


def tag_of(code: CodeType) -> str:
    """What a frame of this code reveals about the work: a part or a marker; "" for nothing."""
    path, name = PurePath(code.co_filename), code.co_name
    parts, file = set(path.parts), path.name
    if file == "wire.py" and "bench" in parts:
        return WIRE
    if "site-packages" not in parts:
        return _part(parts, file, name) if "perpkit" in parts and "venue" not in parts else ""
    if "ccxt" in parts:
        return CCXT
    if "freqtrade" in parts and (file in _STEPS or (file, name) in _PASSED_ON):
        return _STEP
    return _COPY if file == "strategy_wrapper.py" else ""


def _part(parts: set[str], file: str, name: str) -> str:
    if "signals" in parts or file == "rsi_sma.py":
        return SIGNALS
    if "record" in parts:
        return RECORD
    if "protections" in parts or "breakers" in parts:
        return WATCH
    if file in _PART_OF_FILE:
        return _PART_OF_FILE[file]
    if {"bot", "live"} <= parts:
        return GUARD
    if name.startswith(("populate_", "advise_", "analyze_", "join", "with_")):
        return ANALYSIS
    return CALLBACKS


_tags: dict[CodeType, str] = {}


def whose(frame: FrameType | None) -> tuple[str, str]:
    """The part at work and what it works through.

    The part is `FREQTRADE`, `COPIES` or one of `PARTS`; the second is "", `CCXT` or `WIRE`. Frames
    are read from the innermost outwards to the first of Freqtrade's own steps: the part found in
    between is at work, or Freqtrade if there is none. The innermost part counts, except that
    `_CALLERS` such as the watch count for what they call.
    """
    part, through, inner, copied = "", "", "", False
    while frame is not None:
        code = frame.f_code
        tag = _tags.get(code)
        if tag is None:
            tag = _tags[code] = tag_of(code)
        if tag == _STEP:
            break
        if tag in (CCXT, WIRE):
            through = through or tag
            if tag == CCXT and code.co_name in _API_PASSED_ON:
                break
        elif tag == _COPY:
            copied = copied or (inner == "deepcopy" and not part)
        elif tag and (not part or tag in _CALLERS or (part in _HELPERS and tag not in _HELPERS)):
            part = tag
        inner, frame = code.co_name, frame.f_back
    if part == _LOCK:
        part = GUARD
    return part or (COPIES if copied else FREQTRADE), through


class Shares:
    """CPU time in seconds: of the main thread by `whose`, of other threads as `THREADS`.

    :param excluded: a thread whose time is not counted
    """

    def __init__(self, excluded: threading.Thread) -> None:
        assert excluded.ident is not None
        self.seconds: Counter[tuple[str, str]] = Counter()
        self._last = 0.0
        self._excluded = time.pthread_getcpuclockid(excluded.ident)

    @contextmanager
    def measured(self) -> Iterator[None]:
        self.seconds.clear()
        others = self._others()
        before = signal.signal(signal.SIGALRM, self._look)
        self._last = time.thread_time()
        signal.setitimer(signal.ITIMER_REAL, INTERVAL_S, INTERVAL_S)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self.seconds[FREQTRADE, ""] += time.thread_time() - self._last
            signal.signal(signal.SIGALRM, before)
            self.seconds[THREADS, ""] += max(0.0, self._others() - others)

    def _others(self) -> float:
        spent = time.process_time() - time.thread_time()
        return spent - time.clock_gettime(self._excluded)

    def _look(self, _: int, frame: FrameType | None) -> None:
        self.seconds[whose(frame)] += time.thread_time() - self._last
        self._last = time.thread_time()  # the cost of sampling is not counted

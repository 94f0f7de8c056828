"""Whose work a running bot does, by its stack.

Nothing of the bot is changed: a timer interrupts it every millisecond, and the CPU time of its
thread since the last interruption goes to whoever it finds at work. What another thread does, the
venue above all, is no time of this one.
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

_LOCK = "lock"  # of whoever takes it, else the guard's
# Of files that are not in a room that says it, or were not in another checkout.
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
# A caller's that is found further out takes the place of the first; the others are its helpers.
_CALLERS = (WATCH, ANALYSIS, ALERTS)
_HELPERS = (CALLBACKS, SIGNALS, _LOCK)
# Where Freqtrade goes on with its own steps, whoever stands around them.
_STEPS = ("freqtradebot.py", "interface.py", "worker.py")
# What Perpkit replaces and then calls.
_PASSED_ON = {
    ("wallets.py", "update"), ("exchange.py", "create_order"), ("binance.py", "create_order"),
    ("exchange.py", "create_stoploss"), ("exchange.py", "get_trades_for_order"),
}  # fmt: skip
_API_PASSED_ON = {"create_order", "fetch_order"}
_STEP, _COPY = "step", "copy"


def tag_of(code: CodeType) -> str:
    """What a frame of this code says; "" for nothing."""
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
    """Who is at work, and through what: `FREQTRADE`, `COPIES` or a part; "", `CCXT` or `WIRE`.

    From the innermost frame outwards to the first of Freqtrade's own steps: what lies between is
    Perpkit's, or nobody's but Freqtrade's. The watch has what it asks others for; of parts that
    stand around each other, the innermost.
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
    """CPU time in seconds, of the main thread by `whose`, of others as `THREADS`.

    :param excluded: a thread whose time is nobody's
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
        self._last = time.thread_time()  # what the look itself has cost is nobody's

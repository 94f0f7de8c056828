"""The memory that a running bot adds from one candle to the next, by the code that allocated it."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import PurePath

FRAMES = 30  # enough to see past pandas, from an array to the code that wanted it
VENUE, FREQTRADE, OTHERS = "venue", "Freqtrade", "others"


def growth(once: Callable[[], None], times: int) -> dict[str, float]:
    """Bytes that each call leaves in use, by file of Perpkit or by one of the names above.

    :param once: has been called before, so that what is allocated only once is in place
    """
    tracemalloc.start(FRAMES)
    try:
        before = _taken()
        for _ in range(times):
            once()
        after = _taken()
    finally:
        tracemalloc.stop()
    return {holder: (after[holder] - before[holder]) / times for holder in {*before, *after}}


def _taken() -> Counter[str]:
    gc.collect()
    taken: Counter[str] = Counter()
    for trace in tracemalloc.take_snapshot().traces:
        taken[_holder([frame.filename for frame in reversed(trace.traceback)])] += trace.size
    return taken


def _holder(files: list[str]) -> str:
    """:param files: files of the frames, innermost first"""
    kinds = [(PurePath(file).parts, PurePath(file).name) for file in files]
    if any({"perpkit", "venue"} <= set(parts) or "bench" in parts for parts, _ in kinds):
        return VENUE
    for parts, name in kinds:
        if "site-packages" not in parts and {"perpkit", "protections", "strategies"} & set(parts):
            return name
    return FREQTRADE if any({"freqtrade", "ccxt"} & set(parts) for parts, _ in kinds) else OTHERS

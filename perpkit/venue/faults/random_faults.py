"""Random fault plans that are reproducible from a seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence

from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.venue.faults.faults import (
    MAX_TIME,
    ORDER_KINDS,
    REQUEST_KINDS,
    STREAM_KINDS,
    Fault,
    FaultKind,
    Value,
)

_K = FaultKind
MAX_PLAN_DAYS = 3660
# Typical length of an episode in minutes; actual lengths are a quarter to four times that.
_MINUTES = {
    _K.MAINTENANCE: 30.0,
    _K.CLOCK_SKEW: 20.0,
    _K.FLASH_CRASH: 10.0,
    _K.SYMBOL_STATUS: 60.0,
    _K.DELISTING: 24 * 60.0,
    _K.BANNED: 10.0,
}
_OTHERWISE_MINUTES = 4.0
_SETTINGS: tuple[dict[str, Value], ...] = (
    {"leverage": 1},
    {"leverage": 20},
    {"margin_type": "ISOLATED"},
    {"margin_type": "CROSSED"},
    {"hedge": "yes"},
    {"multi_assets": "yes"},
)
_PARAMETERS: dict[FaultKind, Callable[[random.Random], dict[str, Value]]] = {
    _K.LATENCY: lambda r: {"ms": round(10 ** r.uniform(2.5, 4.3))},
    _K.SERVER_ERROR: lambda r: {
        "status": r.choice((500, 502, 503, 504)),
        "executed": r.choice(("no", "no", "yes")),
    },
    _K.RATE_LIMITED: lambda r: {"retry_after_s": r.randint(1, 60)},
    _K.BANNED: lambda r: {"retry_after_s": r.randint(120, 600)},
    _K.RESPONSE_LOST: lambda r: {"after_ms": r.choice((0, 20_000))},
    _K.CLOCK_SKEW: lambda r: {"ms": r.choice((-1, 1)) * r.randint(1000, 30_000)},
    _K.EMPTY_BOOK: lambda r: {"side": r.choice(("both", "bids", "asks"))},
    _K.WIDE_SPREAD: lambda r: {"factor": round(10 ** r.uniform(1, 2.3))},
    _K.PRICE_GAP: lambda r: {"change": round(r.choice((-1, 1)) * r.uniform(0.02, 0.15), 4)},
    _K.FLASH_CRASH: lambda r: {
        "change": round(-r.uniform(0.03, 0.25), 4),
        "recovery": round(r.uniform(0.3, 1.0), 2),
        "mark_share": r.choice((0.2, 1.0)),
    },
    _K.SLOW_FILLS: lambda r: {"share": round(r.uniform(0.02, 0.5), 3)},
    _K.REFUSED: lambda r: {"code": r.choice((-4118, -4400, -4411, -1008, -4087))},
    _K.LATE_ORDERS: lambda r: {"ms": round(10 ** r.uniform(2.5, 4.3))},
    _K.LATE_FILLS: lambda r: {"ms": round(10 ** r.uniform(2.5, 4.3))},
    _K.SETTINGS_CHANGED: lambda r: r.choice(_SETTINGS),
    _K.STREAM_DELAY: lambda r: {"ms": round(10 ** r.uniform(2, 3.7))},
}


def random_plan(
    seed: int,
    start: int,
    end: int,
    kinds: Collection[FaultKind],
    intensity: float,
    symbols: Sequence[str] = (),
    most: int = 100_000,
) -> list[Fault]:
    """Returns faults of `kinds` between `start` and `end` (ms), in the order they begin.

    Episodes of a kind begin at the times of a Poisson process. Each kind has its own random
    generator: a longer plan begins with the shorter one (except for episodes cut at its `end`), and
    further kinds change nothing.

    :param intensity: episodes of each kind per day, on average
    :param symbols: each fault of a symbol hits one of them; if empty, it hits all symbols
    :param most: maximum of the expected number of faults
    :raises ValueError: naming the parameter
    """
    if not start < end:
        raise ValueError(f"end must be after start ({start}), got {end}")
    if not 0 < intensity <= 1440:
        raise ValueError(f"intensity must be above 0 and at most 1440 a day, got {intensity:g}")
    expected = (end - start) / DAY_MS * intensity * len(kinds)
    if expected > most:
        raise ValueError(
            f"days x intensity x kinds must be at most {most} faults, got {expected:.0f}"
        )
    faults: list[Fault] = []
    for kind in kinds:
        dice = random.Random(f"{seed}/{kind}")  # noqa: S311
        begin = start + _pause(dice, intensity)
        while begin < end:
            faults.append(_episode(kind, dice, begin, end, symbols))
            begin += _pause(dice, intensity)
    return sorted(faults, key=lambda fault: (fault.since, fault.kind))


def _pause(dice: random.Random, intensity: float) -> int:
    return 1 + int(min(dice.expovariate(intensity) * DAY_MS, MAX_TIME))


def _episode(
    kind: FaultKind, dice: random.Random, begin: int, end: int, symbols: Sequence[str]
) -> Fault:
    minutes = _MINUTES.get(kind, _OTHERWISE_MINUTES) * 4.0 ** dice.uniform(-1, 1)
    parameters = _PARAMETERS[kind](dice) if kind in _PARAMETERS else {}
    drawn = kind in REQUEST_KINDS | ORDER_KINDS | STREAM_KINDS and kind is not _K.MAINTENANCE
    probability = round(dice.uniform(0.2, 1.0), 3) if drawn else 1.0
    of_all = REQUEST_KINDS | STREAM_KINDS | {_K.CLOCK_SKEW, _K.PERMISSION_REMOVED}
    of_symbol = kind not in of_all
    symbol = dice.choice(symbols) if symbols and of_symbol else None
    # A price gap that closes again after minutes would be a flash crash.
    lasting = kind in (_K.PRICE_GAP, _K.SETTINGS_CHANGED)
    until = None if lasting else min(end, begin + 1 + int(minutes * MINUTE_MS))
    return Fault(kind, "*", symbol, begin, until, probability, None, parameters)

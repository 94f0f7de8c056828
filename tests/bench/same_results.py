"""Whether two backtests have the same result: every field of every trade and order, and the rest.

Numbers may differ by `TOLERANCE`, absolutely or of the larger one; everything else is equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose, isnan
from typing import Any

TOLERANCE = 1e-9
# When a run happened, and under which options of acceleration.
NOT_COMPARED = {"backtest_run_start_ts", "backtest_run_end_ts"}


def differences(expected: Any, found: Any, at: str = "") -> Iterator[str]:
    """Yields one line for each value that differs, by its place.

    :param expected: statistics of a strategy, a list of trades, or any part of them
    """
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in expected.keys() | found.keys():
            if name in NOT_COMPARED:
                continue
            if name not in expected or name not in found:
                yield f"{at}.{name} is only in {'one' if name in expected else 'the other'}"
            else:
                yield from differences(expected[name], found[name], f"{at}.{name}")
    elif isinstance(expected, list | tuple) and isinstance(found, list | tuple):
        if len(expected) != len(found):
            yield f"{at} has {len(expected)} entries, and {len(found)}"
        for number, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from differences(one, other, f"{at}[{number}]")
    elif not same(expected, found):
        yield f"{at}: {expected!r}, and {found!r}"


def same(one: Any, other: Any) -> bool:
    numbers = [type(value) in (int, float) for value in (one, other)]
    if not all(numbers):
        return type(one) is type(other) and bool(one == other)
    if isnan(one) or isnan(other):
        return isnan(one) and isnan(other)
    return isclose(one, other, rel_tol=TOLERANCE, abs_tol=TOLERANCE)

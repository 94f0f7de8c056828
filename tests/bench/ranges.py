"""Both ends of a parameter's range, which are allowed, and what lies beyond them, which is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

LITTLE = 1e-3  # by which a value is beyond an end: a share of it, or of 1 where that is more


def has_range(
    made_with: Callable[[float], object], low: float, high: float, *, whole: bool = False
) -> None:
    """:param made_with: makes what has the parameter, with this value of it"""
    for end in (low, high):
        made_with(end)
    for end, sign in ((low, -1), (high, 1)):
        beyond = end + sign * (1 if whole else LITTLE * (abs(end) or 1))
        with pytest.raises(ValueError, match="must be"):
            made_with(beyond)

"""Checks of parameters, shared by everything that takes some."""

from __future__ import annotations


def check_range(name: str, value: object, low: float, high: float, *, whole: bool = False) -> None:
    """:raises ValueError: unless `value` is a number (a whole one) from `low` to `high`"""
    number = isinstance(value, int) or (isinstance(value, float) and not whole)
    if isinstance(value, bool) or not (number and low <= value <= high):  # type: ignore[operator]
        kind = "a whole number" if whole else "a number"
        raise ValueError(f"{name} must be {kind} from {low:g} to {high:g}, got {value!r}")

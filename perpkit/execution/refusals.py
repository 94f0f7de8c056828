"""What the exchange says when it refuses an order: its codes, and the price that it names."""

from __future__ import annotations

import re

_CODE = re.compile(r'"code"\s*:\s*"?(-\d+)')
_NAMED = re.compile(r"can't be (?:higher|lower) than (\d+(?:\.\d+)?)")

TOO_LARGE = -4005
# Of a price: above and below what a contract may cost, and too far from mark.
OUT_OF_BAND = frozenset({-4002, -4006, -4007, -4013, -4016, -4024, -4131})
# Of a reduce-only order.
NO_POSITION = -2022


def code_in(text: str) -> int | None:
    """The exchange's code in what a client says of an answer; None where there is none."""
    found = _CODE.search(text)
    return int(found[1]) if found else None


def bound_in(text: str) -> float | None:
    """The bound that a refusal names: "Limit price can't be lower than 47500"."""
    found = _NAMED.search(text)
    return float(found[1]) if found else None

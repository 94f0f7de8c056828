"""The exchange's error codes for refused orders, and the price limit that its message names."""

from __future__ import annotations

import re

_CODE = re.compile(r'"code"\s*:\s*"?(-\d+)')
_NAMED = re.compile(r"can't be (?:higher|lower) than (\d+(?:\.\d+)?)")

TOO_LARGE = -4005
# Codes of a price: above the maximum or below the minimum of a contract, or too far from mark.
OUT_OF_BAND = frozenset({-4002, -4006, -4007, -4013, -4016, -4024, -4131})
# Codes of a price or an amount off the contract's grid: too many decimals, tick, step.
OFF_GRID = frozenset({-1111, -4014, -4023})
# Codes of a reduce-only order: there is no position to reduce, or none so large; and what rests
# closes it already. Which of them comes in which case the exchange does not say.
NO_POSITION, ORDERS_REST = -2022, -4118
CANNOT_REDUCE = frozenset({NO_POSITION, ORDERS_REST})


def code_in(text: str) -> int | None:
    """Returns the exchange's error code in a client's error message; None where there is none.

    >>> code_in('binanceusdm {"code":-4016,"msg":"Limit price can\\'t be higher than 52500."}')
    -4016
    """
    found = _CODE.search(text)
    return int(found[1]) if found else None


def bound_in(text: str) -> float | None:
    """Returns the price limit that a refusal names; None where it names none.

    >>> bound_in("Limit price can't be lower than 47500.")
    47500.0
    """
    found = _NAMED.search(text)
    return float(found[1]) if found else None

"""Answers of Freqtrade's functions that are remembered, where their arguments allow it."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any


def remembered(function: Callable[..., Any], answers: int) -> Any:
    """Returns the function with a memory of its latest answers, and `forget()` to empty that.

    A strategy may give what cannot be a key, such as a list, or an array that holds one price: the
    function itself answers then.
    """
    known = lru_cache(maxsize=answers, typed=True)(function)

    @wraps(function)
    def asked(*args: Any, **kwargs: Any) -> Any:
        try:
            return known(*args, **kwargs)
        except TypeError:  # of a key, or of the function, which then raises it once more
            return function(*args, **kwargs)

    found: Any = asked
    found.forget = known.cache_clear
    return found

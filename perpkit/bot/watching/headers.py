"""Figures in the headers of the exchange's answers."""

from __future__ import annotations

from collections.abc import Mapping
from math import nan
from typing import Any

# The request weight of all clients at this address within a minute.
USED_WEIGHT = "x-mbx-used-weight-1m"
# The orders of this account; only answers to orders have them.
ORDERS_10S = "x-mbx-order-count-10s"
ORDERS_1M = "x-mbx-order-count-1m"

Headers = Mapping[str, Any] | None


def number_in(headers: Headers, name: str) -> float:
    """Returns a figure, NaN where there is none.

    :param headers: as ccxt keeps them, names in any case
    :param name: in lower case
    """
    for key, value in (headers or {}).items():
        if key.lower() == name:
            try:
                return float(value)
            except ValueError:
                return nan
    return nan

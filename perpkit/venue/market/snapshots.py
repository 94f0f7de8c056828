"""What `Market` says of a symbol at a moment."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ticker:
    """Rolling 24 hours; volumes in base asset and USDT."""

    opened: int
    closed: int
    open: float
    high: float
    low: float
    last: float
    volume: float
    turnover: float


@dataclass(frozen=True)
class Premium:
    """:param funding_rate: of the last settlement, 0 before the first"""

    mark: float
    index: float
    funding_rate: float
    next_funding: int

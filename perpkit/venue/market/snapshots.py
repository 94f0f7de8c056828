"""Values that `Market` reports of a symbol at one time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ticker:
    """Statistics of the last 24 hours: times in ms, volume in base asset, turnover in USDT."""

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
    """:param funding_rate: rate of the last settlement, a fraction; 0 before the first
    :param next_funding: time of the next settlement, ms
    """

    mark: float
    index: float
    funding_rate: float
    next_funding: int

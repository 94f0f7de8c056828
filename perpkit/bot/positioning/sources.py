"""Where positioning data come from, by exchange."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

import pandas as pd

from perpkit.bot.positioning.client import PositioningClient
from perpkit.bot.positioning.paced import Budget
from perpkit.bot.positioning.ratios import SOURCES, RatioClient
from perpkit.market.coverage import ReadingSpan
from perpkit.market.exchanges import DEFAULT_EXCHANGE, known_as

NAMES = (DEFAULT_EXCHANGE, "binanceusdm", *SOURCES)


class PositioningSource(Protocol):
    """A client of one exchange; see `PositioningClient` for what the methods return and raise.

    :param page_size: the most readings of one request
    :param periods: which of `store.PERIODS` it serves
    :param series: which of `store.SERIES` it serves
    """

    @property
    def page_size(self) -> int: ...

    @property
    def periods(self) -> tuple[str, ...]: ...

    @property
    def series(self) -> tuple[str, ...]: ...

    def kept(self, period: str) -> timedelta: ...

    def now(self) -> datetime: ...

    def symbols(self, pairs: Any) -> dict[str, str]: ...

    def readings(self, symbol: str, period: str, window: ReadingSpan) -> pd.DataFrame: ...

    def close(self) -> None: ...


def positioning_source(
    exchange: Mapping[str, Any], budget: Budget | None = None, **timing: Any
) -> PositioningSource:
    """Returns the client for the exchange of a configuration.

    :param exchange: Freqtrade's "exchange" section
    :param timing: `clock` and `sleep` of a `PacedClient`
    :raises ValueError: for an exchange that offers none
    """
    given = exchange.get("name", DEFAULT_EXCHANGE)
    if (name := known_as(given, NAMES)) is None:
        allowed = ", ".join(NAMES)
        raise ValueError(f"exchange.name must be one of {allowed} for positioning, got {given!r}")
    if name in SOURCES:
        return RatioClient(name, exchange, budget, **timing)
    return PositioningClient(exchange, budget, **timing)

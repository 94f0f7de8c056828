"""Simulated trades, and parts that are on for one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from freqtrade.persistence import (
    LocalTrade,
    PairLocks,
    Trade,
    disable_database_use,
    enable_database_use,
)

from perpkit.bot.acceleration.part import Part


@contextmanager
def on(part: Part) -> Iterator[None]:
    assert part.switch_on() is None
    try:
        yield
    finally:
        part.switch_off()


def both_ways(part: Part, function: Callable[[], Any]) -> tuple[Any, Any]:
    """Returns what a function returns with stock Freqtrade and with a part on."""
    stock = function()
    with on(part):
        return stock, function()


@pytest.fixture
def simulated() -> Iterator[None]:
    """Freqtrade without a database, as in a backtest of 1h candles, before its first trade."""
    disable_database_use("1h")
    reset()
    yield
    reset()
    enable_database_use()


def reset() -> None:
    Trade.reset_trades()
    LocalTrade.reset_trades()
    PairLocks.reset_locks()

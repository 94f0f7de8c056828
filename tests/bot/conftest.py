"""Fixtures of the tests of what runs inside Freqtrade."""

from __future__ import annotations

import pytest
from freqtrade.persistence import Trade, disable_database_use, enable_database_use


@pytest.fixture
def trades_in_memory():
    """As in a backtest: no database, and no trade of an earlier test."""
    disable_database_use("1h")
    Trade.reset_trades()
    yield
    Trade.reset_trades()
    enable_database_use()

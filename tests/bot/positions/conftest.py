from __future__ import annotations

from collections.abc import Iterator

import pytest
from freqtrade.persistence import LocalTrade, Trade, disable_database_use, enable_database_use


@pytest.fixture
def memory() -> Iterator[type[LocalTrade]]:
    """Trades in memory, as in a backtest."""
    disable_database_use("1h")
    Trade.reset_trades()
    yield LocalTrade
    Trade.reset_trades()
    enable_database_use()

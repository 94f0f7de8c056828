"""Fixtures of the live parts."""

from __future__ import annotations

import pytest

from tests.bench.open_entry import Desk


@pytest.fixture
def desk(trade_database) -> Desk:
    return Desk()

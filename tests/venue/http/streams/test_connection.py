"""What waits to be sent is bounded: a client that reads too slowly is cut off."""

from __future__ import annotations

import pytest

from perpkit.venue.faults.faults import FaultPlan
from perpkit.venue.http.streams.connection import (
    MAX_CHARACTERS,
    MAX_WAITING,
    Connection,
    Message,
)
from perpkit.venue.http.streams.names import Stream, StreamKind

NAME = "btcusdt@aggTrade"


@pytest.fixture
def connection() -> Connection:
    out = Connection(None, combined=False, opened=0)
    out.streams[NAME] = Stream(NAME, StreamKind.AGG_TRADE, "BTCUSDT")
    return out


def offer(connection: Connection, data: str) -> None:
    connection.offer(Message(NAME, NAME, "BTCUSDT", 0, data), FaultPlan())


@pytest.mark.parametrize(("size", "most"), [(1, MAX_WAITING), (MAX_CHARACTERS // 8, 8)])
def test_it_is_cut_off_when_too_much_waits(connection, size, most):
    for _ in range(most):
        offer(connection, "x" * size)
    assert (len(connection.waiting), connection.ended.is_set()) == (most, False)
    offer(connection, "x" * size)
    assert (len(connection.waiting), connection.ended.is_set()) == (0, True)


def test_what_was_sent_does_not_count(connection):
    data = "x" * (MAX_CHARACTERS // 2)
    for _ in range(5):
        offer(connection, data)
        offer(connection, data)
        assert [connection.take(), connection.take()] == [data, data]
    assert not connection.ended.is_set()

"""Trades, aggregates and continuous candles: what is sent, how much, and what is refused."""

from __future__ import annotations

import pytest

from perpkit.durations import HOUR_MS
from tests.venue.conftest import CLOCK
from tests.venue.signed import BTC

TRADES, AGGREGATES = "/fapi/v1/trades", "/fapi/v1/aggTrades"
CONTINUOUS = "/fapi/v1/continuousKlines"
NAMED = {"symbol": BTC}
CANDLES = {"pair": BTC, "contractType": "PERPETUAL", "interval": "1h"}
DAY = 24 * HOUR_MS


def test_the_newest_trades(client):
    rows = client("GET", TRADES, symbol=BTC)
    assert len(rows) == 500
    assert len(client("GET", TRADES, symbol=BTC, limit=7)) == 7
    assert rows[-1]["time"] <= CLOCK < rows[-1]["time"] + 1000


def test_aggregates_are_the_trades(client):
    trades = client("GET", TRADES, symbol=BTC, limit=20)
    rows = client("GET", AGGREGATES, symbol=BTC, limit=20)
    assert [(t["id"], t["price"], t["qty"], t["time"], t["isBuyerMaker"]) for t in trades] == [
        (a["a"], a["p"], a["q"], a["T"], a["m"]) for a in rows
    ]
    assert all(a["f"] == a["l"] == a["a"] for a in rows)


@pytest.mark.parametrize(
    ("sent", "first", "count"),
    [
        ({}, None, 500),
        ({"limit": 3}, None, 3),
        ({"startTime": CLOCK - 60_000}, CLOCK - 60_000, 61),
        ({"startTime": CLOCK - 60_000, "limit": 5}, CLOCK - 60_000, 5),
        ({"startTime": CLOCK - 60_000, "endTime": CLOCK - 50_000}, CLOCK - 60_000, 11),
        ({"endTime": CLOCK - 60_000, "limit": 5}, CLOCK - 64_000, 5),
        # The hour for which ccxt asks, and with it Freqtrade's download of trades.
        ({"startTime": CLOCK - HOUR_MS, "endTime": CLOCK, "limit": 4}, CLOCK - HOUR_MS, 4),
        ({"startTime": CLOCK + 1}, None, 0),
        # Of what is older than two days nothing is kept.
        ({"startTime": CLOCK - 3 * DAY}, CLOCK - 2 * DAY, 500),
        ({"fromId": 1}, CLOCK - 2 * DAY, 500),
        ({"startTime": CLOCK - 3 * DAY, "endTime": CLOCK - 3 * DAY + 60_000}, None, 0),
        ({"endTime": CLOCK - 30 * DAY}, None, 0),
        ({"endTime": CLOCK - 2 * DAY + 4_000}, CLOCK - 2 * DAY, 5),
    ],
)
def test_which_aggregates(client, sent, first, count):
    rows = client("GET", AGGREGATES, **NAMED, **sent)
    assert len(rows) == count
    assert first is None or rows[0]["T"] == first
    ids = [row["a"] for row in rows]
    assert ids == list(range(ids[0], ids[0] + count)) if ids else True


def test_from_an_id_on(client):
    (row,) = client("GET", AGGREGATES, symbol=BTC, limit=1)
    rows = client("GET", AGGREGATES, symbol=BTC, fromId=row["a"] - 4, limit=3)
    assert [each["a"] for each in rows] == [row["a"] - 4, row["a"] - 3, row["a"] - 2]


def test_of_a_perpetual_continuous_candles_are_its_klines(client):
    klines = client("GET", "/fapi/v1/klines", symbol=BTC, interval="1h", limit=10)
    assert len(klines) == 10
    assert client("GET", CONTINUOUS, **CANDLES, limit=10) == klines


@pytest.mark.parametrize(
    ("path", "needed", "sent", "code"),
    [
        (TRADES, NAMED, {"symbol": ""}, -1102),
        (TRADES, NAMED, {"symbol": "NOPE"}, -1121),
        (TRADES, NAMED, {"limit": 1001}, -1130),
        (TRADES, NAMED, {"limit": 0}, -1130),
        (AGGREGATES, NAMED, {"symbol": "NOPE"}, -1121),
        (AGGREGATES, NAMED, {"limit": 1001}, -1130),
        (AGGREGATES, NAMED, {"fromId": "x"}, -1100),
        (AGGREGATES, NAMED, {"startTime": 2, "endTime": 1}, -1023),
        (AGGREGATES, NAMED, {"startTime": 0, "endTime": HOUR_MS + 1}, -1127),
        (CONTINUOUS, CANDLES, {"contractType": "CURRENT_QUARTER"}, -4104),
        (CONTINUOUS, CANDLES, {"contractType": "EVER"}, -4104),
        (CONTINUOUS, CANDLES, {"contractType": ""}, -1102),
        (CONTINUOUS, CANDLES, {"pair": "NOPE"}, -4144),
        (CONTINUOUS, CANDLES, {"interval": "7m"}, -1120),
        (CONTINUOUS, CANDLES, {"limit": 1501}, -1130),
        (CONTINUOUS, CANDLES, {"startTime": 2, "endTime": 1}, -1023),
    ],
)
def test_refused(client, path, needed, sent, code):
    assert client.refusal("GET", path, **{**needed, **sent}) == (400, code)

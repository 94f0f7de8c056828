"""Time that only a call advances, and history that passes faster."""

import json
import threading
import urllib.request

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.market import datadir
from perpkit.venue.market.candles import INTERVALS_MS, PriceKind
from perpkit.venue.market.clock import SystemClock, VirtualClock
from perpkit.venue.market.market import Market
from perpkit.venue.market.relabel import relabelled
from perpkit.venue.market.synthetic import generate
from tests.venue.command import get, running, venue

START = 1_704_067_200_000
ANCHOR = START + 30 * DAY_MS


def post(url: str, body: object):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


# The virtual clock


def test_it_stands_still_until_it_is_advanced():
    clock = VirtualClock(START)
    assert [clock.now(), clock.now()] == [START, START]
    assert clock.advance(1500) == clock.now() == START + 1500
    assert clock.advance(0) == START + 1500


def test_it_never_goes_back():
    clock = VirtualClock(START)
    with pytest.raises(ValueError, match=r"^ms must not be negative, got -1$"):
        clock.advance(-1)
    assert clock.now() == START


def test_advances_from_many_threads_all_count():
    clock = VirtualClock(0)
    begin = threading.Barrier(8)

    def advance() -> None:
        begin.wait()
        for _ in range(2000):
            clock.advance(1)

    threads = [threading.Thread(target=advance) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.now() == 16_000


def test_the_systems_clock_stands_still_while_the_machines_is_set_back(monkeypatch):
    times = iter([1_000, 1_005, 400, 1_004, 1_006])
    monkeypatch.setattr("time.time_ns", lambda: next(times) * 1_000_000)
    clock = SystemClock(offset=START)
    assert [clock.now() - START for _ in range(5)] == [1_000, 1_005, 1_005, 1_005, 1_006]


def test_the_market_moves_with_it(history):
    clock = VirtualClock(ANCHOR)
    market = Market(history, clock)
    before = market.candles("BTCUSDT", "5m", limit=1)
    clock.advance(5 * MINUTE_MS)
    after = market.candles("BTCUSDT", "5m", limit=2)
    assert after.time.tolist() == [before.time[0], before.time[0] + 5 * MINUTE_MS]
    stored = history.pairs["BTCUSDT"].candles(PriceKind.LAST, "5m")
    assert after.close[0] == stored.close[stored.time.searchsorted(ANCHOR)]


def test_the_command_serves_it_and_control_advances_it():
    arguments = ("--clock", "virtual", "--start-at", "2024-02-01T12:00", "--days", 3)
    with running(*arguments, "--pairs", "BTC/USDT:USDT") as (_, url):
        assert get(f"{url}/fapi/v1/time") == {"serverTime": START + 31 * DAY_MS + 12 * HOUR_MS}
        now = post(f"{url}/control/clock/advance", {"ms": HOUR_MS})["now"]
        assert get(f"{url}/fapi/v1/time") == {"serverTime": now}
        assert now == START + 31 * DAY_MS + 13 * HOUR_MS
        last = get(f"{url}/fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=1")[0]
        assert last[0] == now


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--start-at", "2024-01-01"), "start-at needs --clock virtual"),
        (("--clock", "virtual", "--start-at", "soon"), "start-at must be an ISO date or time"),
        (("--clock", "virtual", "--as-of", "2024-01-01"), "as-of is for the system's clock"),
        (("--relabel", "1h"), "relabel must look like 1h:1m, got '1h'"),
        (("--relabel", "1h:7m"), "timeframe must be one of 1m, 3m"),
        (("--relabel", "5m:1h"), "coarse must be a multiple of fine, got '5m' and '1h'"),
    ],
)
def test_bad_options_are_one_clear_line(arguments, message):
    result = venue("--port", 0, "--days", 3, *arguments)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


# Relabelled history


def test_coarse_candles_become_fine_ones_of_the_same_prices(history):
    fast = relabelled(history, "1h", "1m", ANCHOR).pairs["ETHUSDT"]
    slow = history.pairs["ETHUSDT"]
    for kind in PriceKind:
        ours, theirs = fast.candles(kind, "1m"), slow.candles(kind, "1h")
        assert set(np.diff(ours.time)) == {MINUTE_MS}
        assert set(ours.time % MINUTE_MS) == {0}
        assert ours.time[theirs.time.searchsorted(ANCHOR)] == ANCHOR
        for mine, other in zip(ours.columns()[1:5], theirs.columns()[1:5], strict=True):
            np.testing.assert_array_equal(mine, other)
        np.testing.assert_allclose(ours.volume * 60, theirs.volume)
    assert fast.finest(PriceKind.LAST) == "1m"


def test_settlements_and_readings_come_faster_and_keep_their_values(history):
    fast = relabelled(history, "1h", "1m", ANCHOR).pairs["BTCUSDT"]
    slow = history.pairs["BTCUSDT"]
    assert set(np.diff(fast.funding.time)) == {8 * MINUTE_MS}
    np.testing.assert_array_equal(fast.funding.rate, slow.funding.rate)
    assert set(np.diff(fast.positioning.time)) == {MINUTE_MS}
    np.testing.assert_array_equal(
        fast.positioning.long_short_ratio, slow.positioning.long_short_ratio
    )


def test_the_next_settlement_told_is_the_next_there_is(history):
    clock = VirtualClock(ANCHOR + MINUTE_MS)
    market = Market(relabelled(history, "1h", "1m", ANCHOR), clock)
    following = market.premium("BTCUSDT").next_funding
    assert following == ANCHOR + 8 * MINUTE_MS
    clock.advance(following - clock.now())
    assert market.funding("BTCUSDT", limit=1).time.tolist() == [following]


@given(
    coarse=st.sampled_from(["15m", "1h", "4h", "1d"]),
    fine=st.sampled_from(["1m", "5m"]),
    hours=st.integers(0, 40 * 24),
)
def test_the_order_of_events_stays(coarse, fine, hours):
    history = generate(seed=3, start=START, days=40, pairs=["SOL/USDT:USDT"], base="5m")
    ms = INTERVALS_MS[coarse]
    anchor = (START + hours * HOUR_MS) // ms * ms
    fast, slow = relabelled(history, coarse, fine, anchor), history
    for pair, original in zip(fast, slow, strict=True):
        time, stored = (
            pair.candles(PriceKind.LAST, fine).time,
            original.candles(PriceKind.LAST, coarse).time,
        )
        assert len(time) == len(stored)
        # What had been settled before a candle opened still has.
        np.testing.assert_array_equal(
            pair.funding.time.searchsorted(time), original.funding.time.searchsorted(stored)
        )


@pytest.mark.parametrize(
    ("coarse", "fine", "anchor", "message"),
    [
        ("1h", "1h", ANCHOR, "coarse must be a multiple of fine, got '1h' and '1h'"),
        ("1w", "1d", ANCHOR + 1, "anchor must be a multiple of 604800000 ms"),
        ("1h", "1m", ANCHOR + 1, "anchor must be a multiple of 3600000 ms"),
        ("9h", "1m", ANCHOR, "timeframe must be one of"),
    ],
)
def test_what_cannot_be_relabelled_is_named(history, coarse, fine, anchor, message):
    with pytest.raises(ValueError, match=message):
        relabelled(history, coarse, fine, anchor)


def test_a_replay_of_hours_as_minutes_leads_up_to_now(tmp_path):
    datadir.write(
        generate(seed=5, start=START, days=60, pairs=["BTC/USDT:USDT"]),
        tmp_path, ["1h"], START + 60 * DAY_MS,
    )  # fmt: skip
    with running("--datadir", tmp_path, "--relabel", "1h:1m") as (_, url):
        rows = get(f"{url}/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1000")
        now = get(f"{url}/fapi/v1/time")["serverTime"]
    assert len(rows) == 1000
    assert rows[-1][0] <= now < rows[-1][0] + MINUTE_MS + 5000
    original = datadir.read(tmp_path).pairs["BTCUSDT"].candles(PriceKind.LAST, "1h")
    closes = [float(row[4]) for row in rows[:-1]]
    first = int(np.flatnonzero(original.close == closes[0])[0])
    assert closes == original.close[first : first + 999].tolist()

"""The plan of what goes wrong, and what of it the market shows."""

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.faults.faults import (
    ORDER_KINDS,
    PARAMETERS,
    REQUEST_KINDS,
    Fault,
    FaultKind,
    FaultPlan,
)
from perpkit.venue.faults.random_faults import random_plan
from perpkit.venue.http.app import create_app
from perpkit.venue.market.candles import INTERVALS_MS, PriceKind
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from tests.venue.conftest import NOW

START = 1_704_067_200_000
K = FaultKind

# One fault


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": K.RESET, "probability": 0.0}, "probability must be above 0 and at most 1, got 0"),
        ({"kind": K.RESET, "probability": 1.1}, "probability must be above 0 and at most 1"),
        ({"kind": K.RESET, "times": 0}, "times must be at least 1, got 0"),
        ({"kind": K.RESET, "since": 5, "until": 5}, r"until must be after since \(5\), got 5"),
        ({"kind": K.FLASH_CRASH}, "until must be given for flash_crash"),
        ({"kind": K.DELISTING}, "until must be given for delisting"),
        ({"kind": K.RESET, "parameters": {"ms": 1}}, "parameters of reset are none, got 'ms'"),
        (
            {"kind": K.LATENCY, "parameters": {"s": 1}},
            "parameters of latency are ms, got 's'",
        ),
        ({"kind": K.LATENCY, "parameters": {"ms": -1}}, "ms must be 0 to 120000, got -1"),
        ({"kind": K.LATENCY, "parameters": {"ms": "1"}}, "ms must be a number, got '1'"),
        ({"kind": K.LATENCY, "parameters": {"ms": True}}, "ms must be a number, got True"),
        (
            {"kind": K.SERVER_ERROR, "parameters": {"status": 404}},
            "status must be one of 500, 502, 503, 504, got 404",
        ),
        ({"kind": K.STALE_BOOK, "endpoint": "*/depth"}, "endpoint means nothing to stale_book"),
        ({"kind": K.STREAM_CUT, "endpoint": "ALGO_UPDATE"}, "endpoint of stream_cut is a pattern"),
        ({"kind": K.STALE_BOOK, "probability": 0.5}, "stale_book is a state"),
        ({"kind": K.PRICE_GAP, "times": 1}, "price_gap is a state"),
    ],
)
def test_a_fault_names_what_is_wrong(fields, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Fault(**fields)


def test_every_parameter_has_a_default_that_it_allows():
    for parameters in PARAMETERS.values():
        for name, parameter in parameters.items():
            parameter.check(name, parameter.default)


@pytest.mark.parametrize(
    ("pattern", "met"),
    [
        ("*", True),
        ("/fapi/v1/order", True),
        ("POST /fapi/v1/order", True),
        ("POST /fapi/*", True),
        ("* /fapi/v1/o*", True),
        ("GET /fapi/v1/order", False),
        ("/fapi/v1/ord", False),
        ("/fapi/v1/algoOrder", False),
    ],
)
def test_endpoint_patterns(pattern, met):
    assert Fault(K.RESET, pattern).meets("POST", "/fapi/v1/order") is met


@pytest.mark.parametrize(("now", "on"), [(99, False), (100, True), (199, True), (200, False)])
def test_a_fault_is_on_from_since_to_just_before_until(now, on):
    plan = FaultPlan([Fault(K.RESET, since=100, until=200)])
    assert (plan.active(K.RESET, None, now) is not None) is on
    assert (plan.striking("GET", "/x", None, now)[1] is not None) is on


# The plan


def struck(plan: FaultPlan, method="GET", path="/fapi/v1/depth", symbol="BTCUSDT", now=0):
    delays, fault = plan.striking(method, path, symbol, now)
    return [d.kind for d in delays], fault.kind if fault else None


def test_a_fault_of_a_symbol_leaves_others_and_requests_without_one_alone():
    plan = FaultPlan([Fault(K.RESET, symbol="BTCUSDT")])
    assert [struck(plan, symbol=s)[1] for s in ("BTCUSDT", "ETHUSDT", None)] == [
        K.RESET, None, None,
    ]  # fmt: skip


def test_latencies_add_up_and_the_first_other_fault_strikes():
    plan = FaultPlan([Fault(K.LATENCY), Fault(K.RESET), Fault(K.BANNED), Fault(K.LATENCY)])
    assert struck(plan) == ([K.LATENCY], K.RESET)
    assert [plan.strikes(name) for name, _ in plan] == [1, 1, 0, 0]


def test_a_fault_that_has_struck_so_often_is_over():
    plan = FaultPlan([Fault(K.RESPONSE_LOST, "POST */order", times=2)])
    hits = [struck(plan, "POST", "/fapi/v1/order")[1] for _ in range(3)]
    assert hits == [K.RESPONSE_LOST, K.RESPONSE_LOST, None]
    assert plan.active(K.RESPONSE_LOST, None, 0) is None


def test_faults_of_orders_are_asked_for_and_not_met_by_requests():
    plan = FaultPlan([Fault(K.ORDER_EXPIRED, symbol="BTCUSDT", since=10, until=20, times=1)])
    assert struck(plan, now=15) == ([], None)
    assert plan.active(K.ORDER_EXPIRED, "BTCUSDT", 15) is plan["f1"]
    assert plan.strike(K.ORDER_EXPIRED, "ETHUSDT", 15) is None
    assert plan.strike(K.ORDER_EXPIRED, "BTCUSDT", 15) is plan["f1"]
    assert plan.strike(K.ORDER_EXPIRED, "BTCUSDT", 15) is None


def test_a_removed_fault_is_gone_and_ids_are_not_used_again():
    plan = FaultPlan([Fault(K.RESET)])
    assert plan.remove("f1").kind is K.RESET
    assert struck(plan) == ([], None)
    assert plan.add(Fault(K.RESET)) == "f2"
    with pytest.raises(KeyError):
        plan.remove("f1")


@given(seed=st.integers(0, 1000), probability=st.floats(0.05, 0.95))
def test_dice_are_the_plans_own(seed, probability):
    def strikes(others: bool) -> list[bool]:
        plan = FaultPlan([Fault(K.RESET, "*/depth", probability=probability)], seed)
        out = []
        for _ in range(60):
            if others:
                struck(plan, path="/fapi/v1/time")
            out.append(struck(plan)[1] is not None)
        return out

    assert strikes(others=False) == strikes(others=True)


def test_dice_hit_as_often_as_they_should():
    plan = FaultPlan([Fault(K.RESET, probability=0.3)], seed=5)
    hits = sum(struck(plan)[1] is not None for _ in range(4000))
    assert hits == pytest.approx(1200, abs=90)  # three standard deviations


# A seeded plan

KINDS = list(FaultKind)


@given(
    seed=st.integers(0, 100), intensity=st.floats(0.5, 50), kinds=st.sets(st.sampled_from(KINDS))
)
def test_a_random_plan_is_in_order_within_its_time_and_repeatable(seed, intensity, kinds):
    chosen = sorted(kinds)
    plan = random_plan(seed, START, START + DAY_MS, chosen, intensity, ["BTCUSDT"])
    assert plan == random_plan(seed, START, START + DAY_MS, chosen, intensity, ["BTCUSDT"])
    assert [f.since for f in plan] == sorted(f.since for f in plan)
    assert all(START < f.since < START + DAY_MS for f in plan)
    assert all(f.until is None or f.since < f.until <= START + DAY_MS for f in plan)
    assert {f.kind for f in plan} <= kinds


def test_other_kinds_and_a_later_end_change_nothing():
    half = START + DAY_MS // 2
    alone = random_plan(1, START, half, [K.LATENCY], 40)
    among = random_plan(1, START, START + DAY_MS, [K.RESET, K.LATENCY, K.PRICE_GAP], 40)
    assert len(alone) > 5
    of_kind = [f for f in among if f.kind is K.LATENCY and f.since < half]
    assert [(f.since, f.parameters) for f in of_kind] == [(f.since, f.parameters) for f in alone]


def test_intensity_is_the_episodes_of_each_kind_in_a_day():
    plan = random_plan(3, START, START + 100 * DAY_MS, KINDS, 5.0)
    for kind in KINDS:
        count = sum(f.kind is kind for f in plan)
        assert count == pytest.approx(500, abs=75), kind  # over three standard deviations


@pytest.mark.parametrize(
    ("end", "intensity", "message"),
    [(START, 1.0, "end must be after start"), (START + 1, 0.0, "intensity must be above 0")],
)
def test_a_random_plan_names_what_is_wrong(end, intensity, message):
    with pytest.raises(ValueError, match=message):
        random_plan(1, START, end, KINDS, intensity)


# The market under faults


@pytest.fixture
def disturbed(history):
    """A market at `NOW`, its plan still empty."""
    return Market(history, VirtualClock(NOW), seed=7)


def test_a_stale_book_is_the_one_before_it_went_stale(disturbed, history):
    calm = Market(history, VirtualClock(NOW - 1), seed=7).book("BTCUSDT", 20)
    disturbed.faults.add(Fault(K.STALE_BOOK, symbol="BTCUSDT", since=NOW))
    disturbed.clock.advance(HOUR_MS)
    stale = disturbed.book("BTCUSDT", 20)
    np.testing.assert_array_equal(stale.bid_prices, calm.bid_prices)
    np.testing.assert_array_equal(stale.ask_sizes, calm.ask_sizes)
    client = TestClient(create_app(disturbed))
    times = {
        symbol: client.get(f"/fapi/v1/depth?symbol={symbol}&limit=5").json()["T"]
        for symbol in ("BTCUSDT", "ETHUSDT")
    }
    assert times == {"BTCUSDT": NOW - 1, "ETHUSDT": NOW + HOUR_MS}


@pytest.mark.parametrize(
    ("side", "bids", "asks"), [("both", 0, 0), ("bids", 0, 20), ("asks", 20, 0)]
)
def test_an_empty_book_has_no_levels_on_the_sides_named(disturbed, side, bids, asks):
    disturbed.faults.add(Fault(K.EMPTY_BOOK, parameters={"side": side}))
    client = TestClient(create_app(disturbed))
    depth = client.get("/fapi/v1/depth?symbol=XRPUSDT&limit=20").json()
    assert (len(depth["bids"]), len(depth["asks"])) == (bids, asks)
    top = client.get("/fapi/v1/ticker/bookTicker?symbol=XRPUSDT").json()
    assert (float(top["bidPrice"]) > 0, float(top["askPrice"]) > 0) == (bids > 0, asks > 0)


@pytest.mark.parametrize("factor", [1, 10, 200])
def test_a_spread_is_pulled_apart_on_the_tick(disturbed, factor):
    before = disturbed.book("BTCUSDT", 20)
    disturbed.faults.add(Fault(K.WIDE_SPREAD, parameters={"factor": factor}))
    after = disturbed.book("BTCUSDT", 20)
    width = before.ask_prices[0] - before.bid_prices[0]
    assert after.ask_prices[0] - after.bid_prices[0] == pytest.approx(width * factor, abs=0.25)
    assert (np.diff(after.bid_prices) < 0).all()
    assert (np.diff(after.ask_prices) > 0).all()
    for prices in (after.bid_prices, after.ask_prices):
        np.testing.assert_allclose(prices / 0.1, np.rint(prices / 0.1), atol=1e-6)


def test_a_skewed_clock_is_told_by_the_server_and_moves_nothing_else(disturbed):
    before = disturbed.price("BTCUSDT")
    disturbed.faults.add(Fault(K.CLOCK_SKEW, until=NOW + 1000, parameters={"ms": -7000}))
    client = TestClient(create_app(disturbed))
    assert client.get("/fapi/v1/time").json() == {"serverTime": NOW - 7000}
    assert client.get("/fapi/v1/exchangeInfo").json()["serverTime"] == NOW - 7000
    assert disturbed.price("BTCUSDT") == before
    disturbed.clock.advance(1000)
    assert client.get("/fapi/v1/time").json() == {"serverTime": NOW + 1000}


# Prices under faults: `calm` is the same market without them


@pytest.fixture
def calm(history, disturbed):
    return Market(history, disturbed.clock, seed=7)


def test_a_gap_moves_every_price_at_once_and_stays(disturbed, calm):
    disturbed.clock.advance(12_345)  # between two ticks of the path
    disturbed.faults.add(Fault(K.PRICE_GAP, symbol="BTCUSDT", since=disturbed.now() + 1))
    assert disturbed.price("BTCUSDT") == calm.price("BTCUSDT")
    for wait in (1, 3 * HOUR_MS):
        disturbed.clock.advance(wait)
        for kind in PriceKind:
            moved = calm.price("BTCUSDT", kind) * 0.9
            assert disturbed.price("BTCUSDT", kind) == pytest.approx(moved, rel=1e-5)
    assert disturbed.price("ETHUSDT") == calm.price("ETHUSDT")
    assert disturbed.book("BTCUSDT", 5).bid_prices[0] == pytest.approx(
        calm.book("BTCUSDT", 5).bid_prices[0] * 0.9, rel=1e-3
    )


def test_a_gap_that_ends_is_undone(disturbed, calm):
    disturbed.faults.add(Fault(K.PRICE_GAP, since=NOW, until=NOW + HOUR_MS))
    disturbed.clock.advance(HOUR_MS - 1)
    assert disturbed.price("BTCUSDT") < 0.95 * calm.price("BTCUSDT")
    disturbed.clock.advance(1)
    assert disturbed.price("BTCUSDT") == pytest.approx(calm.price("BTCUSDT"), rel=1e-5)


def test_a_crash_falls_turns_and_recovers_in_part(disturbed, calm):
    end = NOW + 10 * MINUTE_MS
    parameters = {"change": -0.2, "recovery": 0.5, "mark_share": 0.25}
    disturbed.faults.add(Fault(K.FLASH_CRASH, since=NOW, until=end, parameters=parameters))
    seen = {}
    for minute in range(12):
        ratio = disturbed.price("SOLUSDT") / calm.price("SOLUSDT")
        mark = disturbed.price("SOLUSDT", PriceKind.MARK) / calm.price("SOLUSDT", PriceKind.MARK)
        seen[minute] = round(ratio, 3), round(mark, 3)
        disturbed.clock.advance(MINUTE_MS)
    assert seen[0] == (1.0, 1.0)
    assert seen[3] == (0.8, 0.95)
    assert seen[10] == seen[11] == (0.9, 0.975)
    falling = [seen[minute][0] for minute in range(4)]
    assert falling == sorted(falling, reverse=True)


@given(
    since=st.integers(1, 20 * MINUTE_MS),
    length=st.integers(1, 40 * MINUTE_MS),
    change=st.floats(-0.5, 0.5),
    kind=st.sampled_from([K.PRICE_GAP, K.FLASH_CRASH]),
)
def test_candles_hold_every_price_that_was_shown(history, since, length, change, kind):
    fault = Fault(
        kind, since=NOW + since, until=NOW + since + length, parameters={"change": change}
    )
    market = Market(history, VirtualClock(NOW), seed=7, faults=FaultPlan([fault]))
    shown = []
    for _ in range(140):
        shown.append((market.now(), market.price("BTCUSDT")))
        market.clock.advance(30_000)
    for interval in ("5m", "15m", "1h"):
        ms = INTERVALS_MS[interval]
        candles = market.candles("BTCUSDT", interval, limit=100)
        rows = candles.time.searchsorted([time for time, _ in shown], side="right") - 1
        prices = np.array([price for _, price in shown])
        assert (prices <= candles.high[rows] + 1e-6).all()
        assert (prices >= candles.low[rows] - 1e-6).all()
        assert (candles.low <= np.minimum(candles.open, candles.close) + 1e-6).all()
        assert (candles.high >= np.maximum(candles.open, candles.close) - 1e-6).all()
        for time, price in shown:
            if time % ms == 0:
                opened = candles.open[candles.time == time]
                assert opened == pytest.approx(price, rel=0.02)


def test_long_candles_are_the_aggregate_of_short_ones_under_a_crash(disturbed):
    disturbed.faults.add(Fault(K.FLASH_CRASH, since=NOW, until=NOW + 90 * MINUTE_MS))
    disturbed.clock.advance(5 * HOUR_MS)
    hours = disturbed.candles("BTCUSDT", "1h", limit=6)[:-1]
    short = disturbed.candles("BTCUSDT", "5m", start=int(hours.time[0]), limit=60)
    assert hours.low.tolist() == short.low.reshape(5, 12).min(axis=1).tolist()
    assert hours.high.tolist() == short.high.reshape(5, 12).max(axis=1).tolist()
    assert hours.close.tolist() == short.close.reshape(5, 12)[:, -1].tolist()
    np.testing.assert_allclose(hours.volume, short.volume.reshape(5, 12).sum(axis=1))
    ticker = disturbed.ticker("BTCUSDT")
    assert ticker.low == disturbed.candles("BTCUSDT", "5m", limit=288).low.min()


def test_a_price_fault_to_come_changes_nothing_that_is_shown(disturbed, calm):
    disturbed.clock.advance(12_345)
    ahead = disturbed.now() + 1
    disturbed.faults.add(Fault(K.PRICE_GAP, since=ahead))
    disturbed.faults.add(Fault(K.FLASH_CRASH, since=ahead, until=ahead + HOUR_MS))
    for interval in ("5m", "1h", "1d"):
        for mine, theirs in zip(
            disturbed.candles("BTCUSDT", interval).columns(),
            calm.candles("BTCUSDT", interval).columns(),
            strict=True,
        ):
            np.testing.assert_array_equal(mine, theirs)


def test_adding_a_later_fault_changes_no_past_candle(disturbed):
    disturbed.faults.add(Fault(K.FLASH_CRASH, since=NOW, until=NOW + HOUR_MS))
    disturbed.clock.advance(30 * MINUTE_MS)
    before = disturbed.candles("BTCUSDT", "5m", limit=50)
    disturbed.faults.add(Fault(K.PRICE_GAP, since=disturbed.now() + 1))
    disturbed.clock.advance(2 * HOUR_MS)
    after = disturbed.candles("BTCUSDT", "5m", start=int(before.time[0]), limit=49)
    for mine, theirs in zip(after.columns(), before[:-1].columns(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-12)


# Symbols


def listed(market: Market, symbol: str) -> tuple[str, int, int]:
    info = TestClient(create_app(market)).get("/fapi/v1/exchangeInfo").json()
    row = next(s for s in info["symbols"] if s["symbol"] == symbol)
    return row["status"], row["onboardDate"], row["deliveryDate"]


NEVER = 4133404800000


def test_a_delisting_is_announced_then_closes_only_and_then_is_over(disturbed):
    delivery = NOW + 2 * HOUR_MS
    disturbed.faults.add(Fault(K.DELISTING, symbol="XRPUSDT", since=NOW + HOUR_MS, until=delivery))
    seen = []
    for minutes in (0, 60, 29, 1, 29, 1):
        disturbed.clock.advance(minutes * MINUTE_MS)
        seen.append(listed(disturbed, "XRPUSDT"))
    assert seen == [
        ("TRADING", START, NEVER),
        ("TRADING", START, delivery),
        ("TRADING", START, delivery),
        ("SETTLING", START, delivery),
        ("SETTLING", START, delivery),
        ("CLOSE", START, delivery),
    ]


def test_a_listing_is_pending_until_its_day(disturbed):
    day = NOW + HOUR_MS
    pending = {"status": "PENDING_TRADING"}
    disturbed.faults.add(Fault(K.SYMBOL_STATUS, symbol="SOLUSDT", until=day, parameters=pending))
    assert listed(disturbed, "SOLUSDT") == ("PENDING_TRADING", day, NEVER)
    assert listed(disturbed, "BTCUSDT") == ("TRADING", START, NEVER)
    disturbed.clock.advance(HOUR_MS)
    assert listed(disturbed, "SOLUSDT") == ("TRADING", START, NEVER)


def test_a_maintenance_of_orders_closes_every_symbol_while_it_lasts(disturbed):
    disturbed.faults.add(Fault(K.MAINTENANCE, "*rder*", since=NOW, until=NOW + HOUR_MS))
    assert {listed(disturbed, s)[0] for s in disturbed.symbols} == {"CLOSE"}
    disturbed.clock.advance(HOUR_MS)
    assert {listed(disturbed, s)[0] for s in disturbed.symbols} == {"TRADING"}


def test_kinds_are_of_requests_orders_or_the_market():
    assert len(REQUEST_KINDS) == 11
    assert len(ORDER_KINDS) == 11
    assert not REQUEST_KINDS & ORDER_KINDS

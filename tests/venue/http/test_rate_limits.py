"""Weights, orders, refusals and bans, as the exchange counts them."""

from functools import partial

import ccxt
import httpx
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.venue.http.app import create_app
from perpkit.venue.http.rate_limits import Limiter, RateLimits
from perpkit.venue.http.server import running_venue
from perpkit.venue.http.weights import PRICED, Cost, Pool, cost_of
from perpkit.venue.overlay import overlay

T = 1_704_067_200_000  # the beginning of a minute
ONE = Cost(1)
ORDER = Cost(0, orders_10s=1, orders_1m=1)

# Weights


def test_what_has_a_price_of_its_own_is_served(market, exchange):
    client = TestClient(create_app(market, exchange=exchange))
    answers = {each: client.request(*each.split()).status_code for each in PRICED}
    assert [each for each, status in answers.items() if status == 404] == []


@pytest.mark.parametrize(
    ("endpoint", "parameters", "weight"),
    [
        ("GET /fapi/v1/ping", {}, 1),
        ("GET /fapi/v1/exchangeInfo", {}, 1),
        ("GET /fapi/v1/klines", {"limit": "1"}, 1),
        ("GET /fapi/v1/klines", {"limit": "99"}, 1),
        ("GET /fapi/v1/klines", {"limit": "100"}, 2),
        ("GET /fapi/v1/klines", {"limit": "499"}, 2),
        ("GET /fapi/v1/klines", {"limit": "500"}, 5),
        ("GET /fapi/v1/klines", {}, 5),
        ("GET /fapi/v1/klines", {"limit": "1000"}, 5),
        ("GET /fapi/v1/klines", {"limit": "1001"}, 10),
        ("GET /fapi/v1/klines", {"limit": "x"}, 5),
        ("GET /fapi/v1/markPriceKlines", {"limit": "1500"}, 10),
        ("GET /fapi/v1/premiumIndexKlines", {"limit": "1500"}, 10),
        ("GET /fapi/v1/depth", {"limit": "5"}, 2),
        ("GET /fapi/v1/depth", {"limit": "50"}, 2),
        ("GET /fapi/v1/depth", {"limit": "100"}, 5),
        ("GET /fapi/v1/depth", {}, 10),
        ("GET /fapi/v1/depth", {"limit": "1000"}, 20),
        ("GET /fapi/v1/ticker/24hr", {"symbol": "BTCUSDT"}, 1),
        ("GET /fapi/v1/ticker/24hr", {}, 40),
        ("GET /fapi/v1/ticker/price", {}, 2),
        ("GET /fapi/v2/ticker/price", {"symbol": "BTCUSDT"}, 1),
        ("GET /fapi/v2/ticker/price", {}, 2),
        ("GET /fapi/v1/ticker/bookTicker", {"symbol": "BTCUSDT"}, 2),
        ("GET /fapi/v1/ticker/bookTicker", {}, 5),
        ("GET /fapi/v1/premiumIndex", {}, 10),
        ("GET /fapi/v1/openOrders", {}, 40),
        ("GET /fapi/v1/order", {}, 1),
        ("DELETE /fapi/v1/order", {}, 1),
        ("GET /fapi/v1/income", {}, 30),
        ("GET /fapi/v3/account", {}, 5),
        ("POST /fapi/v1/order", {}, 0),
        ("POST /fapi/v1/batchOrders", {}, 5),
    ],
)
def test_the_weight_of_a_request(endpoint, parameters, weight):
    cost = cost_of(*endpoint.split(), parameters)
    assert cost is not None
    assert cost.weight == weight


@pytest.mark.parametrize(
    ("endpoint", "counted"),
    [
        ("POST /fapi/v1/order", (1, 1)),
        ("PUT /fapi/v1/order", (1, 1)),
        ("POST /fapi/v1/algoOrder", (1, 1)),
        ("POST /fapi/v1/batchOrders", (5, 1)),
        ("DELETE /fapi/v1/order", (0, 0)),
        ("GET /fapi/v1/order", (0, 0)),
        ("POST /fapi/v1/leverage", (0, 0)),
    ],
)
def test_which_requests_count_as_orders(endpoint, counted):
    cost = cost_of(*endpoint.split(), {})
    assert (cost.orders_10s, cost.orders_1m) == counted


@pytest.mark.parametrize(
    ("path", "pool"),
    [
        ("/fapi/v1/fundingRate", Pool.FUNDING),
        ("/fapi/v1/fundingInfo", Pool.FUNDING),
        ("/futures/data/openInterestHist", Pool.DATA),
        ("/fapi/v1/klines", None),
    ],
)
def test_endpoints_with_a_number_of_calls_of_their_own(path, pool):
    assert cost_of("GET", path, {}).pool is pool


def test_other_apis_are_not_counted_here():
    assert cost_of("GET", "/sapi/v1/account/apiRestrictions", {}) is None


# The limiter


def admit(limiter: Limiter, cost: Cost = ONE, at: int = 0, client: str = "a", key: str = "k"):
    return limiter.admit(client, key, cost, T + at)


def small(**limits: int) -> Limiter:
    return Limiter(RateLimits(**{"weight_1m": 10, "patience": 2, **limits}))


def test_weight_counts_up_to_the_limit_and_is_forgotten_with_the_minute():
    limiter = small()
    assert [admit(limiter, Cost(5)).used_weight for _ in range(2)] == [5, 10]
    refused = admit(limiter, ONE, at=12_345)
    assert (refused.status, refused.code, refused.used_weight) == (429, -1003, 11)
    assert refused.msg.startswith("Too many requests; current limit of IP(a) is 10 requests per ")
    assert refused.retry_after == 48
    assert admit(limiter, at=59_999).status == 429
    assert admit(limiter, at=60_000).used_weight == 1


def test_waiting_as_told_is_enough():
    limiter = small()
    admit(limiter, Cost(10))
    told = admit(limiter, at=20_001)
    assert admit(limiter, at=20_001 + told.retry_after * 1000).status == 200


def test_addresses_are_counted_apart():
    limiter = small()
    admit(limiter, Cost(10), client="a")
    assert admit(limiter, client="a").status == 429
    assert admit(limiter, client="b").status == 200


@pytest.mark.parametrize(
    ("limits", "words", "retry_after"),
    [
        ({"orders_10s": 3}, "3 orders per 10 SECOND", 10),
        ({"orders_1m": 3}, "3 orders per 1 MINUTE", 60),
    ],
)
def test_orders_are_counted_for_the_account_in_both_windows(limits, words, retry_after):
    limiter = small(**limits)
    counts = [admit(limiter, ORDER) for _ in range(3)]
    assert [(c.orders_10s, c.orders_1m, c.status) for c in counts] == [
        (1, 1, 200), (2, 2, 200), (3, 3, 200),
    ]  # fmt: skip
    refused = admit(limiter, ORDER, client="b")  # another address does not help
    assert (refused.status, refused.code) == (429, -1015)
    assert refused.msg == f"Too many new orders; current limit is {words}."
    assert refused.retry_after == retry_after
    assert admit(limiter, ORDER, key="other").status == 200
    assert admit(limiter, ONE).status == 200  # one may still look and cancel


@pytest.mark.parametrize("pool", list(Pool))
def test_pools_allow_so_many_calls_in_five_minutes(pool):
    limiter = small(calls_5m_funding=2, calls_5m_data=2)
    call = Cost(0, pool=pool)
    statuses = [admit(limiter, call, at=at).status for at in (0, 100_000, 200_000, 300_000)]
    assert statuses == [200, 200, 429, 200]
    other = Cost(0, pool=next(p for p in Pool if p is not pool))
    assert admit(limiter, other).status == 200


def test_who_does_not_listen_is_banned_and_bans_grow_up_to_the_longest():
    limiter = small(patience=2, longest_ban_ms=5 * MINUTE_MS)
    lengths, now = [], 0
    for _ in range(3):
        admit(limiter, Cost(10), at=now)
        assert [admit(limiter, at=now).status for _ in range(2)] == [429, 429]
        banned = admit(limiter, at=now)
        assert (banned.status, banned.code) == (418, -1003)
        until = now + banned.retry_after * 1000
        assert f"IP(a) banned until {T + until}." in banned.msg
        # Asking on changes nothing, and nothing is served until the end.
        assert admit(limiter, at=until - 1).status == 418
        assert admit(limiter, at=until).status == 200
        lengths.append((until - now) // MINUTE_MS)
        now = until + MINUTE_MS
    assert lengths == [2, 4, 5]


def test_bans_are_forgiven():
    limiter = small(patience=1, forgiven_ms=DAY_MS)

    def ban(at: int) -> int:
        admit(limiter, Cost(11), at=at)
        return admit(limiter, Cost(11), at=at).retry_after

    assert [ban(0), ban(10 * MINUTE_MS), ban(3 * DAY_MS)] == [120, 240, 120]


def test_being_served_starts_patience_anew():
    limiter = small(patience=2)
    for minute in range(5):
        at = minute * MINUTE_MS
        admit(limiter, Cost(10), at=at)
        assert [admit(limiter, at=at).status for _ in range(2)] == [429, 429]
    assert admit(limiter, at=5 * MINUTE_MS).status == 200


def test_without_enforcement_it_counts_and_refuses_nobody():
    limiter = Limiter(RateLimits(weight_1m=1), enforced=False)
    verdicts = [admit(limiter, Cost(40)) for _ in range(50)]
    assert {v.status for v in verdicts} == {200}
    assert verdicts[-1].used_weight == 2000


@given(
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(0, 40), st.integers(0, 3)), max_size=80)
)
def test_used_weight_is_the_sum_of_the_minute_and_decides(requests):
    limiter = Limiter(RateLimits(weight_1m=100, orders_10s=5, patience=1000))
    now, weights, orders = 0, {}, {}
    for pause, weight, placed in requests:
        now += pause
        minute, ten = now // MINUTE_MS, now // 10_000
        weights[minute] = weights.get(minute, 0) + weight
        orders[ten] = orders.get(ten, 0) + placed
        verdict = admit(limiter, Cost(weight, placed, placed), at=now)
        assert verdict.used_weight == weights[minute]
        assert verdict.orders_10s == orders[ten]
        over = (weight and weights[minute] > 100) or (placed and orders[ten] > 5)
        assert verdict.status == (429 if over else 200)
        assert 0 <= verdict.retry_after <= 60


def test_limits_name_what_is_wrong():
    with pytest.raises(ValueError, match=r"^patience must be at least 1, got 0$"):
        RateLimits(patience=0)


# Over HTTP


def test_the_headers_tell_what_is_used_by_the_venues_clock(market, clock):
    client = TestClient(create_app(market, limiter=Limiter()))
    header = "X-MBX-USED-WEIGHT-1M"
    assert client.get("/fapi/v1/ping").headers[header] == "1"
    assert client.get("/fapi/v1/ticker/24hr").headers[header] == "41"
    assert client.get("/fapi/v1/klines?symbol=FOO&interval=1h").headers[header] == "46"
    clock.time += MINUTE_MS
    assert client.get("/fapi/v1/ping").headers[header] == "1"


def test_order_counts_are_told_on_order_endpoints_only(market):
    client = TestClient(create_app(market))
    form = {"symbol": "BTCUSDT", "side": "BUY"}
    headers = {"X-MBX-APIKEY": "me"}
    for expected in ("1", "2"):
        answer = client.post("/fapi/v1/order", data=form, headers=headers)
        assert answer.headers["X-MBX-ORDER-COUNT-10S"] == expected
        assert answer.headers["X-MBX-ORDER-COUNT-1M"] == expected
    other = client.post("/fapi/v1/order", data=form, headers={"X-MBX-APIKEY": "you"})
    assert other.headers["X-MBX-ORDER-COUNT-10S"] == "1"
    assert "X-MBX-ORDER-COUNT-10S" not in client.get("/fapi/v1/ping").headers


def test_refusals_are_the_exchanges_and_stop_before_the_routes(market, clock):
    limits = RateLimits(weight_1m=40, patience=1)
    with running_venue(market, app=create_app(market, limiter=Limiter(limits))) as url:
        get = partial(httpx.get, f"{url}/fapi/v1/ticker/24hr")
        assert get().status_code == 200
        refused, banned = get(), get()
        log = httpx.get(f"{url}/control/log").json()
    left = 60 - clock.time % MINUTE_MS // 1000
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, str(left))
    assert refused.json()["code"] == banned.json()["code"] == -1003
    assert (banned.status_code, banned.headers["Retry-After"]) == (418, "120")
    assert [entry["executed"] for entry in log] == [200, 429, 418]
    assert [entry["weight"] for entry in log] == [40, 40, 40]


def test_ccxt_is_told_to_slow_down(market):
    limiter = Limiter(RateLimits(weight_1m=2, patience=1))
    with running_venue(market, app=create_app(market, limiter=limiter)) as url:
        binance = ccxt.binance(overlay(url)["exchange"]["ccxt_config"])
        for _ in range(2):
            binance.fapiPublicGetPing()
        for status in ("429", "418"):
            with pytest.raises(ccxt.DDoSProtection, match=f"binance {status} "):
                binance.fapiPublicGetPing()
        binance.session.close()


def test_the_overlay_of_a_venue_that_enforces_lets_ccxt_keep_the_limits():
    throttled = overlay("http://x", throttle=True)["exchange"]["ccxt_config"]
    assert throttled["enableRateLimit"] is True
    assert overlay("http://x")["exchange"]["ccxt_config"]["enableRateLimit"] is False

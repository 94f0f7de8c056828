"""The HTTP: the exchange's shapes, and its refusals word for word."""

from threading import get_ident

import numpy as np
import pytest
from fastapi.testclient import TestClient

from perpkit.durations import DAY_MS, HOUR_MS
from perpkit.venue.http.app import create_app
from perpkit.venue.http.statistics import STATISTICS
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.history import History
from perpkit.venue.market.listing import Lifetime
from perpkit.venue.market.market import Market

START = 1_704_067_200_000
ILLEGAL = "Illegal characters found in parameter '{}'; legal range is '^[0-9]{{1,20}}$'."
MANDATORY = "Mandatory parameter '{}' was not sent, was empty/null, or malformed."
INVALID = "Data sent for parameter '{}' is not valid."


@pytest.fixture
def client(market: Market) -> TestClient:
    return TestClient(create_app(market))


@pytest.mark.parametrize(
    "path",
    [
        "klines?symbol=BTCUSDT",
        "markPriceKlines?symbol=BTCUSDT",
        "indexPriceKlines?pair=BTCUSDT",
        "premiumIndexKlines?symbol=BTCUSDT",
        "continuousKlines?pair=BTCUSDT&contractType=PERPETUAL",
    ],
)
def test_candles_of_calendar_months(client, clock, path):
    clock.time = START + 33 * DAY_MS
    rows = client.get(f"/fapi/v1/{path}&interval=1M").json()
    assert [(row[0] - START, row[6] + 1 - START) for row in rows] == [
        (0, 31 * DAY_MS),
        (31 * DAY_MS, 60 * DAY_MS),
    ]


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("fapi/v1/klines?symbol=FOO&interval=1h", -1121, "Invalid symbol."),
        ("fapi/v1/depth?symbol=btcusdt", -1121, "Invalid symbol."),
        ("fapi/v1/fundingRate?symbol=FOO", -1121, "Invalid symbol."),
        ("fapi/v1/ticker/24hr?symbol=FOO", -1121, "Invalid symbol."),
        ("fapi/v1/klines?symbol=BTCUSDT&interval=7m", -1120, "Invalid interval."),
        ("fapi/v1/klines?symbol=BTCUSDT&interval=1m", -1120, "Invalid interval."),
        ("fapi/v1/klines?symbol=BTCUSDT", -1102, MANDATORY.format("interval")),
        ("fapi/v1/klines?symbol=&interval=1h", -1102, MANDATORY.format("symbol")),
        ("fapi/v1/indexPriceKlines?symbol=BTCUSDT&interval=1h", -1102, MANDATORY.format("pair")),
        ("fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=x", -1100, ILLEGAL.format("limit")),
        (
            "fapi/v1/fundingRate?symbol=BTCUSDT&startTime=1.5",
            -1100,
            ILLEGAL.format("startTime"),
        ),
        ("fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=1501", -1130, INVALID.format("limit")),
        ("fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=0", -1130, INVALID.format("limit")),
        ("fapi/v1/fundingRate?limit=1001", -1130, INVALID.format("limit")),
        (
            "fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime=9&endTime=8",
            -1023,
            "Start time is greater than end time.",
        ),
        ("fapi/v1/depth?symbol=BTCUSDT&limit=7", -4021, "'7' is not valid depth limit."),
        ("fapi/v1/depth?symbol=BTCUSDT&limit=1500", -4021, "'1500' is not valid depth limit."),
        ("fapi/v1/depth?symbol=BTCUSDT&limit=0", -4021, "'0' is not valid depth limit."),
        ("fapi/v1/depth?symbol=BTCUSDT&limit=x", -1100, ILLEGAL.format("limit")),
        ("fapi/v1/indexPriceKlines?pair=FOO&interval=1h", -4144, "Invalid pair."),
        (
            "fapi/v1/continuousKlines?pair=FOO&contractType=PERPETUAL&interval=1h",
            -4144,
            "Invalid pair.",
        ),
        (
            f"fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime={10**25}",
            -1100,
            ILLEGAL.format("startTime"),
        ),
        (
            f"fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime={10**19}",
            -1130,
            INVALID.format("startTime"),
        ),
        (
            "futures/data/openInterestHist?symbol=BTCUSDT&period=1w",
            -1130,
            INVALID.format("period"),
        ),
        (
            f"futures/data/openInterestHist?symbol=BTCUSDT&period=1h&startTime={START}",
            -1130,
            "parameter 'startTime' is invalid.",
        ),
    ],
)
def test_refusals(client, path, code, message):
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.json() == {"code": code, "msg": message}


@pytest.mark.parametrize(("method", "status"), [("GET", 404), ("POST", 404)])
def test_an_unknown_path(client, method, status):
    answer = client.request(method, "/fapi/v1/nothing")
    assert answer.status_code == status
    assert answer.json() == {
        "code": -5000,
        "msg": f"Path /fapi/v1/nothing, Method {method} is invalid",
    }


def test_klines_are_rows_of_twelve_with_strings_on_the_grid(client, history):
    rows = client.get(
        "/fapi/v1/klines", params={"symbol": "XRPUSDT", "interval": "1h", "startTime": START}
    ).json()
    candles = history.pairs["XRPUSDT"].candles(PriceKind.LAST, "1h")
    assert len(rows) == 500
    assert {len(row) for row in rows} == {12}
    assert [row[0] for row in rows] == candles.time[:500].tolist()
    assert [row[6] for row in rows] == (candles.time[:500] + HOUR_MS - 1).tolist()
    for column, values in ((1, candles.open), (4, candles.close), (5, candles.volume)):
        np.testing.assert_allclose([float(row[column]) for row in rows], values[:500], rtol=1e-9)
    assert all(len(row[4].split(".")[1]) == 4 and len(row[5].split(".")[1]) == 1 for row in rows)


@pytest.mark.parametrize(
    ("path", "name", "kind"),
    [("markPriceKlines", "symbol", PriceKind.MARK), ("indexPriceKlines", "pair", PriceKind.INDEX)],
)
def test_mark_and_index_klines_have_no_volume(client, history, path, name, kind):
    rows = client.get(
        f"/fapi/v1/{path}", params={name: "BTCUSDT", "interval": "1h", "startTime": START}
    ).json()
    closes = history.pairs["BTCUSDT"].candles(kind, "1h").close[:500]
    np.testing.assert_allclose([float(row[4]) for row in rows], closes, rtol=1e-9)
    assert {row[5] for row in rows} == {"0"}


@pytest.mark.parametrize("interval", ["5m", "1h", "8h"])
def test_the_premium_is_what_the_last_price_is_above_the_index(client, history, interval):
    asked = {"symbol": "BTCUSDT", "interval": interval, "startTime": START, "limit": 80}
    rows = client.get("/fapi/v1/premiumIndexKlines", params=asked).json()
    pair = history.pairs["BTCUSDT"]
    last, index = (pair.candles(k, interval) for k in (PriceKind.LAST, PriceKind.INDEX))
    assert len(rows) == 80
    assert [row[0] for row in rows] == last.time[:80].tolist()
    found = np.array([[float(text) for text in row[1:5]] for row in rows]).T
    opened, high, low, closed = found
    np.testing.assert_allclose(opened, (last.open / index.open - 1)[:80], atol=1e-8)
    np.testing.assert_allclose(closed, (last.close / index.close - 1)[:80], atol=1e-8)
    assert (high == found.max(axis=0)).all()
    assert (low == found.min(axis=0)).all()
    assert found.any()
    assert {row[5] for row in rows} == {"0"}


def test_funding_is_what_the_formula_makes_of_the_premium(client):
    asked = {"symbol": "BTCUSDT", "interval": "5m", "startTime": START, "limit": 960}
    rows = client.get("/fapi/v1/premiumIndexKlines", params=asked).json()
    steps = np.array([float(row[4]) for row in rows]).reshape(10, 96)
    mean = steps @ np.arange(1, 97) / np.arange(1, 97).sum()
    expected = mean + np.clip(0.0001 - mean, -0.0005, 0.0005)
    settled = client.get(
        "/fapi/v1/fundingRate", params={"symbol": "BTCUSDT", "startTime": START, "limit": 10}
    ).json()
    np.testing.assert_allclose([float(row["fundingRate"]) for row in settled], expected, atol=2e-8)


def test_exchange_info_has_the_filters_and_types_that_orders_need(client):
    info = client.get("/fapi/v1/exchangeInfo").json()
    sol = next(s for s in info["symbols"] if s["symbol"] == "SOLUSDT")
    filters = {f["filterType"]: f for f in sol["filters"]}
    assert float(filters["PRICE_FILTER"]["tickSize"]) == 0.01
    assert filters["LOT_SIZE"]["stepSize"] == filters["LOT_SIZE"]["minQty"] == "0.01"
    assert filters["MIN_NOTIONAL"]["notional"] == "5"
    assert {"MARKET_LOT_SIZE", "PERCENT_PRICE"} < set(filters)
    assert (sol["status"], sol["contractType"], sol["onboardDate"]) == (
        "TRADING",
        "PERPETUAL",
        START,
    )
    assert "STOP_MARKET" in sol["orderTypes"]


def test_one_symbol_is_an_object_and_none_is_a_list_of_all(client, history):
    for path in ("ticker/24hr", "ticker/price", "ticker/bookTicker", "premiumIndex"):
        one = client.get(f"/fapi/v1/{path}", params={"symbol": "BTCUSDT"}).json()
        every = client.get(f"/fapi/v1/{path}").json()
        assert [row["symbol"] for row in every] == list(history.pairs)
        assert every[0] == one


def test_funding_of_all_pairs_is_in_order_of_time(client, clock):
    rows = client.get("/fapi/v1/fundingRate", params={"limit": 40}).json()
    times = [row["fundingTime"] for row in rows]
    assert len(rows) == 40
    assert times == sorted(times)
    assert times[-1] <= clock.time
    first = client.get("/fapi/v1/fundingRate", params={"limit": 3, "startTime": START}).json()
    assert [(row["symbol"], row["fundingTime"] - START) for row in first] == [
        ("SOLUSDT", 4 * HOUR_MS), ("BTCUSDT", 8 * HOUR_MS), ("ETHUSDT", 8 * HOUR_MS),
    ]  # fmt: skip


def test_funding_intervals_are_told(client):
    hours = {
        r["symbol"]: r["fundingIntervalHours"] for r in client.get("/fapi/v1/fundingInfo").json()
    }
    assert hours["SOLUSDT"] == 4
    assert hours["BTCUSDT"] == 8


def test_depth_is_the_book(client, market):
    answer = client.get("/fapi/v1/depth", params={"symbol": "ETHUSDT", "limit": 20}).json()
    book = market.book("ETHUSDT", 20)
    assert [float(p) for p, _ in answer["bids"]] == pytest.approx(book.bid_prices.tolist())
    assert [float(s) for _, s in answer["asks"]] == pytest.approx(book.ask_sizes.tolist())
    top = client.get("/fapi/v1/ticker/bookTicker", params={"symbol": "ETHUSDT"}).json()
    assert [top["bidPrice"], top["bidQty"]] == answer["bids"][0]
    assert [top["askPrice"], top["askQty"]] == answer["asks"][0]


@pytest.mark.parametrize(
    ("path", "field", "what", "damping"),
    [
        ("globalLongShortAccountRatio", "longShortRatio", "long_short_ratio", 1.0),
        ("topLongShortAccountRatio", "longShortRatio", "long_short_ratio", 0.9),
        ("topLongShortPositionRatio", "longShortRatio", "long_short_ratio", 0.4),
        ("takerlongshortRatio", "buySellRatio", "taker_ratio", 1.0),
        ("openInterestHist", "sumOpenInterest", "open_interest", 1.0),
    ],
)
def test_statistics_are_the_readings(client, market, clock, path, field, what, damping):
    start = clock.time - DAY_MS
    answer = client.get(
        f"/futures/data/{path}",
        params={"symbol": "BTCUSDT", "period": "1h", "limit": 5, "startTime": start},
    ).json()
    times, values = market.readings("BTCUSDT", what, "1h", limit=5)
    assert [row["timestamp"] for row in answer] == times.tolist()
    assert [float(row[field]) for row in answer] == pytest.approx(
        (values**damping).tolist(), abs=1e-4
    )


def test_longs_and_shorts_are_shares_of_one(client):
    rows = client.get(
        "/futures/data/globalLongShortAccountRatio", params={"symbol": "BTCUSDT", "period": "1h"}
    ).json()
    assert len(rows) == 30
    for row in rows:
        long, short = float(row["longAccount"]), float(row["shortAccount"])
        assert long + short == pytest.approx(1, abs=2e-4)
        assert long / short == pytest.approx(float(row["longShortRatio"]), rel=1e-2)


def test_taker_volumes_add_up_to_the_candle(client, market, clock):
    row = client.get(
        "/futures/data/takerlongshortRatio",
        params={"symbol": "BTCUSDT", "period": "1h", "limit": 1},
    ).json()[0]
    hour = market.candles("BTCUSDT", "1h", start=row["timestamp"] - HOUR_MS, limit=1)
    assert float(row["buyVol"]) + float(row["sellVol"]) == pytest.approx(hour.volume[0], abs=0.01)
    assert float(row["buyVol"]) / float(row["sellVol"]) == pytest.approx(
        float(row["buySellRatio"]), rel=1e-3
    )


def test_unknown_open_interest_is_an_error_and_not_zero(history, clock):
    from dataclasses import replace

    bare = History({"BTCUSDT": replace(history.pairs["BTCUSDT"], positioning=None)})
    client = TestClient(create_app(Market(bare, clock)))
    answer = client.get("/fapi/v1/openInterest", params={"symbol": "BTCUSDT"})
    assert answer.json() == {"code": -1000, "msg": "No open interest on record for BTCUSDT."}
    empty = client.get(
        "/futures/data/openInterestHist", params={"symbol": "BTCUSDT", "period": "1h"}
    )
    assert empty.json() == []


def test_the_clock_is_told(client, clock):
    assert client.get("/fapi/v1/ping").json() == {}
    assert client.get("/fapi/v1/time").json() == {"serverTime": clock.time}


@pytest.mark.parametrize(
    ("path", "list_path"),
    [
        ("fapi/v1/ticker/24hr", "fapi/v1/ticker/24hr"),
        ("fapi/v1/ticker/price", "fapi/v1/ticker/price"),
        ("fapi/v1/ticker/bookTicker", "fapi/v1/ticker/bookTicker"),
        ("fapi/v1/premiumIndex", "fapi/v1/premiumIndex"),
        ("fapi/v1/depth", None),
        ("fapi/v1/openInterest", None),
    ],
)
@pytest.mark.parametrize("day", [1, 30])
def test_a_contract_without_trading_has_no_price(history, clock, day, path, list_path):
    """Before its listing on the tenth day, and after its end on the twentieth."""
    life = Lifetime(START + 10 * DAY_MS, START + 20 * DAY_MS)
    pairs = dict(history.pairs) | {"XRPUSDT": history.pairs["XRPUSDT"].within(life)}
    clock.time = START + day * DAY_MS
    client = TestClient(create_app(Market(History(pairs), clock)))
    refused = client.get(f"{path}?symbol=XRPUSDT")
    assert (refused.status_code, refused.json()["code"]) == (400, -4108)
    assert client.get(f"{path}?symbol=BTCUSDT").status_code == 200
    if list_path:
        shown = [row["symbol"] for row in client.get(list_path).json()]
        assert shown == ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT"]
    listed = {
        s["symbol"]: s["status"] for s in client.get("fapi/v1/exchangeInfo").json()["symbols"]
    }
    assert listed["XRPUSDT"] == ("PENDING_TRADING" if day == 1 else "CLOSE")
    candles = client.get("fapi/v1/klines?symbol=XRPUSDT&interval=1d").json()
    assert len(candles) == (0 if day == 1 else 10)


def test_a_book_that_is_another_has_another_id(market, clock):
    """Within a second, too: its prices follow the last one."""
    client = TestClient(create_app(market))
    clock.time = clock.time // 1000 * 1000
    seen: dict[int, tuple[object, ...]] = {}
    for _ in range(40):
        clock.time += 49
        book = client.get("/fapi/v1/depth?symbol=BTCUSDT&limit=5").json()
        top = client.get("/fapi/v1/ticker/bookTicker?symbol=BTCUSDT").json()
        assert top["lastUpdateId"] == book["lastUpdateId"]
        assert [top["bidPrice"], top["bidQty"]] == book["bids"][0]
        shown = (str(book["bids"]), str(book["asks"]))
        assert seen.setdefault(book["lastUpdateId"], shown) == shown
    assert list(seen) == sorted(seen)
    assert len(set(seen.values())) > 3


def test_statistics_are_read_in_the_loop(market, monkeypatch):
    """In a thread they would read the faults while the loop adds one."""
    threads, readings = set(), Market.readings

    def noted(*args, **how):
        threads.add(get_ident())
        return readings(*args, **how)

    monkeypatch.setattr(Market, "readings", noted)
    with TestClient(create_app(market)) as client:
        client.get("/fapi/v1/openInterest?symbol=BTCUSDT").raise_for_status()
        assert len(threads) == 1
        for name in STATISTICS:
            client.get(f"/futures/data/{name}?symbol=BTCUSDT&period=1h").raise_for_status()
    assert len(threads) == 1

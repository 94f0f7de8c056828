"""What an account can look up of its past."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import Algo, AlgoStatus, Fill, Income, IncomeKind, Lookup, Order
from perpkit.venue.engine import history as past
from perpkit.venue.engine.history import DAY_MS, KEPT_MS, WINDOW_MS
from perpkit.venue.engine.orders import (
    OrderStatus,
    OrderType,
    PositionSide,
    Side,
    TimeInForce,
    WorkingType,
)
from perpkit.venue.errors import VenueError
from tests.venue.engine.desk import dec

NOW = 200 * DAY_MS
BTC, ETH = "BTCUSDT", "ETHUSDT"


def order(number: int, created: int, symbol: str = BTC, status: str = "FILLED", executed: int = 1):
    return Order(
        id=number,
        client_id=f"c{number}",
        symbol=symbol,
        side=Side.BUY,
        position_side=PositionSide.BOTH,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        quantity=dec(1),
        price=dec(100),
        reduce_only=False,
        closing=False,
        created=created,
        updated=created,
        status=OrderStatus(status),
        executed=dec(executed),
    )


def algo(number: int, created: int, status: str = "NEW", became: Order | None = None):
    return Algo(
        id=number,
        client_id=f"a{number}",
        symbol=BTC,
        side=Side.SELL,
        position_side=PositionSide.BOTH,
        type=OrderType.STOP_MARKET,
        time_in_force=TimeInForce.GTC,
        working_type=WorkingType.CONTRACT_PRICE,
        quantity=dec(1),
        price=dec(0),
        trigger_price=dec(90),
        activate_price=dec(0),
        callback_rate=dec(0),
        reduce_only=True,
        close_position=False,
        created=created,
        updated=created,
        status=AlgoStatus(status),
        order=became,
    )


def fill(number: int, time: int, symbol: str = BTC, order_id: int = 1):
    return Fill(
        number, order_id, symbol, Side.BUY, PositionSide.BOTH, dec(100), dec(1), dec(0), dec(0),
        maker=False, time=time,
    )  # fmt: skip


def income(number: int, time: int, symbol: str = BTC, kind: str = "COMMISSION"):
    return Income(number, IncomeKind(kind), dec(-1), symbol, time)


# One of each a day, oldest first: ids 100 to 199, the last at NOW - 1 day.
DAYS = range(100, 200)
FILLS = [fill(day, day * DAY_MS) for day in DAYS]
ORDERS = [order(day, day * DAY_MS) for day in DAYS]
ALGOS = [algo(day, day * DAY_MS, "FINISHED", order(day, day * DAY_MS)) for day in DAYS]
INCOMES = [income(day, day * DAY_MS) for day in DAYS]

ENDPOINTS = {
    "userTrades": lambda lookup: past.trades(FILLS, lookup, NOW, BTC),
    "allOrders": lambda lookup: past.orders(ORDERS, lookup, NOW, BTC),
    "allAlgoOrders": lambda lookup: past.algos(ALGOS, lookup, NOW, BTC),
    "income": lambda lookup: past.incomes(INCOMES, lookup, NOW),
}


def ids(endpoint: str, **lookup: int) -> list[int]:
    return [row.id for row in ENDPOINTS[endpoint](Lookup(lookup.pop("limit", 500), **lookup))]


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        ({}, range(193, 200)),  # the last seven days, both ends included
        ({"limit": 2}, range(198, 200)),  # the most recent
        ({"start": 150 * DAY_MS, "end": 157 * DAY_MS}, range(150, 158)),
        ({"start": 150 * DAY_MS, "end": 157 * DAY_MS, "limit": 2}, range(150, 152)),  # the oldest
        ({"start": 150 * DAY_MS, "end": 150 * DAY_MS}, range(150, 151)),
        ({"start": 195 * DAY_MS}, range(195, 200)),
        ({"start": 300 * DAY_MS}, range(0)),
        ({"end": 105 * DAY_MS}, range(0)),  # older than 90 days
        ({"start": 110 * DAY_MS, "end": 112 * DAY_MS}, range(110, 113)),
    ],
)
def test_which_rows(endpoint, lookup, expected):
    assert ids(endpoint, **lookup) == list(expected)


@pytest.mark.parametrize(("days", "expected"), [((100, 106), ()), ((105, 112), range(110, 113))])
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_start_before_what_is_kept(endpoint, days, expected):
    """As users of the exchange have measured: only for orders it is an error."""
    start, end = (day * DAY_MS for day in days)
    if endpoint != "allOrders":
        assert ids(endpoint, start=start, end=end) == list(expected)
        return
    with pytest.raises(VenueError, match=r"-4166 Search window is restricted to recent 90 days"):
        ids(endpoint, start=start, end=end)


@pytest.mark.parametrize("endpoint", ["userTrades", "allOrders", "allAlgoOrders"])
def test_windows_of_seven_days(endpoint):
    assert ids(endpoint, start=150 * DAY_MS) == list(range(150, 158))
    assert ids(endpoint, end=150 * DAY_MS) == list(range(143, 151))
    assert ids(endpoint, end=150 * DAY_MS, limit=3) == [148, 149, 150]
    with pytest.raises(VenueError, match=r"-4165 Maximum time interval is 7 days\."):
        ids(endpoint, start=150 * DAY_MS, end=157 * DAY_MS + 1)


def test_income_has_no_longest_window():
    assert ids("income", start=150 * DAY_MS) == list(range(150, 200))
    assert ids("income", start=120 * DAY_MS, end=160 * DAY_MS) == list(range(120, 161))
    assert ids("income", end=112 * DAY_MS) == [110, 111, 112]
    assert ids("income", start=120 * DAY_MS, limit=3, page=2) == [123, 124, 125]
    assert ids("income", start=120 * DAY_MS, limit=3, page=99) == []


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_start_after_the_end(endpoint):
    with pytest.raises(VenueError, match="-1023"):
        ids(endpoint, start=2, end=1)


@pytest.mark.parametrize("endpoint", ["userTrades", "allOrders", "allAlgoOrders"])
def test_from_an_id_on(endpoint):
    assert ids(endpoint, first=190, limit=3) == [190, 191, 192]
    assert ids(endpoint, first=199) == [199]
    assert ids(endpoint, first=200) == []
    assert ids(endpoint, first=0, limit=2) == [110, 111]


@pytest.mark.parametrize("times", [{"start": 1}, {"end": 1}, {"start": 1, "end": 2}])
def test_trades_from_an_id_have_no_times(times):
    with pytest.raises(VenueError, match="-1106"):
        ids("userTrades", first=1, **times)


def test_other_symbols_orders_and_kinds_are_left_out():
    rows = [fill(1, NOW, order_id=7), fill(2, NOW, ETH, order_id=7), fill(3, NOW, order_id=8)]
    lookup = Lookup(10)
    assert [row.id for row in past.trades(rows, lookup, NOW, BTC)] == [1, 3]
    assert [row.id for row in past.trades(rows, lookup, NOW, BTC, order_id=7)] == [1]
    incomes = [income(1, NOW), income(2, NOW, ETH), income(3, NOW, kind="FUNDING_FEE")]
    assert [row.id for row in past.incomes(incomes, lookup, NOW, BTC)] == [1, 3]
    fees = past.incomes(incomes, lookup, NOW, kind=IncomeKind.FUNDING_FEE)
    assert [row.id for row in fees] == [3]
    assert past.incomes(incomes, lookup, NOW, kind=IncomeKind.TRANSFER) == []


@pytest.mark.parametrize(
    ("status", "executed", "age_ms", "forgotten"),
    [
        ("CANCELED", 0, 3 * DAY_MS, False),
        ("CANCELED", 0, 3 * DAY_MS + 1, True),
        ("EXPIRED", 0, 3 * DAY_MS + 1, True),
        ("CANCELED", 1, 3 * DAY_MS + 1, False),
        ("EXPIRED", 1, 80 * DAY_MS, False),
        ("NEW", 0, 80 * DAY_MS, False),
        ("FILLED", 1, KEPT_MS, False),
        ("FILLED", 1, KEPT_MS + 1, True),
        ("CANCELED", 1, KEPT_MS + 1, True),
    ],
)
def test_when_orders_are_forgotten(status, executed, age_ms, forgotten):
    placed = NOW - age_ms
    one = order(1, placed, status=status, executed=executed)
    assert past.order_forgotten(one, NOW) is forgotten
    found = past.orders([one], Lookup(1, start=max(placed, NOW - KEPT_MS)), NOW, BTC)
    assert (found == []) is forgotten
    kind = "FINISHED" if status == "FILLED" else status
    became = order(2, placed, executed=executed) if executed else None
    conditional = algo(1, placed, kind, became)
    assert past.algo_forgotten(conditional, NOW) is forgotten


@pytest.mark.parametrize("bad", [{"limit": 0}, {"limit": -1}, {"limit": 1, "page": 0}])
def test_no_slice_from_the_wrong_end(bad):
    with pytest.raises(ValueError, match="must be at least 1"):
        Lookup(**bad)


# Ids rise, several rows may share a moment, and gaps may be longer than a window.
STEPS = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 3 * DAY_MS) | st.just(0)), max_size=40)
LIMITS = st.integers(1, 7)


def rows_of(steps: list[tuple[int, int]], make) -> list:
    number, time, rows = 0, NOW - 80 * DAY_MS, []
    for more, later in steps:
        number, time = number + more, min(time + later, NOW)
        rows.append(make(number, time))
    return rows


@pytest.mark.parametrize(
    ("make", "look"), [(fill, past.trades), (order, past.orders), (algo, past.algos)]
)
@given(steps=STEPS, limit=LIMITS)
def test_a_pager_by_id_sees_every_row_once_and_ends(make, look, steps, limit):
    rows, seen, first = rows_of(steps, make), [], 0
    for _ in range(len(rows) + 2):
        page = look(rows, Lookup(limit, first=first), NOW, BTC)
        if not page:
            break
        assert len(page) <= limit
        seen += page
        first = page[-1].id + 1
    else:
        pytest.fail("the pager does not end")
    assert seen == rows


@given(steps=STEPS, limit=LIMITS)
def test_a_pager_by_page_sees_every_income_once_and_ends(steps, limit):
    rows, seen = rows_of(steps, income), []
    for number in range(1, len(rows) + 2):
        page = past.incomes(rows, Lookup(limit, start=NOW - KEPT_MS, page=number), NOW)
        if not page:
            break
        seen += page
    assert seen == rows


@pytest.mark.parametrize(
    ("make", "look"),
    [
        (fill, lambda rows, lookup: past.trades(rows, lookup, NOW, BTC)),
        (income, lambda rows, lookup: past.incomes(rows, lookup, NOW)),
    ],
)
@given(steps=STEPS, limit=LIMITS)
def test_a_pager_by_time_sees_every_row_once(make, look, steps, limit):
    """Window after window, each from behind the last row of a full page."""
    rows = [row for row in rows_of([(n, later + 1) for n, later in steps], make) if row.time < NOW]
    seen, start = [], NOW - KEPT_MS
    while start <= NOW:
        end = min(start + WINDOW_MS, NOW)
        page = look(rows, Lookup(limit, start=start, end=end))
        seen += page
        start = page[-1].time + 1 if len(page) == limit else end + 1
    assert seen == rows


@given(steps=STEPS, limit=LIMITS)
def test_without_a_start_the_last_rows_of_the_week_come(steps, limit):
    rows = rows_of(steps, fill)
    week = [row for row in rows if row.time >= NOW - WINDOW_MS]
    assert past.trades(rows, Lookup(limit), NOW, BTC) == week[-limit:]

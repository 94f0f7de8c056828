"""What happens at the exchange does not depend on how often anyone looks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.engine import Account, NewAlgo, NewOrder
from perpkit.venue.exchange import replay
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.market.candles import PriceKind
from perpkit.venue.market.clock import SystemClock, VirtualClock
from perpkit.venue.market.market import Market
from tests.cases import cases
from tests.venue.conftest import START

BTC, ETH = "BTCUSDT", "ETHUSDT"
FIRST = START + 25 * DAY_MS + 13 * MINUTE_MS
# How often, and for how long: as many looks as are quick to take, ms.
LOOKS = ((1_000, 10 * MINUTE_MS), (5_000, 45 * MINUTE_MS), (60_000, 9 * HOUR_MS))
PART = Decimal("0.01")


class Desk:
    """One account at a venue whose clock the test moves."""

    def __init__(self, history, start: int = FIRST, wallet: int = 10_000) -> None:
        self.clock = VirtualClock(start)
        self.market = Market(history, self.clock, seed=7)
        self.exchange = Exchange(self.market)
        self.engine = self.exchange.engine
        self.account: Account = self.engine.add_account("key", "secret", Decimal(wallet), start)

    def price(self, symbol: str, share: float) -> Decimal:
        """The last price times `share`, on the tick."""
        return self.engine.contract(symbol).price(self.market.price(symbol) * share)

    def order(self, symbol: str, side: str, quantity: Decimal, **fields: Any) -> None:
        now = self.exchange.catch_up(symbol)
        kind = "LIMIT" if "price" in fields else "MARKET"
        if kind == "LIMIT":
            fields["time_in_force"] = "GTC"
        new = NewOrder(symbol, side, kind, quantity, **fields)
        self.engine.place_order(self.account, new, now)

    def algo(self, symbol: str, side: str, kind: str, quantity: Decimal, **fields: Any) -> None:
        now = self.exchange.catch_up(symbol)
        new = NewAlgo(symbol, side, kind, quantity, reduce_only=True, **fields)
        self.engine.place_algo(self.account, new, now)

    def watch(self, length: int, every: int) -> None:
        end = self.clock.now() + length
        while self.clock.now() < end:
            self.clock.advance(min(every, end - self.clock.now()))
            self.exchange.catch_up()

    def happened(self) -> list[tuple[Any, ...]]:
        fills = [(f.symbol, f.time, f.price, f.quantity, f.commission) for f in self.account.fills]
        incomes = [(i.symbol, i.kind, i.time, i.amount) for i in self.account.incomes]
        algos = [(a.status, a.triggered, a.extreme) for a in self.account.algos.values()]
        return [*fills, *incomes, *algos]


def protect(desk: Desk, symbol: str, quantity: Decimal, near: float) -> None:
    """A long, with a stop, a take-profit, both kinds of trailing stops and a mark-price stop."""
    desk.order(symbol, "BUY", 5 * quantity)
    stop, target = desk.price(symbol, 1 - near), desk.price(symbol, 1 + near)
    desk.algo(symbol, "SELL", "STOP_MARKET", quantity, trigger_price=stop)
    desk.algo(symbol, "SELL", "TAKE_PROFIT_MARKET", quantity, trigger_price=target)
    mark = {"trigger_price": stop, "working_type": "MARK_PRICE"}
    desk.algo(symbol, "SELL", "STOP_MARKET", quantity, **mark)
    rate = Decimal(f"{max(0.1, near * 100):.1f}")
    desk.algo(symbol, "SELL", "TRAILING_STOP_MARKET", quantity, callback_rate=rate)
    active = {"callback_rate": rate, "activate_price": target}
    desk.algo(symbol, "SELL", "TRAILING_STOP_MARKET", quantity, **active)


def scenario(history, near: float, start: int, every: int, length: int) -> Desk:
    desk = Desk(history, start)
    for symbol, quantity in ((BTC, PART), (ETH, 10 * PART)):
        protect(desk, symbol, quantity, near)
    # Elsewhere in the book, but not so close that a thin one decides how much it gets.
    desk.order("SOLUSDT", "SELL", Decimal("0.1"), price=desk.price("SOLUSDT", 1 + near))
    desk.watch(length, every)
    return desk


@pytest.mark.parametrize(("every", "length"), LOOKS)
@pytest.mark.parametrize("near", [0.001, 0.01])
def test_stops_and_trailing_stops_fill_alike_however_often_one_looks(history, near, every, length):
    once = scenario(history, near, FIRST, length, length).happened()
    assert scenario(history, near, FIRST, every, length).happened() == once


@cases(15)
@given(
    near=st.floats(0.001, 0.03),
    start=st.integers(0, 10 * DAY_MS),
    every=st.integers(40_000, 30 * MINUTE_MS),
)
def test_that_holds_for_any_distance_and_any_rhythm(history, near, start, every):
    begin, length = START + 20 * DAY_MS + start, 2 * HOUR_MS
    once = scenario(history, near, begin, length, length).happened()
    assert scenario(history, near, begin, every, length).happened() == once


def test_a_stop_fills_where_its_price_was_crossed(history):
    desk = Desk(history)
    desk.order(BTC, "BUY", PART)
    stop = desk.price(BTC, 0.995)
    desk.algo(BTC, "SELL", "STOP_MARKET", PART, trigger_price=stop)
    desk.watch(DAY_MS, DAY_MS)
    sold = desk.account.fills[-1]
    # At the best bid of that moment; the day went much further.
    assert float(sold.price) == pytest.approx(
        desk.market.as_of(sold.time).book(BTC, 1).bid_prices[0]
    )
    before, at = (
        desk.engine.contract(BTC).price(desk.market.as_of(time).price(BTC))
        for time in (sold.time - 1, sold.time)
    )
    assert at <= stop < before


def leveraged(history, *, isolated: bool, falls: bool) -> Desk:
    """Two positions that a few percent undo, and nothing that protects them."""
    desk = Desk(history, wallet=300)
    for symbol, quantity in ((BTC, Decimal("0.05")), (ETH, Decimal("0.6"))):
        if isolated:
            desk.engine.set_margin_type(desk.account, symbol, isolated=True)
        desk.engine.set_leverage(desk.account, symbol, 50)
        desk.order(symbol, "BUY" if falls else "SELL", quantity)
    return desk


@pytest.mark.parametrize("falls", [True, False])
@pytest.mark.parametrize("isolated", [True, False])
@pytest.mark.parametrize("every", [1_000, 5_000, 60_000, 601_234])
def test_liquidations_happen_alike_however_often_one_looks(history, isolated, falls, every):
    once = leveraged(history, isolated=isolated, falls=falls)
    once.watch(2 * DAY_MS, 2 * DAY_MS)
    closed = [o for o in once.account.orders.values() if o.client_id.startswith("autoclose")]
    assert len(closed) == 2
    often = leveraged(history, isolated=isolated, falls=falls)
    looks = 300 * every
    before = closed[0].created - often.clock.now() - looks // 2
    for length, rhythm in ((before, before), (looks, every), (2 * DAY_MS - before - looks, DAY_MS)):
        often.watch(length, rhythm)
    assert often.happened() == once.happened()


def test_a_wick_that_nobody_saw_is_met(history):
    """Down and up again between two looks."""
    desk = Desk(history)
    desk.order(BTC, "BUY", PART)
    stop = desk.price(BTC, 0.95)
    desk.algo(BTC, "SELL", "STOP_MARKET", PART, trigger_price=stop)
    wick = {"change": -0.1, "recovery": 1.0}
    since = desk.clock.now() + 12_345
    desk.market.faults.add(
        Fault(FaultKind.FLASH_CRASH, since=since, until=since + 9_876, parameters=wick)
    )
    desk.watch(MINUTE_MS, MINUTE_MS)
    sold = desk.account.fills[-1]
    assert since < sold.time < since + 9_876
    assert abs(sold.price / stop - 1) < Decimal("0.01")


def test_what_waits_for_a_better_book_hinders_no_stop(history):
    """An order that the fault lets nobody fill is due all the time; the stop is met where it is."""

    def sold(stuck: bool) -> int:
        desk = Desk(history)
        desk.order(BTC, "BUY", PART)
        desk.algo(BTC, "SELL", "STOP_MARKET", PART, trigger_price=desk.price(BTC, 0.995))
        if stuck:
            desk.market.faults.add(Fault(FaultKind.STUCK_ORDERS, symbol=ETH))
            desk.order(ETH, "BUY", PART, price=desk.price(ETH, 0.9999))
        desk.watch(DAY_MS, DAY_MS)
        return [fill.time for fill in desk.account.fills if fill.symbol == BTC][-1]

    assert sold(stuck=True) == sold(stuck=False)


HALTS = pytest.mark.parametrize("kind", [FaultKind.MAINTENANCE, FaultKind.SYMBOL_STATUS])


def halted(history, kind: FaultKind, falls: Fault) -> Desk:
    """A long at 50x with a stop and a limit to buy more, both near, and a symbol that is closed
    from a minute on for half an hour; `falls` begins meanwhile."""
    desk = Desk(history, wallet=300)
    desk.engine.set_leverage(desk.account, BTC, 50)
    desk.order(BTC, "BUY", Decimal("0.05"))
    desk.algo(BTC, "SELL", "STOP_MARKET", PART, trigger_price=desk.price(BTC, 0.98))
    desk.algo(BTC, "SELL", "TRAILING_STOP_MARKET", PART, callback_rate=Decimal(5))
    desk.order(BTC, "BUY", PART, price=desk.price(BTC, 0.985))
    desk.market.faults.add_all([Fault(kind, since=closing(), until=reopening()), falls])
    return desk


def held(desk: Desk) -> list[Decimal]:
    return [view.amount for view in desk.engine.positions(desk.account) if view.amount]


def closing() -> int:
    return FIRST + MINUTE_MS


def reopening() -> int:
    return FIRST + 31 * MINUTE_MS


@HALTS
@pytest.mark.parametrize("every", [7_000, HOUR_MS])
def test_nothing_trades_while_a_symbol_is_closed(history, kind, every):
    """Down to where stop, limit and liquidation are, and up again."""
    wick = {"change": -0.1, "recovery": 1.0}
    since, until = closing() + MINUTE_MS, reopening() - MINUTE_MS
    fall = Fault(FaultKind.FLASH_CRASH, symbol=BTC, since=since, until=until, parameters=wick)
    desk = halted(history, kind, fall)
    before = len(desk.account.fills)
    desk.watch(32 * MINUTE_MS, every)
    assert [algo.status for algo in desk.account.algos.values()] == ["NEW", "NEW"]
    assert len(desk.engine.open_orders(desk.account, BTC)) == 1
    assert len(desk.account.fills) == before


@HALTS
def test_a_stop_that_was_passed_meanwhile_triggers_at_the_reopening(history, kind):
    gap = {"change": -0.04, "mark_share": 1.0}
    fall = Fault(FaultKind.PRICE_GAP, symbol=BTC, since=closing() + MINUTE_MS, parameters=gap)
    desk = halted(history, kind, fall)
    desk.watch(reopening() - 1 - FIRST, 7_000)
    stop, _ = desk.account.algos.values()
    assert stop.status == "NEW"
    desk.watch(MINUTE_MS, MINUTE_MS)
    assert (stop.status, stop.triggered) == ("FINISHED", reopening())
    sold = next(fill for fill in desk.account.fills if fill.side == "SELL")
    assert float(sold.price / stop.trigger_price) == pytest.approx(0.96 / 0.98, rel=0.005)


@HALTS
@pytest.mark.parametrize("taken", [FaultKind.LIQUIDATION, FaultKind.ADL])
def test_no_fault_takes_a_position_while_its_symbol_is_closed(history, kind, taken):
    rise = {"change": 0.01, "mark_share": 1.0}  # who has a loss is not deleveraged
    desk = halted(history, kind, Fault(FaultKind.PRICE_GAP, since=closing() + 1, parameters=rise))
    desk.market.faults.add(Fault(taken, symbol=BTC, since=closing() + MINUTE_MS))
    desk.watch(reopening() - 1 - FIRST, 7_000)
    assert held(desk) == [Decimal("0.05")]
    assert [algo.status for algo in desk.account.algos.values()] == ["NEW", "NEW"]
    desk.watch(1, 1)
    assert held(desk) == []


@pytest.mark.parametrize("times", [None, 1])
def test_a_halt_begins_and_ends_with_its_fault(history, times):
    """Added and removed while the clock stands still, or used up by a request."""
    desk = Desk(history)
    desk.order(BTC, "BUY", PART)
    desk.algo(BTC, "SELL", "STOP_MARKET", PART, trigger_price=desk.price(BTC, 0.98))
    faults, now = desk.market.faults, desk.clock.now()
    name = faults.add(Fault(FaultKind.MAINTENANCE, since=now, times=times))
    gap = {"change": -0.04, "mark_share": 1.0}
    faults.add(Fault(FaultKind.PRICE_GAP, symbol=BTC, since=now + 1, parameters=gap))
    desk.watch(MINUTE_MS, 7_000)
    (stop,) = desk.account.algos.values()
    assert stop.status == "NEW"
    if times is None:
        faults.remove(name)
    else:
        assert faults.strikes_now(name)
    desk.watch(1, 1)
    assert stop.status == "FINISHED"


def test_a_closed_symbol_is_left_alone_where_cross_margin_fails(history):
    """Only what is traded can be closed now."""
    desk = leveraged(history, isolated=False, falls=True)
    now = desk.clock.now()
    falls = {"change": -0.2, "mark_share": 1.0}
    desk.market.faults.add_all(
        [
            Fault(FaultKind.SYMBOL_STATUS, symbol=BTC, since=now, until=now + HOUR_MS),
            Fault(FaultKind.PRICE_GAP, since=now + MINUTE_MS, parameters=falls),
            # What ETH has left of the margin must not be enough by chance.
            Fault(FaultKind.PRICE_GAP, symbol=BTC, since=now + HOUR_MS - 1, parameters=falls),
        ]
    )
    desk.watch(HOUR_MS - 1, HOUR_MS)
    assert [view.symbol for view in desk.engine.positions(desk.account) if view.amount] == [BTC]
    desk.watch(1, 1)
    assert not any(view.amount for view in desk.engine.positions(desk.account))


@pytest.mark.parametrize("every", [17 * MINUTE_MS, DAY_MS])
def test_a_delisted_position_is_settled_and_its_orders_are_gone(history, every):
    desk = Desk(history)
    end = desk.clock.now() + 5 * HOUR_MS
    desk.order(BTC, "BUY", PART)
    desk.algo(BTC, "SELL", "STOP_MARKET", PART, trigger_price=desk.price(BTC, 0.5))
    desk.order(BTC, "BUY", PART, price=desk.price(BTC, 0.96))
    desk.market.faults.add(
        Fault(FaultKind.DELISTING, symbol=BTC, since=desk.clock.now(), until=end)
    )
    desk.watch(6 * HOUR_MS, every)
    assert not desk.engine.open_orders(desk.account)
    assert not desk.engine.open_algos(desk.account)
    assert not any(view.amount for view in desk.engine.positions(desk.account))
    settled = desk.account.fills[-1]
    assert settled.time == end
    seconds = range(end - 1_799_000, end + 1, 1_000)
    index = [desk.market.as_of(second).price(BTC, PriceKind.INDEX) for second in seconds]
    assert float(settled.price) == pytest.approx(sum(index) / len(index), abs=0.1)


def test_a_limit_in_time_expires_on_time(history):
    desk = Desk(history)
    until = desk.clock.now() + HOUR_MS
    now = desk.exchange.catch_up(BTC)
    price = desk.price(BTC, 0.96)
    till = until // 1000 * 1000
    new = NewOrder(BTC, "BUY", "LIMIT", PART, price, "GTD", good_till=till)
    order = desk.engine.place_order(desk.account, new, now)
    desk.watch(2 * HOUR_MS, 2 * HOUR_MS)
    assert order.status == "EXPIRED"
    assert order.updated == till


def test_funding_is_settled_on_time_and_once(history):
    def paid(every: int) -> list[tuple[int, Decimal]]:
        desk = Desk(history)
        desk.order(BTC, "BUY", PART)
        desk.watch(3 * DAY_MS, every)
        return [(i.time, i.amount) for i in desk.account.incomes if i.kind == "FUNDING_FEE"]

    once = paid(3 * DAY_MS)
    assert [time % (8 * HOUR_MS) for time, _ in once] == [0] * 9
    assert paid(47 * MINUTE_MS) == once


def test_funding_is_settled_once_by_a_clock_that_is_set_back(history, monkeypatch):
    settled = FIRST // (8 * HOUR_MS) * 8 * HOUR_MS + 8 * HOUR_MS
    machine = [settled - MINUTE_MS]
    monkeypatch.setattr("time.time_ns", lambda: machine[0] * 1_000_000)
    desk = Desk(history, settled - MINUTE_MS)
    desk.market.clock = SystemClock()
    desk.order(BTC, "BUY", PART)
    for time in (settled + 50, settled - 100, settled + 60):
        machine[0] = time
        desk.exchange.catch_up()
    assert [i.time for i in desk.account.incomes if i.kind == "FUNDING_FEE"] == [settled]


def test_an_idle_account_costs_no_looks_at_the_market(history, monkeypatch):
    """Counted, not timed: prices asked for one by one while hours pass with nothing to do."""
    desk = Desk(history)
    desk.order(BTC, "BUY", PART)
    desk.algo(BTC, "SELL", "STOP_MARKET", PART, trigger_price=desk.price(BTC, 0.5))
    asked = []
    price = Market.price

    def counted(self, *args):
        asked.append(self.now())
        return price(self, *args)

    monkeypatch.setattr(Market, "price", counted)
    desk.watch(7 * HOUR_MS, 7 * HOUR_MS)  # no settlement in them
    few = len(asked)
    asked.clear()
    desk.watch(7 * DAY_MS, 7 * DAY_MS)
    # Of each settlement and the end of each day, and not of any turn of the price.
    assert few <= 8
    assert len(asked) <= 30 * (few + 6)


@pytest.mark.parametrize(("answers", "expected"), [(3, 13), (0, 10), (99, 20)])
def test_the_first_time(answers, expected):
    """Of a condition that stays true; the end where it never comes true."""
    assert replay.first_time(lambda time: time >= 10 + answers, 9, 20) == expected

"""What accounts report: the events of an order's life, and that they tell all that happened."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perpkit.venue.engine import Account
from perpkit.venue.engine.account import IncomeKind
from perpkit.venue.engine.events import (
    AccountEvent,
    AlgoEvent,
    AssetModeEvent,
    Event,
    Execution,
    LeverageEvent,
    OrderEvent,
)
from perpkit.venue.errors import VenueError
from tests.cases import scaled
from tests.venue.engine.desk import Desk, dec, depth
from tests.venue.engine.random_trader import Run

LAST = ("FILLED", "CANCELED", "EXPIRED")
TRADES = (Execution.TRADE, Execution.CALCULATED)


def words(event: Event) -> str:
    match event:
        case OrderEvent():
            return f"{event.execution} {event.order.status} {event.expiry:d}"
        case AlgoEvent():
            return f"algo {event.algo.status}"
        case AccountEvent():
            return f"account {event.reason}"
        case LeverageEvent():
            return f"leverage {event.leverage}"
        case AssetModeEvent():
            return f"multi-assets {event.multi_assets}"


def listen(user: Account) -> list[str]:
    """From now on, every event in words, read when it is reported."""
    heard: list[str] = []
    user.listener = lambda event: heard.append(words(event))
    return heard


def entry(desk: Desk) -> None:
    desk.order("BUY", 1)


def sweep(desk: Desk) -> None:
    desk.price(100, book=depth(100, "100.1", size=1))
    desk.order("BUY", 2)


def beyond_the_book(desk: Desk) -> None:
    desk.price(100, book=depth(100, "100.1", size=1, levels=1))
    desk.order("BUY", 2)


def part_then_cancel(desk: Desk) -> None:
    order = desk.order("BUY", 2, 99)
    desk.engine.fill_order(desk.user, order.id, dec(1), desk.now)
    desk.engine.cancel_order(desk.user, "BTCUSDT", desk.now, order_id=order.id)


def unfilled_ioc(desk: Desk) -> None:
    desk.order("BUY", 1, 99, "IOC")


def stop_of_a_position(desk: Desk) -> None:
    desk.order("BUY", 1)
    desk.algo("SELL", "STOP_MARKET", None, 95, close_position=True)
    desk.algo("SELL", "TAKE_PROFIT_MARKET", None, 110, close_position=True)
    desk.price(94)


def refused_stop(desk: Desk) -> None:
    desk.algo("SELL", "STOP_MARKET", 1, 95, reduce_only=True)
    desk.price(94)


def stop_without_a_position(desk: Desk) -> None:
    desk.algo("SELL", "STOP_MARKET", None, 95, close_position=True)
    desk.price(94)


def cancelled_stop(desk: Desk) -> None:
    stop = desk.algo("SELL", "STOP_MARKET", 1, 95, reduce_only=True)
    desk.engine.cancel_algo(desk.user, desk.now, algo_id=stop.id)


def closing_order_without_its_position(desk: Desk) -> None:
    desk.order("BUY", 1)
    desk.order("SELL", 1, 105, reduce_only=True)
    desk.order("SELL", 1)


def liquidated(desk: Desk) -> None:
    desk.order("BUY", 100)
    desk.order("BUY", 1, 80)
    desk.price(90)


def settled(desk: Desk) -> None:
    desk.order("BUY", 1)
    desk.engine.settle("BTCUSDT", dec(101), desk.now)


def deleveraged(desk: Desk) -> None:
    desk.order("BUY", 1)
    desk.price(110)
    desk.engine.force_adl(desk.user, "BTCUSDT", desk.now)


def funded(desk: Desk) -> None:
    desk.order("BUY", 1)
    desk.engine.on_funding("BTCUSDT", dec("0.0001"), dec(100), desk.now)


def margin_freed(desk: Desk) -> None:
    desk.order("BUY", 1)
    desk.engine.set_leverage(desk.user, "BTCUSDT", 20)


def configured(desk: Desk) -> None:
    desk.engine.set_leverage(desk.user, "BTCUSDT", 7)
    desk.engine.set_margin_type(desk.user, "BTCUSDT", isolated=False)
    desk.engine.set_multi_assets(desk.user, multi_assets=True)


NEW = "NEW NEW 0"
FILLED = ["account ORDER", "TRADE FILLED 0"]
PARTLY = ["account ORDER", "TRADE PARTIALLY_FILLED 0"]
FORCED = ["account ORDER", "CALCULATED FILLED 0"]
LIVES = [
    (entry, [NEW, *FILLED]),
    (sweep, [NEW, *PARTLY, *FILLED]),
    (beyond_the_book, [NEW, *PARTLY, "EXPIRED EXPIRED 9"]),
    (part_then_cancel, [NEW, *PARTLY, "CANCELED CANCELED 0"]),
    (unfilled_ioc, [NEW, "EXPIRED EXPIRED 2"]),
    (stop_of_a_position, [
        NEW, *FILLED, "algo NEW", "algo NEW", "algo TRIGGERING", NEW, "algo TRIGGERED", *FILLED,
        "algo FINISHED", "algo EXPIRED"]),
    (refused_stop, ["algo NEW", "algo TRIGGERING", "algo REJECTED"]),
    (stop_without_a_position, ["algo NEW", "algo TRIGGERING", "algo EXPIRED"]),
    (cancelled_stop, ["algo NEW", "algo CANCELED"]),
    (closing_order_without_its_position, [
        NEW, *FILLED, NEW, NEW, *FILLED, "EXPIRED EXPIRED 4"]),
    (liquidated, [NEW, *FILLED, NEW, "EXPIRED EXPIRED 5", NEW, *FORCED]),
    (settled, [NEW, *FILLED, NEW, *FORCED]),
    (deleveraged, [NEW, *FILLED, NEW, *FORCED]),
    (funded, [NEW, *FILLED, "account FUNDING_FEE"]),
    (margin_freed, [NEW, *FILLED, "leverage 20", "account MARGIN_TRANSFER"]),
    (configured, ["leverage 7", "account MARGIN_TYPE_CHANGE", "multi-assets True"]),
]  # fmt: skip


@pytest.mark.parametrize(("live", "expected"), LIVES, ids=lambda v: getattr(v, "__name__", ""))
def test_the_events_of_a_life(live, expected):
    desk = Desk(isolated=True)
    heard = listen(desk.user)
    live(desk)
    assert [line for line in heard if line != "account INSURANCE_CLEAR"] == expected


def test_an_event_shows_the_state_at_its_moment():
    desk = Desk()
    desk.price(100, book=depth(100, "100.1", size=1))
    seen = []
    desk.user.listener = lambda event: seen.append(
        (words(event), desk.user.holdings["BTCUSDT"].position("BOTH").amount, desk.user.wallet)
    )
    desk.order("BUY", 2)
    amounts = [amount for line, amount, _ in seen if line == "account ORDER"]
    assert amounts == [1, 2]
    assert seen[-1][2] == desk.user.wallet


@given(st.integers(0, 2**32))
@settings(max_examples=scaled(150), deadline=None)
def test_events_tell_each_order_trade_and_balance(seed):
    """Of any run, the books of a listener are those of the engine."""
    run = Run(seed)
    books = {user.api_key: Books(user) for user in run.users}
    for _ in range(50):
        try:
            run.step()
        except VenueError:
            continue
    for user in run.users:
        books[user.api_key].verify()


class Books:
    """Kept from events alone, as a client keeps them."""

    def __init__(self, user: Account) -> None:
        self.user = user
        self.wallets = dict(user.wallets)
        self.positions: dict[tuple[str, str], Decimal] = {}
        self.orders: dict[int, list[str]] = defaultdict(list)
        self.executed: Counter[int] = Counter()
        self.changed: Counter[int] = Counter()
        self.trades: list[int] = []
        self.algos: dict[int, list[str]] = defaultdict(list)
        self.times: list[int] = []
        self.given = Decimal(0)
        user.listener = self.hear

    def hear(self, event: Event) -> None:
        if getattr(event, "time", None) is not None:
            self.times.append(event.time)
        match event:
            case OrderEvent(order=order, execution=Execution.AMENDMENT):
                self.changed[order.id] += 1
                assert self.changed[order.id] == order.amendments[-1].count
            case OrderEvent(order=order, fill=fill):
                self.orders[order.id].append(order.status.value)
                if fill is not None:
                    assert event.execution in TRADES
                    self.trades.append(fill.id)
                    self.executed[order.id] += fill.quantity
                    assert self.executed[order.id] == order.executed
            case AlgoEvent(algo=algo):
                self.algos[algo.id].append(algo.status.value)
            case AccountEvent():
                for asset, change in event.balances:
                    self.wallets[asset] = self.user.wallet_of(asset)
                    self.given += change
                for symbol, side in event.positions:
                    held = self.user.holdings[symbol].position(side)
                    self.positions[symbol, side] = held.amount

    def verify(self) -> None:
        user = self.user
        assert self.wallets == user.wallets
        assert self.changed == Counter({n: len(o.amendments) for n, o in user.orders.items()})
        assert self.trades == [fill.id for fill in user.fills]
        assert {n: statuses[-1] for n, statuses in self.orders.items()} == {
            n: order.status.value for n, order in user.orders.items()
        }
        for statuses in self.orders.values():
            assert statuses[0] == "NEW"
            assert statuses.count("NEW") == 1
            assert not set(statuses[:-1]) & set(LAST)
        assert {n: statuses[-1] for n, statuses in self.algos.items()} == {
            n: algo.status.value for n, algo in user.algos.items()
        }
        assert all(len(set(s)) == len(s) for s in self.algos.values())
        for (symbol, side), amount in self.positions.items():
            assert amount == user.holdings[symbol].position(side).amount
        held = {(h.symbol, p.side) for h in user.holdings.values() for p in h.held()}
        assert held <= self.positions.keys()
        assert self.times == sorted(self.times)
        # `bc`: what balances have changed by other than profit and commission.
        other = (IncomeKind.REALIZED_PNL, IncomeKind.COMMISSION)
        assert self.given == sum(i.amount for i in user.incomes if i.kind not in other)

"""What holds whatever is asked and whatever the market does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import Account, Depth, Order, Side
from perpkit.venue.errors import VenueError
from tests.cases import cases
from tests.venue.engine.desk import Desk, dec

START = 5_000
CENT = Decimal("0.01")
RESULTS = ("REALIZED_PNL", "INSURANCE_CLEAR")

SIDES = st.sampled_from(["BUY", "SELL"])
QUANTITIES = st.integers(1, 40_000).map(lambda n: dec(n) / 1000)
PRICES = st.integers(960, 1040).map(lambda n: dec(n) / 10)
FLAGS = st.booleans()
LEVERAGES = st.sampled_from([1, 5, 20, 100])
SIZES = st.integers(1, 30_000).map(lambda n: dec(n) / 1000)

ORDERS = st.tuples(
    st.just("order"), FLAGS, SIDES, QUANTITIES, st.none() | PRICES,
    st.sampled_from(["GTC", "IOC", "FOK", "GTX"]), FLAGS,
)  # fmt: skip
ALGOS = st.tuples(
    st.just("algo"), SIDES, st.sampled_from(["STOP_MARKET", "TAKE_PROFIT_MARKET", "STOP"]),
    QUANTITIES, PRICES, FLAGS, FLAGS,
)  # fmt: skip
MOVES = st.tuples(st.just("move"), PRICES, st.lists(SIZES, max_size=4), SIZES, FLAGS)
JUMPS = st.tuples(st.just("move"), st.integers(400, 2000).map(lambda n: dec(n) / 10),
                  st.lists(SIZES, max_size=4), SIZES, FLAGS)  # fmt: skip
FUNDING = st.tuples(st.just("funding"), st.integers(-200, 200).map(lambda n: dec(n) / 10_000))
CANCEL = st.tuples(st.just("cancel"), FLAGS)
STEPS = st.lists(
    st.one_of(ORDERS, ORDERS, ALGOS, MOVES, MOVES, JUMPS, FUNDING, CANCEL), min_size=20, max_size=60
)


class Session:
    """Plays steps for two users and keeps, for each moment, the depth that was shown."""

    def __init__(self, isolated: bool, leverage: int) -> None:
        self.desk = Desk(START, isolated=isolated, leverage=leverage)
        self.users = [self.desk.user, self.desk.another("second", START)]
        self.shown: dict[int, Depth] = {}
        self.move(dec(100), [dec(20)] * 3, dec(0), False)
        for second, side in enumerate(("BUY", "SELL")):
            self.order(second, side, dec(30), None, "GTC", False)

    def play(self, step: tuple[Any, ...]) -> None:
        kind, *arguments = step
        with suppress(VenueError):  # a refusal leaves everything as it was, which checks see
            getattr(self, kind)(*arguments)

    def order(self, second, side, quantity, price, tif, reduce_only) -> None:
        held = self.desk.engine.positions(self.users[second], "BTCUSDT")[0].amount
        if reduce_only and held:
            side = "SELL" if held > 0 else "BUY"
        self.desk.order(
            side, quantity, price, tif, reduce_only=reduce_only, user=self.users[second]
        )

    def algo(self, side, kind, quantity, trigger, reduce_only, whole) -> None:
        limit = {"price": trigger} if kind == "STOP" else {}
        if whole and kind != "STOP":
            self.desk.algo(side, kind, None, trigger, close_position=True)
        else:
            self.desk.algo(side, kind, quantity, trigger, reduce_only=reduce_only, **limit)

    def move(self, last, sizes, traded, wide) -> None:
        gap = dec("0.5") if wide else dec("0.1")
        book = Depth(
            tuple((last - gap * i, size) for i, size in enumerate(sizes)),
            tuple((last + gap * (i + 1), size) for i, size in enumerate(sizes)),
        )
        self.shown[self.desk.now + 1] = book
        self.desk.price(last, book=book, traded=traded)

    def funding(self, rate) -> None:
        self.desk.engine.on_funding("BTCUSDT", rate, dec(100), self.desk.now)

    def cancel(self, second) -> None:
        self.desk.engine.cancel_all(self.users[second], "BTCUSDT", self.desk.now)


def forced(order: Order) -> bool:
    return order.client_id.startswith("autoclose-")


def check_money(session: Session, user: Account) -> None:
    assert user.wallet == START + sum(i.amount for i in user.incomes)  # exactly
    assert user.wallet >= 0
    amount = sum((f.side.sign * f.quantity for f in user.fills), Decimal(0))
    paid = sum((f.side.sign * f.quantity * f.price for f in user.fills), Decimal(0))
    position = session.desk.engine.positions(user, "BTCUSDT")[0]
    assert position.amount == amount
    realized = sum((f.realized_pnl for f in user.fills), Decimal(0))
    assert abs(realized - (amount * position.entry_price - paid)) < CENT
    assert sum((f.commission for f in user.fills), Decimal(0)) == -sum(
        i.amount for i in user.incomes if i.kind == "COMMISSION"
    )
    assert position.isolated_wallet >= 0
    if not amount:
        assert position.isolated_wallet == 0


def check_orders(user: Account) -> None:
    fills = defaultdict(list)
    for fill in user.fills:
        fills[fill.order_id].append(fill)
    for order in user.orders.values():
        own = fills[order.id]
        assert order.executed == sum((f.quantity for f in own), Decimal(0)) <= order.quantity
        assert order.quote == sum((f.quote for f in own), Decimal(0))
        assert (order.executed == order.quantity) is (order.status == "FILLED")
        if order.price:
            for fill in own:
                assert (order.price - fill.price) * order.side.sign >= 0
    position = Decimal(0)
    for fill in user.fills:
        order, after = user.orders[fill.order_id], position + fill.side.sign * fill.quantity
        if order.reduce_only:
            assert abs(after) < abs(position)
            assert after * position >= 0
        position = after
    for order in user.holdings["BTCUSDT"].orders.values() if user.holdings else ():
        assert order.is_open
        if order.closing:
            assert position * order.side.sign < 0


def check_depth(session: Session) -> None:
    """Between two books nobody gets more than the first has shown."""
    taken: dict[tuple[int, Side], Decimal] = defaultdict(Decimal)
    moments = sorted(session.shown)
    for user in session.users:
        for fill in user.fills:
            order = user.orders[fill.order_id]
            if forced(order):
                continue
            book = max(m for m in moments if m <= fill.time)
            taken[book, fill.side] += fill.quantity
    for (moment, side), quantity in taken.items():
        book = session.shown[moment]
        levels = book.asks if side is Side.BUY else book.bids
        assert quantity <= sum((size for _, size in levels), Decimal(0))


def played(steps: list[tuple[Any, ...]], isolated: bool, leverage: int) -> Session:
    session = Session(isolated, leverage)
    for step in steps:
        session.play(step)
        for user in session.users:
            check_money(session, user)
            check_orders(user)
    return session


@cases(150)
@given(steps=STEPS, isolated=FLAGS, leverage=LEVERAGES)
def test_money_orders_and_positions_agree_after_every_step(steps, isolated, leverage):
    played(steps, isolated, leverage)


@cases(150)
@given(steps=STEPS, leverage=LEVERAGES)
def test_fills_stay_within_what_the_book_has_shown(steps, leverage):
    steps = [(*s[:3], Decimal(0), s[4]) if s[0] == "move" else s for s in steps]
    session = played(steps, isolated=False, leverage=leverage)
    check_depth(session)


@cases(50)
@given(steps=STEPS, isolated=FLAGS)
def test_the_same_steps_give_the_same_history(steps, isolated):
    def history(play: Callable[..., Session]) -> list[object]:
        session = play(steps, isolated, 20)
        return [(u.fills, u.incomes, u.wallet) for u in session.users]

    assert history(played) == history(played)


@cases(100)
@given(steps=STEPS, leverage=LEVERAGES)
def test_isolated_trading_loses_no_more_than_the_margin_it_was_given(steps, leverage):
    session = Session(isolated=True, leverage=leverage)
    user = session.desk.user
    for step in steps:
        margin = session.desk.position().isolated_wallet
        incomes, fills = len(user.incomes), len(user.fills)
        session.play(step)
        margin += sum(f.quote / leverage for f in user.fills[fills:])  # more than was added
        results = (i.amount for i in user.incomes[incomes:] if i.kind in RESULTS)
        assert sum(results) >= -margin - CENT

"""The insurance fund, and who gives up a profit when it cannot pay."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.engine import Account, Depth, NewAlgo
from perpkit.venue.errors import VenueError
from tests.cases import cases
from tests.venue.engine.desk import Desk, dec

BTC = "BTCUSDT"
CENT = Decimal("0.0001")


def at(price: object, size: object = 1_000_000) -> Depth:
    level = ((dec(price), dec(size)),)
    return Depth(level, level)


def against(*shorts: tuple[int, int, int], insurance: int = 0) -> tuple[Desk, list[Account]]:
    """A long of 10 at 100 with 10 times leverage, against (quantity, entry, leverage) of shorts."""
    desk = Desk(1000, isolated=True, insurance=insurance)
    users = []
    for number, (quantity, entry, leverage) in enumerate(shorts):
        user = desk.another(f"short-{number}", 100_000)
        desk.engine.set_margin_type(user, BTC, isolated=True)
        desk.engine.set_leverage(user, BTC, leverage)
        desk.price(entry, book=at(entry))
        desk.order("SELL", quantity, user=user)
        users.append(user)
    desk.price(100, book=at(100))
    desk.order("BUY", 10)
    return desk, users


def amounts(desk: Desk, users: list[Account]) -> list[Decimal]:
    return [desk.position(user=user).amount for user in users]


class TestFund:
    def test_it_receives_fees_and_pays_losses(self):
        desk, _ = against(insurance=1000)
        desk.price(95, mark="90.3", book=Depth(bids=((dec("91.5"), dec(10)),)))
        fee = dec(915) * dec("0.0125")
        assert desk.engine.insurance_balance() == 1000 + fee
        desk.price(100, book=at(100))
        desk.order("BUY", 10)
        desk.price(80, book=Depth())  # taken over at 90, worth 80
        assert desk.engine.insurance_balance() == 1000 + fee - 100

    def test_it_pays_debts_even_beyond_what_it_has(self):
        desk, _ = against(insurance=10)
        desk.algo("SELL", "STOP_MARKET", 10, 95, reduce_only=True)
        desk.price(80, book=at(80))
        assert desk.incomes("INSURANCE_CLEAR") == [100]
        assert desk.engine.insurance_balance() == -90


class TestDeleveraging:
    def test_the_most_leveraged_profit_goes_first(self):
        desk, users = against((6, 100, 2), (6, 100, 20), (6, 85, 2))
        resting = desk.order("SELL", 1, 102, user=users[1])
        stop = desk.engine.place_algo(users[1], _stop(), desk.now)
        desk.price(80, book=Depth())
        assert desk.amount == 0
        # nobody closes at a loss: the third would, at 90
        assert amounts(desk, users) == [-2, 0, -6]
        order = desk.engine.orders(users[1], BTC)[-1]
        assert (order.client_id, order.status, order.average) == ("adl_autoclose", "FILLED", 90)
        assert (order.side, order.quantity) == ("BUY", 6)
        assert users[1].fills[-1].commission == 0
        assert (resting.status, stop.status) == ("EXPIRED", "EXPIRED")
        assert desk.engine.insurance_balance() == 0

    def test_a_fund_that_can_pay_spares_them(self):
        desk, users = against((6, 100, 20), insurance=100)
        desk.price(80, book=Depth())
        assert amounts(desk, users) == [-6]
        assert desk.engine.insurance_balance() == 0

    def test_users_beyond_the_venue_take_the_rest(self):
        desk, users = against((4, 100, 20))
        desk.price(80, book=Depth())
        assert desk.amount == 0
        assert amounts(desk, users) == [0]
        assert desk.user.wallet == 1000 - dec("0.5") - 100


def _stop():
    return NewAlgo(BTC, "BUY", "STOP_MARKET", dec(6), dec(110), reduce_only=True)


class TestQuantile:
    def test_by_rank_among_profits(self):
        desk, users = against((1, 100, 2), (1, 100, 5), (1, 100, 10), (1, 100, 20))
        desk.price(95, book=at(95))
        quantiles = [desk.position(user=user).adl for user in users]
        assert quantiles == [1, 2, 3, 4]
        assert desk.position().adl == 0  # a loss
        assert desk.engine.adl_quantile(users[0], BTC) == {"BOTH": 1}
        assert desk.engine.adl_quantile(desk.user, "ETHUSDT") == {}

    def test_flat_and_alone(self):
        desk = Desk()
        assert desk.position().adl == 0
        desk.order("BUY", 10)
        desk.price(110)
        assert desk.position().adl == 4

    def test_cross_and_isolated_are_ranked_together(self):
        desk, (isolated,) = against((1, 100, 5))
        cross = desk.another("cross", 15)
        desk.price(100, book=at(100))
        desk.engine.set_leverage(cross, BTC, 10)
        desk.order("SELL", 1, user=cross)
        desk.price(98, book=at(98))
        assert [desk.position(user=u).adl for u in (isolated, cross)] == [2, 4]


class TestForced:
    @pytest.mark.parametrize("isolated", [False, True])
    def test_all_of_a_profit_or_a_share(self, isolated):
        desk = Desk(isolated=isolated)
        desk.price(100, book=at(100))
        desk.order("BUY", 10)
        desk.algo("SELL", "STOP_MARKET", 10, 95, reduce_only=True)
        desk.price(110, book=at(110))
        (order,) = desk.engine.force_adl(desk.user, BTC, desk.now, share=dec("0.4"))
        assert (order.client_id, order.type, order.average) == ("adl_autoclose", "MARKET", 110)
        assert desk.amount == 6
        assert desk.engine.open_algos(desk.user) == []
        desk.engine.force_adl(desk.user, BTC, desk.now, price=dec(109))
        assert desk.amount == 0
        assert desk.incomes("REALIZED_PNL") == [40, 54]
        assert desk.incomes("COMMISSION") == [dec("-0.5")]

    def test_a_loss_is_left_alone(self):
        desk = Desk()
        desk.order("BUY", 10)
        desk.price(95)
        assert desk.engine.force_adl(desk.user, BTC, desk.now) == []
        assert desk.amount == 10

    @pytest.mark.parametrize("share", ["0", "-1", "1.1"])
    def test_a_share_out_of_range(self, share):
        desk = Desk()
        with pytest.raises(ValueError, match="share must be above 0 and at most 1"):
            desk.engine.force_adl(desk.user, BTC, desk.now, share=dec(share))


ENTRIES = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]),
        st.integers(1, 3000),
        st.integers(980, 1020),
        st.sampled_from([5, 10, 20, 50]),
        st.booleans(),
    ),
    min_size=2,
    max_size=6,
)


def _traders(entries, insurance: int) -> tuple[Desk, list[Account]]:
    desk, users = Desk(insurance=insurance), []
    for number, (side, quantity, price, leverage, isolated) in enumerate(entries):
        user = desk.another(f"user-{number}", 3_000)
        desk.price(dec(price) / 10, book=at(dec(price) / 10))
        desk.engine.set_leverage(user, BTC, leverage)
        if isolated:
            desk.engine.set_margin_type(user, BTC, isolated=True)
        with suppress(VenueError):
            desk.order(side, dec(quantity) / 10, user=user)
        users.append(user)
    return desk, users


def _worth(desk: Desk, users: list[Account], mark: Decimal) -> Decimal:
    """All that the users have at this mark price, and the fund."""
    views = [desk.position(user=user) for user in users]
    return sum(
        (u.wallet + (mark - v.entry_price) * v.amount for u, v in zip(users, views, strict=True)),
        desk.engine.insurance_balance(),
    )


@cases(300)
@given(entries=ENTRIES, prices=st.lists(st.integers(500, 1800), min_size=1, max_size=4))
def test_liquidations_move_money_and_make_none(entries, prices):
    """Without a book, all that one user loses at the mark price another has, or the fund."""
    desk, users = _traders(entries, insurance=10**9)
    for price in prices:
        mark = dec(price) / 10
        worth = _worth(desk, users, mark)
        desk.price(mark, book=Depth())
        assert abs(_worth(desk, users, mark) - worth) < CENT
        assert all(user.wallet >= 0 for user in users if not desk.position(user=user).amount)


@cases(300)
@given(entries=ENTRIES, prices=st.lists(st.integers(500, 1800), min_size=1, max_size=4))
def test_deleveraging_moves_money_and_makes_none(entries, prices):
    """Without a fund: what users beyond the venue have given up is known from the fills."""
    desk, users = _traders(entries, insurance=0)
    for price in prices:
        mark = dec(price) / 10
        worth, fund = _worth(desk, users, mark), desk.engine.insurance_balance()
        seen = [(len(user.fills), len(user.incomes)) for user in users]
        desk.price(mark, book=Depth())
        fills = [f for u, (n, _) in zip(users, seen, strict=True) for f in u.fills[n:]]
        cleared = sum(
            i.amount for u, (_, n) in zip(users, seen, strict=True) for i in u.incomes[n:]
            if i.kind == "INSURANCE_CLEAR"
        )  # fmt: skip
        taken_over = desk.engine.insurance_balance() - fund + cleared
        given_up = sum(((mark - f.price) * f.side.sign * f.quantity for f in fills), Decimal(0))
        beyond = given_up + taken_over
        assert abs(_worth(desk, users, mark) - worth - beyond) < CENT
        # Positions that the fund has refused are taken at a loss: it is nobody's gift.
        assert beyond >= -CENT
        for user in users:
            for fill in user.fills:
                if user.orders[fill.order_id].client_id == "adl_autoclose":
                    assert fill.realized_pnl > 0

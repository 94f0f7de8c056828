"""Each invariant, kept and breached; a checker that cannot fail would be worth nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from perpkit.venue.engine import NewAlgo, NewOrder
from perpkit.venue.exchange.invariants import Checker, Invariant, InvariantLimits
from tests.venue.engine.desk import Desk, dec

BTC = "BTCUSDT"
SECOND = 1000


@pytest.fixture
def desk() -> Desk:
    return Desk(isolated=True)


def buy(desk: Desk, quantity: str = "1") -> None:
    desk.engine.place_order(desk.user, NewOrder(BTC, "BUY", "MARKET", dec(quantity)), desk.now)


def stop(desk: Desk, quantity: str = "1", **more) -> int:
    settings = {"reduce_only": True, "trigger_price": dec(95), "quantity": dec(quantity), **more}
    new = NewAlgo(
        BTC, settings.pop("side", "SELL"), settings.pop("type", "STOP_MARKET"), **settings
    )
    return desk.engine.place_algo(desk.user, new, desk.now).id


def seen(checker: Checker) -> list[tuple[Invariant, str]]:
    return [(breach.invariant, breach.detail) for breach in checker.breaches]


def watch(checker: Checker, desk: Desk, seconds: int) -> None:
    """Look once a second."""
    for _ in range(seconds):
        desk.now += SECOND
        checker.observe(desk.engine, desk.now)


class TestProtected:
    def test_a_stop_in_time(self, desk):
        checker = Checker(InvariantLimits(15 * SECOND))
        buy(desk)
        watch(checker, desk, 15)
        stop(desk)
        watch(checker, desk, 100)
        assert seen(checker) == []

    @pytest.mark.parametrize(
        "place",
        [
            lambda _: None,
            lambda desk: stop(desk, "0.5"),
            lambda desk: stop(desk, reduce_only=False),
            lambda desk: stop(desk, type="TAKE_PROFIT_MARKET", trigger_price=dec(120)),
            lambda desk: stop(desk, side="BUY", trigger_price=dec(120), reduce_only=False),
        ],
        ids=["none", "for half of it", "may open", "takes profit", "wrong side"],
    )
    def test_without_a_stop_that_closes_all_of_it(self, desk, place):
        checker = Checker(InvariantLimits(15 * SECOND))
        buy(desk)
        place(desk)
        watch(checker, desk, 15)
        assert seen(checker) == []
        watch(checker, desk, 100)
        ((invariant, detail),) = seen(checker)
        assert invariant is Invariant.PROTECTED
        assert "without a stop for 16.0 s" in detail

    def test_a_stop_of_the_whole_position(self, desk):
        checker = Checker(InvariantLimits(SECOND))
        buy(desk)
        stop(desk, quantity="0", close_position=True, reduce_only=False)
        watch(checker, desk, 100)
        assert seen(checker) == []

    def test_a_stop_that_is_replaced_at_once(self, desk):
        checker = Checker(InvariantLimits(15 * SECOND))
        buy(desk)
        old = stop(desk)
        watch(checker, desk, 100)
        desk.engine.cancel_algo(desk.user, desk.now, algo_id=old)
        checker.observe(desk.engine, desk.now)
        watch(checker, desk, 14)
        stop(desk)
        watch(checker, desk, 100)
        assert seen(checker) == []

    def test_a_stop_that_is_cancelled_for_good(self, desk):
        checker = Checker(InvariantLimits(15 * SECOND))
        buy(desk)
        old = stop(desk)
        watch(checker, desk, 100)
        desk.engine.cancel_algo(desk.user, desk.now, algo_id=old)
        watch(checker, desk, 30)
        assert [breach.invariant for breach in checker.breaches] == [Invariant.PROTECTED]

    def test_seen_late_and_counted_from_the_fill(self, desk):
        checker = Checker(InvariantLimits(15 * SECOND))
        buy(desk)
        desk.now += 60 * SECOND
        checker.observe(desk.engine, desk.now)
        assert "for 60.0 s" in seen(checker)[0][1]


class TestSingleStop:
    def watched(self, desk: Desk, seconds: int) -> list[tuple[Invariant, str]]:
        checker = Checker(InvariantLimits(duplicate_ms=15 * SECOND))
        watch(checker, desk, seconds)
        return seen(checker)

    @pytest.mark.parametrize(
        "second",
        [
            {},
            {"type": "TRAILING_STOP_MARKET", "trigger_price": None, "callback_rate": dec(1)},
            {"type": "STOP", "price": dec(94)},
            {"quantity": "5"},
            {"quantity": "0", "close_position": True, "reduce_only": False},
        ],
        ids=["the same", "trailing", "limit", "larger", "closes the position"],
    )
    def test_two_that_each_close_all_of_it(self, desk, second):
        buy(desk)
        stop(desk)
        stop(desk, **second)
        assert self.watched(desk, 15) == []
        ((invariant, detail),) = self.watched(desk, 100)
        assert invariant is Invariant.SINGLE_STOP
        assert detail == "two stops for 1 for 16.0 s"

    @pytest.mark.parametrize(
        "second",
        [
            {"type": "TAKE_PROFIT_MARKET", "trigger_price": dec(120)},
            {"quantity": "0.5"},
            {"side": "BUY", "trigger_price": dec(120), "reduce_only": False},
        ],
        ids=["takes profit", "for half of it", "wrong side"],
    )
    def test_other_orders_beside_it(self, desk, second):
        buy(desk)
        stop(desk)
        stop(desk, **second)
        assert self.watched(desk, 100) == []

    def test_one_that_is_replaced(self, desk):
        checker = Checker(InvariantLimits(duplicate_ms=15 * SECOND))
        buy(desk)
        for _ in range(10):
            number = stop(desk)
            watch(checker, desk, 20)
            desk.engine.cancel_algo(desk.user, desk.now, algo_id=number)
        assert seen(checker) == []

    def test_two_halves_that_have_become_too_many(self, desk):
        """The position was halved: since then each of the two closes all of it."""
        checker = Checker(InvariantLimits(duplicate_ms=15 * SECOND))
        buy(desk, "2")
        stop(desk), stop(desk)
        watch(checker, desk, 100)
        assert seen(checker) == []
        order = NewOrder(BTC, "SELL", "MARKET", dec(1), reduce_only=True)
        desk.engine.place_order(desk.user, order, desk.now)
        watch(checker, desk, 15)
        assert seen(checker) == []
        watch(checker, desk, 1)
        assert [invariant for invariant, _ in seen(checker)] == [Invariant.SINGLE_STOP]

    def test_seen_late_said_once_and_not_at_all_without_a_limit(self, desk):
        buy(desk)
        stop(desk), stop(desk)
        desk.now += 60 * SECOND
        strict, lax = Checker(), Checker(InvariantLimits(duplicate_ms=None))
        for checker in (strict, strict, lax):
            checker.observe(desk.engine, desk.now)
        ((_, detail),) = seen(strict)
        assert "for 60.0 s" in detail
        assert seen(lax) == []


class TestWithinLimits:
    @pytest.mark.parametrize(
        ("limits", "detail"),
        [
            (InvariantLimits(notional=Decimal(99)), "notional 100.00 USDT is above 99"),
            (InvariantLimits(leverage=9), "leverage 10 is above 9"),
        ],
    )
    def test_breached(self, desk, limits, detail):
        checker = Checker(limits)
        buy(desk)
        checker.observe(desk.engine, desk.now)
        checker.observe(desk.engine, desk.now)
        assert seen(checker) == [(Invariant.WITHIN_LIMITS, detail)]

    def test_kept(self, desk):
        checker = Checker(InvariantLimits(notional=Decimal(101), leverage=10))
        buy(desk)
        checker.observe(desk.engine, desk.now)
        assert seen(checker) == []


class TestConserved:
    def test_through_trades_and_funding(self, desk):
        checker = Checker()
        checker.observe(desk.engine, desk.now)
        buy(desk)
        desk.engine.on_funding(BTC, dec("0.001"), dec(100), desk.now)
        checker.observe(desk.engine, desk.now)
        assert desk.user.wallet != 10_000
        assert seen(checker) == []

    def test_a_cent_that_came_from_nowhere(self, desk):
        checker = Checker()
        checker.observe(desk.engine, desk.now)
        desk.user.wallets["USDT"] += Decimal("0.01")
        checker.observe(desk.engine, desk.now)
        assert seen(checker) == [(Invariant.CONSERVED, "wallet is off by 0.01 USDT")]

    def test_each_asset_by_itself(self, desk):
        """Ten more of one asset do not make up for ten less of the other."""
        desk.user.wallets["USDC"] = Decimal(100)
        checker = Checker()
        checker.observe(desk.engine, desk.now)
        desk.user.wallets["USDC"] += 10
        desk.user.wallets["USDT"] -= 10
        checker.observe(desk.engine, desk.now)
        assert seen(checker) == [
            (Invariant.CONSERVED, "wallet is off by 10 USDC"),
            (Invariant.CONSERVED, "wallet is off by -10 USDT"),
        ]

    def test_an_account_that_is_first_seen_after_trades(self, desk):
        checker = Checker()
        buy(desk)
        checker.observe(desk.engine, desk.now)
        buy(desk)
        checker.observe(desk.engine, desk.now)
        assert seen(checker) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"unprotected_ms": 0},
        {"duplicate_ms": -1},
        {"notional": Decimal(-1)},
        {"leverage": 0},
    ],
)
def test_a_bad_limit_is_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be positive"):
        InvariantLimits(**bad)

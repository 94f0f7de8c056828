"""Fees, orders that fail and funding, against figures worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from perpkit.research.stress.order import holdings
from perpkit.research.stress.terms import FailedOrders, MakerTaker, ShiftedFunding
from tests.research.stress.handmade import Prices, at, fill, order, repricing, trade


@pytest.mark.parametrize(
    ("model", "reason", "bps"),
    [
        (MakerTaker(), "", 3.5),
        (MakerTaker(maker_share=1), "exit_signal", 2.0),
        (MakerTaker(maker_share=1), "stop_loss", 5.0),
        (MakerTaker(maker_share=1), "liquidation", 5.0),
        (MakerTaker(0.25, maker_bps=-1, taker_bps=4), "roi", 2.75),
    ],
)
def test_a_mix_of_fees(model, reason, bps):
    assert model.fee(order(reason=reason)) == pytest.approx(bps / 1e4)


HELD = holdings(
    [
        order(at=at(0)),
        order(at=at(8), buys=False, is_entry=False, amount=50.0, rate=110.0),
        order(at=at(12), buys=False, is_entry=False, amount=50.0),
    ]
)


def test_what_is_held_between_orders():
    assert [(one.seconds / 3600, one.value) for one in HELD] == [(8, 10_000), (4, 5_500)]


@pytest.mark.parametrize(
    ("model", "booked", "funding"),
    [
        # 8 hours of 10,000 and half of 8 hours of 5,500, at 1 bp.
        (ShiftedFunding(), -3.0, -3.0 - 1.0 - 0.275),
        (ShiftedFunding(bps_8h=-2), 0.0, 2.55),
        (ShiftedFunding(0.0, times=2), -3.0, -6.0),
        (ShiftedFunding(0.0, times=-1), 5.0, -5.0),
    ],
)
def test_shifted_funding(model, booked, funding):
    assert model.funding(booked, HELD) == pytest.approx(funding)


def test_orders_fail_at_their_rate():
    draw = np.random.default_rng(3)
    failed = [FailedOrders(rate=0.1).fails(order(), draw) for _ in range(5_000)]
    assert np.mean(failed) == pytest.approx(0.1, abs=0.015)


RISING = Prices(BTC=[100.0 + hour for hour in range(12)])


class Fails(FailedOrders):
    """Fails the orders of these numbers, counted over all attempts."""

    def fails(self, order, draw):
        object.__setattr__(self, "asked", getattr(self, "asked", -1) + 1)
        return self.asked in self.numbers


def failing(*numbers):
    model = Fails()
    object.__setattr__(model, "numbers", numbers)
    return model


LONG = (
    fill(1, 2, 101, True),
    fill(3, 2, 103, True),
    fill(5, 1, 105, False),
    fill(7, 3, 107, False),
)


@pytest.mark.parametrize(
    ("failed", "fills"),
    [
        ((), [(1, 2, 101), (3, 2, 103), (5, 1, 105), (7, 3, 107)]),
        # Without the second entry, a quarter and then the rest of what is held.
        ((1,), [(1, 2, 101), (5, 0.5, 105), (7, 1.5, 107)]),
        # A partial exit at the open of the next candle, and of the one after it.
        ((2,), [(1, 2, 101), (3, 2, 103), (6, 1, 106), (7, 3, 107)]),
        ((2, 3), [(1, 2, 101), (3, 2, 103), (7, 1, 107), (7, 3, 107)]),
        ((3,), [(1, 2, 101), (3, 2, 103), (5, 1, 105), (8, 3, 108)]),
    ],
)
def test_what_becomes_of_a_trade_whose_orders_fail(failed, fills):
    found = repricing(RISING, trade(*LONG)).by((failing(*failed),))
    (one,) = found.results.trades
    assert [(f.at, f.amount, f.rate) for f in one.fills] == [(at(h), a, r) for h, a, r in fills]
    bought = sum(a * r for h, a, r in fills if h < 5)
    assert one.profit == pytest.approx(sum(a * r for h, a, r in fills if h >= 5) - bought)
    assert one.closed == at(fills[-1][0])


# 2 of 101 for 2 hours, 4 of 103 for 2, 3 of 105 for 2; without the second entry 2 of 101 for 4
# hours, and 1.5 of 105 for 2.
HELD_OF_ALL = (808 + 315) / (404 + 824 + 630)


@pytest.mark.parametrize(
    ("failed", "share"), [((), 1.0), ((1,), HELD_OF_ALL), ((2,), 1.0), ((3,), 1.0)]
)
def test_an_entry_that_failed_pays_no_funding(failed, share):
    found = repricing(RISING, trade(*LONG, funding=-4.0)).by((failing(*failed),))
    (one,) = found.results.trades
    free = repricing(RISING, trade(*LONG)).by((failing(*failed),)).results.trades[0]
    assert one.funding == pytest.approx(-4.0 * share, rel=1e-12)
    assert one.profit == pytest.approx(free.profit - 4.0 * share)


def test_models_shift_the_funding_of_what_was_entered():
    found = repricing(RISING, trade(*LONG, funding=-4.0)).by((failing(1), ShiftedFunding(0.0, 2.0)))
    assert found.results.trades[0].funding == pytest.approx(-8.0 * HELD_OF_ALL)


def test_without_its_first_entry_a_trade_is_not_made():
    found = repricing(RISING, trade(*LONG)).by((failing(0),))
    assert (found.results.trades, found.left_out) == ((), 1)


def test_an_exit_in_the_last_candle_cannot_be_late():
    late = trade(fill(1, 2, 101, True), fill(11, 2, 111, False))
    found = repricing(RISING, late).by((failing(1),))
    assert found.results.trades[0].fills[-1].rate == 111
    assert found.unpriced == 1

"""Each model of prices, against figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from math import isnan, log2, nan

import numpy as np
import pytest

from perpkit.research.stress.slippage import (
    Latency,
    Linear,
    Logarithmic,
    Spread,
    SquareRoot,
    WorstFills,
)
from tests.research.stress.handmade import CANDLE, HOUR, order

BUY, SELL = order(), order(buys=False)
FOUR_PERCENT = order(amount=400.0)
# The same turnover an hour: a quarter of it in 15 minutes.
QUARTER = replace(CANDLE, seconds=HOUR / 4, turnover=250_000.0)


def draw():
    return np.random.default_rng(1)


@pytest.mark.parametrize(
    ("model", "given", "bps"),
    [
        # 10,000 of 1,000,000 are 1%: a tenth of a deviation of 50 bps, in every shape.
        (SquareRoot(), BUY, 5.0),
        (Linear(), BUY, 5.0),
        (Logarithmic(), BUY, 5.0),
        (SquareRoot(), SELL, 5.0),
        # Four times as much: twice, four times, log2(1 + 4) times.
        (SquareRoot(), FOUR_PERCENT, 10.0),
        (Linear(), FOUR_PERCENT, 20.0),
        (Logarithmic(), FOUR_PERCENT, 5 * log2(5)),
        (SquareRoot(impact=0.3), BUY, 15.0),
        (Linear(), replace(BUY, candle=QUARTER), 5.0),
        (SquareRoot(), replace(BUY, vol_1h=0.01), 10.0),
        # 5% of a deviation of 50 bps is a spread of 2.5; of 10 bps it is 0.5, below the floor of 1.
        (Spread(), BUY, 1.25),
        (Spread(), replace(BUY, vol_1h=0.001), 0.5),
        (Spread(floor_bps=4), BUY, 2.0),
        (Spread(share_of_vol=0.2), SELL, 5.0),
        # From 100 to the high of 102 and the low of 97.
        (WorstFills(), BUY, 200.0),
        (WorstFills(), SELL, 300.0),
        (WorstFills(), replace(SELL, rate=96.0), 0.0),
    ],
)
def test_by_hand(model, given, bps):
    assert model.slippage_bps(given, draw()) == pytest.approx(bps)


@pytest.mark.parametrize("buys", [True, False])
def test_how_far_a_price_moves_meanwhile(buys):
    # A deviation of 50 bps an hour is one of 5 in 36 s; the mean of its size is sqrt(2 / pi) of it.
    model, random = Latency(ms=36_000), draw()
    moves = [model.slippage_bps(order(buys), random) for _ in range(4_000)]
    assert np.mean(moves) == pytest.approx(5 * np.sqrt(2 / np.pi), rel=0.05)
    assert min(moves) >= 0


def test_a_random_walk_costs_nothing_on_average():
    random = draw()
    moves = [Latency(36_000, against=0.5).slippage_bps(BUY, random) for _ in range(4_000)]
    assert abs(np.mean(moves)) < 0.3
    assert np.std(moves) == pytest.approx(5, rel=0.05)


@pytest.mark.parametrize(("given", "low", "high"), [(BUY, -300, 200), (SELL, -200, 300)])
def test_a_price_stays_within_its_candle(given, low, high):
    wild, random = replace(given, vol_1h=1.0), draw()
    model = Latency(ms=3_600_000, against=0.5)
    moves = [model.slippage_bps(wild, random) for _ in range(500)]
    assert (min(moves), max(moves)) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (SquareRoot(), replace(BUY, candle=None)),
        (SquareRoot(), replace(BUY, vol_1h=nan)),
        (Linear(), replace(BUY, candle=replace(CANDLE, turnover=0.0))),
        (Spread(), replace(BUY, vol_1h=nan)),
        (Latency(), replace(BUY, candle=None)),
        (WorstFills(), replace(BUY, candle=None)),
    ],
)
def test_what_is_missing_is_not_guessed(model, given):
    assert isnan(model.slippage_bps(given, draw()))


@pytest.mark.parametrize(("buys", "rate"), [(True, 100.2), (False, 99.8)])
def test_a_cost_makes_a_buy_dearer_and_a_sale_cheaper(buys, rate):
    assert order(buys).worse_by(20).rate == pytest.approx(rate)

"""A run with other costs: the identity, several models together, noise and seeds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf, nan
from typing import Annotated, ClassVar

import numpy as np
import pytest

from perpkit.parameters.kinds import Range
from perpkit.research.stress.model import CostModel
from perpkit.research.stress.repricing import Repricing
from perpkit.research.stress.slippage import Latency, Spread, SquareRoot, WorstFills
from perpkit.research.stress.terms import MakerTaker, ShiftedFunding
from tests.research.stress.handmade import OTHER, Prices, at, fill, repricing, results, trade


@dataclass(frozen=True)
class Flat(CostModel):
    bps: Annotated[float, Range(0, 10_000)] = 10.0

    def slippage_bps(self, order, draw):
        return self.bps


class Another(Flat):
    noisy: ClassVar[bool] = False


@dataclass(frozen=True)
class Unknown(CostModel):
    def slippage_bps(self, order, draw):
        return nan


LEVEL = Prices(BTC=[100.0] * 12)
# In at 100, more at 110, a part out at 120, the rest at 90; fees of 0.1% and 0.2%.
FILLS = (
    fill(1, 2, 100, True),
    fill(2, 2, 110, True),
    fill(3, 1, 120, False),
    fill(5, 3, 90, False),
)
LONG_PROFIT = (120 + 270) - (200 + 220) - 0.42 - 0.78 + 1.5
SHORT_PROFIT = (200 + 220) - (120 + 270) - 0.42 - 0.78 + 1.5


def one(**more):
    return trade(*FILLS, fee_open=0.001, fee_close=0.002, funding=1.5, leverage=3.0, **more)


@pytest.mark.parametrize(
    ("is_short", "profit"), [(False, LONG_PROFIT), (True, SHORT_PROFIT)], ids=["long", "short"]
)
def test_the_identity_by_hand(is_short, profit):
    (found,) = repricing(LEVEL, one(is_short=is_short), noise=0.2).by((CostModel(),)).results.trades
    assert found.profit == pytest.approx(profit, abs=1e-9)
    assert [f[:4] for f in found.fills] == [f[:4] for f in FILLS]
    entered = 420 * (1 - 0.001 if is_short else 1 + 0.001)
    assert found.ratio == pytest.approx(profit / entered * 3)
    assert (found.fee_open, found.fee_close) == pytest.approx((0.001, 0.002))


@pytest.mark.parametrize(
    ("is_short", "before"), [(False, LONG_PROFIT), (True, SHORT_PROFIT)], ids=["long", "short"]
)
def test_a_cost_of_10_bps_by_hand(is_short, before):
    (found,) = repricing(LEVEL, one(is_short=is_short)).by((Flat(),)).results.trades
    way = -1 if is_short else 1
    rates = [100 + way * 0.1, 110 + way * 0.11, 120 - way * 0.12, 90 - way * 0.09]
    assert [f.rate for f in found.fills] == pytest.approx(rates)
    # 0.1% of what was bought and sold, and the fees of the difference.
    fees = way * (0.42 * 0.001 - 0.39 * 0.002)
    assert found.profit == pytest.approx(before - 0.42 - 0.39 - fees)


def test_costs_of_several_models_add_up():
    costs = repricing(LEVEL, one())
    together = costs.by((Flat(), Another(bps=5), MakerTaker(0, 0, 0), ShiftedFunding()))
    (found,) = together.results.trades
    bought, sold = 420 * 1.0015, 390 * 0.9985
    hours = 1 * 200 + 1 * 440 + 2 * 360  # what was held, at the rate of the fill before
    assert found.profit == pytest.approx(sold - bought + 1.5 - hours / 8 / 1e4)
    assert (found.fee_open, found.fee_close) == (0, 0)


def test_noise_multiplies_costs_and_is_1_on_average():
    trades = [trade(fill(1, 1, 100, True), fill(2, 1, 100, False)) for _ in range(2_000)]
    noisy = repricing(LEVEL, *trades, noise=0.2).by((Flat(),)).results.trades
    factors = np.array([(t.fills[0].rate - 100) / 0.1 for t in noisy])
    assert factors.min() > 0
    assert (factors.mean(), factors.std()) == (
        pytest.approx(1, abs=0.015), pytest.approx(0.2, abs=0.015),
    )  # fmt: skip
    exact = repricing(LEVEL, *trades, noise=0.2).by((Another(),)).results.trades
    assert {t.fills[0].rate for t in exact} == {100.1}


def test_the_same_seed_draws_the_same_in_any_company():
    def rates(seed, *models):
        (found,) = repricing(LEVEL, one(), noise=0.2, seed=seed).by(models).results.trades
        return [f.rate for f in found.fills]

    company = (MakerTaker(), Flat(), CostModel())
    assert rates(1, Flat()) == rates(1, *company) != rates(2, Flat())
    assert rates(2, Flat()) == rates(2, *company)


@pytest.mark.parametrize("bps", [9_000, -9_000])
def test_a_rate_stays_above_0_at_any_cost_or_gain(bps):
    own = type("Own", (CostModel,), {"slippage_bps": lambda *_: 2.0 * bps})()
    (found,) = repricing(LEVEL, one()).by((own,)).results.trades
    assert min(f.rate for f in found.fills) > 0


def test_orders_without_a_candle_are_left_and_counted():
    found = repricing(LEVEL, one(), one(pair=OTHER)).by((WorstFills(),))
    btc, eth = found.results.trades
    assert found.unpriced == 4
    assert (btc.profit < LONG_PROFIT, eth.profit) == (True, pytest.approx(LONG_PROFIT))
    assert repricing(LEVEL, one()).by((Unknown(),)).unpriced == 4


def test_volatility_is_that_of_the_candles_before():
    """A price that jumps in the candle of the order itself has not been volatile before it."""
    calm = [100.0, 101.0] * 15
    trades = trade(fill(20, 1, 100, True), fill(22, 1, 100, False))
    costs = {}
    for name, prices in (("calm", calm), ("jump", [*calm[:20], 500.0, *calm[21:]])):
        market = Prices(BTC=prices, volume=1e4 / prices[20])
        (found,) = repricing(market, trades, hours=30).by((SquareRoot(),)).results.trades
        costs[name] = found.fills[0].rate
    assert costs["calm"] == pytest.approx(costs["jump"])
    assert costs["calm"] > 100.01


def test_an_open_trade_is_not_priced():
    held = trade(fill(1, 1, 100, True), closed=None)
    assert repricing(LEVEL, held, one()).by(()).results.trades[0].closed == at(5)
    assert len(repricing(LEVEL, held, one()).by(()).results.trades) == 1


def test_noise_does_not_bring_a_spread_below_its_floor():
    # Prices that do not move: the spread is at its floor of 20 bps, half of it a side.
    trades = [trade(fill(40, 1, 100, True), fill(41, 1, 100, False)) for _ in range(50)]
    level = Prices(BTC=[100.0] * 50)
    noisy = repricing(level, *trades, noise=0.5).by((Spread(floor_bps=20),)).results.trades
    paid = [(found.fills[0].rate / 100 - 1) * 10_000 for found in noisy]
    assert min(paid) == pytest.approx(10.0)
    assert max(paid) > 12


def test_noise_does_not_carry_latency_out_of_its_candle():
    trades = [trade(fill(20, 1, 100, True), fill(22, 1, 100, False)) for _ in range(50)]
    market = Prices(BTC=[100.0, 101.0] * 15)
    slow = Latency(ms=3_600_000)
    noisy, exact = (
        repricing(market, *trades, noise=noise, hours=30).by((slow,)).results.trades
        for noise in (0.5, 0.0)
    )
    rates = [found.fills[0].rate for found in noisy]
    assert max(rates) == pytest.approx(100 / 0.99)
    assert rates == [found.fills[0].rate for found in exact]


def test_noise_out_of_range_is_refused():
    with pytest.raises(ValueError, match="noise must be a number from 0 to 2, got -1"):
        Repricing(results(one()), LEVEL, lambda _: None, noise=-1, seed=0)


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        ("slippage_bps", None, "must be a number, NaN if unknown, got None"),
        ("slippage_bps", "5", "must be a number, NaN if unknown, got '5'"),
        ("slippage_bps", inf, "must be a number, NaN if unknown, got inf"),
        ("slippage_bps", -inf, "must be a number, NaN if unknown, got -inf"),
        ("slippage_bps", True, "must be a number, NaN if unknown, got True"),
        ("least_bps", nan, "must be a number, -inf if there is none, got nan"),
        ("fee", nan, "must be a number, got nan"),
        ("fee", inf, "must be a number, got inf"),
        ("funding", None, "must be a number, got None"),
        ("funding", nan, "must be a number, got nan"),
        ("slippage_bps", KeyError("depth"), ": KeyError('depth')"),
        ("fails", AttributeError("depth"), ": AttributeError('depth')"),
        ("funding", ValueError("no rates"), ": no rates"),
        ("account", TypeError("no"), ": TypeError('no')"),
    ],
)
def test_what_a_model_answers_wrongly_is_named(method, answer, said):
    def answers(*_):
        if isinstance(answer, Exception):
            raise answer
        return answer

    own = type("Own", (CostModel,), {method: answers})()
    joint = "" if said.startswith(":") else " "
    with pytest.raises(ValueError, match=re.escape(f"model Own: {method}{joint}{said}")):
        repricing(LEVEL, one()).by((own,))


@pytest.mark.parametrize("number", [5, 5.0, np.float32(5), np.int64(5)])
def test_any_kind_of_number_is_an_answer(number):
    own = type("Own", (CostModel,), {"slippage_bps": lambda *_: number})()
    (found,) = repricing(LEVEL, one()).by((own,)).results.trades
    assert found.fills[0].rate == pytest.approx(100.05)

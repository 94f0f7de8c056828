"""The cost at which nothing is left, and what luck makes of the same trades."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.research.stress.break_even import break_even
from perpkit.research.stress.monte_carlo import by_days, by_order
from perpkit.research.stress.repricing import Repricing
from tests.research.stress.handmade import Prices, fill, results, trade

LEVEL = Prices(BTC=[100.0] * 12)
EVEN = trade(fill(1, 1, 100, True), fill(2, 1, 100, False), profit=-0.1,
             fee_open=0.0005, fee_close=0.0005)  # fmt: skip
WON = trade(fill(1, 1, 100, True), fill(2, 1, 102, False), profit=1.899,
            fee_open=0.0005, fee_close=0.0005)  # fmt: skip


def test_by_hand():
    found = break_even([WON, EVEN, trade(fill(1, 9, 100, True), closed=None)])
    # 100 and 102 were traded, and 100 twice.
    assert found.turnover == pytest.approx(402)
    assert found.fee_bps == pytest.approx(5)
    assert found.more_bps == pytest.approx(1.799 / 402 * 1e4)
    assert found.bps == pytest.approx(2 / 402 * 1e4)
    assert found.profit_at(found.more_bps) == pytest.approx(0)


def test_a_loss_has_no_edge_and_no_trade_none_either():
    assert break_even([EVEN]).more_bps == pytest.approx(-5)
    assert break_even([]).more_bps is None
    assert break_even([]).bps is None


@given(st.lists(st.tuples(st.floats(50, 200), st.booleans()), min_size=1, max_size=5))
def test_with_that_fee_more_the_profit_is_zero(exits):
    def trades(more):
        run = [
            trade(fill(1, 1, 100, True), fill(2, 1, rate, False), is_short=short,
                  fee_open=0.0005 + more, fee_close=0.0005 + more)
            for rate, short in exits
        ]  # fmt: skip
        return Repricing(results(*run), LEVEL, lambda _: None, noise=0, seed=0).by(()).results

    found = break_even(trades(0.0).trades)
    again = trades(found.more_bps / 1e4)
    assert sum(one.profit for one in again.trades) == pytest.approx(0, abs=1e-9)


def profits(*amounts):
    return [trade(fill(1, 1, 100, True), fill(2, 1, 100, False), profit=each) for each in amounts]


def test_the_order_of_trades_changes_the_way_and_not_the_end():
    # +10% and -10% of what is there: 990 at the end; a drawdown of 10% in either order.
    found = by_order(profits(100.0, -110.0), 1000.0, seed=1)
    assert found.growth == pytest.approx((-0.01, -0.01, -0.01))
    assert found.max_drawdown == pytest.approx((0.1, 0.1, 0.1))
    assert found.loss == 1.0
    # Two losses of 10% in a row, or with a gain between them: 19%, or 10.9%.
    three = by_order(profits(-100.0, 90.0, -99.0), 1000.0, seed=1)
    assert three.max_drawdown[0] == pytest.approx(1 - 0.9 * 1.1 * 0.9)
    assert three.max_drawdown[2] == pytest.approx(0.19)


def test_after_ruin_there_is_nothing_to_win():
    found = by_order(profits(-2000.0, 50.0), 1000.0, seed=0)
    assert (found.growth[1], found.max_drawdown[1], found.loss) == (-1.0, 1.0, 1.0)


def test_without_trades_nothing_changes():
    found = by_order([], 1000.0, seed=0)
    assert (found.growth[1], found.max_drawdown[1], found.loss) == (0.0, 0.0, 0.0)


def test_blocks_of_days():
    draw = np.random.default_rng(5)
    days = pd.date_range("2023-01-01", periods=400, freq="1D", tz="UTC")
    steady = by_days(pd.Series(0.002 + draw.normal(0, 0.01, 400), days), seed=1)
    even = by_days(pd.Series(draw.normal(0, 0.01, 400), days), seed=1)
    assert steady.loss < 0.05 < 0.2 < even.loss
    assert steady.growth[0] < steady.growth[1] < steady.growth[2]
    again = by_days(pd.Series(draw.normal(0, 0.01, 400), days), seed=1)
    assert again != even


def test_the_seed_decides():
    run = profits(*np.random.default_rng(2).normal(0, 30, 40).tolist())
    assert by_order(run, 1000.0, seed=1) == by_order(run, 1000.0, seed=1)
    assert by_order(run, 1000.0, seed=1) != by_order(run, 1000.0, seed=2)

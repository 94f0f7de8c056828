"""What bots have traded, however they did: the doctor's sums agree with the exchange's."""

from __future__ import annotations

import pytest

from perpkit.ops.level import Level
from tests.bench.desk import RISE, Trader, desk, trade
from tests.cases import SLOW

pytestmark = pytest.mark.integration

# By one rung, and through the stop.
FALL = ((0, 50_000.0), (15, 50_000.0), (25, 47_000.0), (600, 47_000.0))
CRASH = ((0, 50_000.0), (15, 50_000.0), (30, 46_000.0), (600, 46_000.0))
ROCKET = ((0, 50_000.0), (15, 50_000.0), (30, 54_000.0), (600, 54_000.0))


def stopped(side):
    def act(trader: Trader) -> None:
        trader.enter(side)
        trader.be_stopped()

    return act


def part_sold(side):
    def act(trader: Trader) -> None:
        trader.enter(side)
        trader.sell_part()

    return act


@pytest.mark.parametrize(
    ("act", "points", "funding"),
    [
        pytest.param(stopped("short"), ROCKET, 9.75, id="short, stopped"),
        pytest.param(part_sold("short"), FALL, 9.75, id="short, part sold"),
        pytest.param(stopped("long"), CRASH, -9.75, id="long, stopped", marks=SLOW),
        pytest.param(part_sold("long"), RISE, -9.75, id="long, part sold", marks=SLOW),
    ],
)
def test_the_sums_of_a_trade_agree_and_a_row_that_was_changed_does_not(
    tmp_path, act, points, funding
):
    with desk(trade(tmp_path, act, points)) as found:
        [money] = [f for f in found.findings() if f.check == "incomes"]
        assert money.level is Level.OK, money.words
        assert f"funding {funding:.2f} USDT; the database agrees" in money.words
        # Of an open trade `realized_profit` is the profit, of a closed one `close_profit_abs`.
        found.write(
            "UPDATE trades SET realized_profit = realized_profit - 2,"
            " close_profit_abs = close_profit_abs - 2"
        )
        [money] = [f for f in found.findings() if f.check == "incomes"]
        assert money.level is Level.WARN
        assert "(-2.00)" in money.words

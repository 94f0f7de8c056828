"""Which targets a trade should have: the prices at which Freqtrade itself would take the profit."""

from datetime import timedelta

import pytest
from freqtrade.strategy import IStrategy

from perpkit.bot.live.wanted_targets import WantedTargets
from perpkit.risk.targets import PART, WHOLE, Target
from tests import factories


class Stock:
    min_roi_reached = IStrategy.min_roi_reached

    def __init__(self, roi=0.3, ignore_roi_if_entry_signal=False):
        self.ignore_roi_if_entry_signal = ignore_roi_if_entry_signal
        self.min_roi_reached_entry = lambda *_: (0, roi)


class Trending(Stock):
    """As dynamic ROIs do, which let a profit run."""

    def min_roi_reached(self, *_):
        return False


def trade(**given):
    return factories.trade(**given)


def no_part(_trade):
    return None


def of(trade, strategy, part=no_part):
    now = trade.open_date_utc + timedelta(hours=1)
    return WantedTargets(strategy, part).of(trade, now)


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("roi", [0.0, 0.01, 0.3, 1.5])
def test_the_whole_is_sold_where_the_profit_is_reached(trade_database, is_short, roi):
    held = trade(is_short=is_short)
    (whole,) = of(held, Stock(roi))
    assert (whole.amount, whole.tag) == (held.amount, WHOLE)
    assert held.calc_profit_ratio(whole.price) == pytest.approx(roi, abs=1e-6)


@pytest.mark.parametrize(
    "given", [{"roi": None}, {"roi": 100.0}, {"ignore_roi_if_entry_signal": True}]
)
def test_no_price_that_is_meant(trade_database, given):
    assert of(trade(), Stock(**given)) == ()


def test_a_strategy_that_decides_about_its_profit_itself(trade_database):
    assert of(trade(), Trending()) == ()


def test_a_part_and_what_it_leaves(trade_database):
    held = trade()
    part = Target(held.open_rate * 1.01, held.amount / 2, PART)
    first, second = of(held, Stock(), lambda _: part)
    assert (first, second.amount) == (part, held.amount / 2)


def test_none_where_they_are_off(trade_database):
    assert of(trade(), Stock(), part=None) == ()

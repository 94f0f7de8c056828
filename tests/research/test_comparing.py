"""What is the same is called so, chance is not taken for a difference, and one is found."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.compare_rates import rate, runs
from perpkit.research.comparing import Comparison, Verdict, compared


def swapped(found: Comparison) -> Comparison:
    def turned(difference):
        return type(difference)(-difference.high, -difference.low)

    verdict = {Verdict.FIRST: Verdict.SECOND, Verdict.SECOND: Verdict.FIRST}
    return Comparison(
        verdict.get(found.verdict, found.verdict), found.days, found.sharpe[::-1],
        turned(found.sharpe_difference), found.mean[::-1], turned(found.mean_difference),
        found.correlation,
    )  # fmt: skip


def test_the_same_run_twice():
    first, _ = runs(100, 1.0, seed=1)
    found = compared(first, first.copy())
    assert found.verdict is Verdict.SAME
    assert found.sharpe_difference == found.mean_difference == (0, 0)
    assert found.correlation == pytest.approx(1)


def test_a_small_difference_on_every_day_is_found():
    """A fee, say: what both have in common cancels out."""
    first, _ = runs(365, 0.0, seed=2)
    found = compared(first, first - 0.0002)
    assert found.verdict is Verdict.FIRST
    assert found.mean_difference == pytest.approx((0.073, 0.073))


def test_the_order_does_not_matter():
    first, second = runs(365, 2.0, seed=3)
    found, other = compared(first, second), compared(second, first)
    assert found.verdict is not Verdict.SAME
    assert swapped(other).verdict is found.verdict
    assert swapped(other).mean_difference == pytest.approx(found.mean_difference)
    assert swapped(other).sharpe_difference == pytest.approx(found.sharpe_difference)


def test_only_days_of_both_count():
    first, second = runs(100, 0.0, seed=4)
    assert compared(first[:80], second[20:]).days == 60
    with pytest.raises(ValueError, match=r"30 days in common, got 10: 2021-01-01 to 2021-02-24"):
        compared(first[:55], second[45:])
    with pytest.raises(ValueError, match="got 0: 2021-01-01 to 2021-04-10 and no day"):
        compared(first, second[:0])


def test_a_run_that_never_trades_has_no_ratio():
    first, second = runs(100, 0.0, seed=5)
    found = compared(first, pd.Series(0.0, second.index))
    assert found.sharpe[1] == 0
    assert found.correlation is None
    assert found.verdict is Verdict.OPEN


def test_a_seed_gives_the_same_answer():
    assert compared(*runs(60, 1.0, 6), seed=1) == compared(*runs(60, 1.0, 6), seed=1)


def test_chance_is_seldom_a_difference_and_a_difference_is_often_found():
    """The rates of 200 seeds are in docs/compare.md."""
    assert rate(365, 0.0, seeds=15) <= 0.2
    assert rate(1_095, 3.0, seeds=5) == 1

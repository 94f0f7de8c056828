"""The tests of all windows, one after the other."""

from dataclasses import replace

import pandas as pd
import pytest

from perpkit.research.marked import daily_returns
from perpkit.walkforward.as_results import scaled_trades
from perpkit.walkforward.record import Run
from perpkit.walkforward.stitching import chosen_values, stitched_equity
from perpkit.walkforward.summary import summary
from tests.walkforward import made_runs, runs

RESULTS = [runs.result(number) for number in (1, 2, 3)]


def test_returns_of_all_windows_are_in_the_stitched_equity():
    equity = stitched_equity(RESULTS)
    assert equity.index.is_unique
    assert equity.index.is_monotonic_increasing
    assert len(equity) == 3 * 24 * runs.DAYS + 1
    apart = pd.concat([result.out_of_sample.daily for result in RESULTS])
    together = daily_returns(equity)
    assert together.index.tolist() == apart.index.tolist()
    assert together.tolist() == pytest.approx(apart.tolist())
    growth = 1.0
    for result in RESULTS:
        one = result.out_of_sample.equity
        growth *= one.iloc[-1] / one.iloc[0]
    assert equity.iloc[-1] / equity.iloc[0] == pytest.approx(growth)


@pytest.mark.parametrize("left", [0.0, -50.0])
def test_after_ruin_nothing_is_traded(left):
    """Scaled by what is below 0, a loss would be a gain, and a long a short."""
    [first, *later] = [
        made_runs.result(
            number, [0.01] * made_runs.TEST.days, [made_runs.trade(made_runs.START, 3)]
        )
        for number in (1, 2, 3)
    ]
    whole = first.out_of_sample.equity.to_numpy(copy=True)
    whole[-1] = left
    ruined = replace(first.out_of_sample, equity=pd.Series(whole, first.out_of_sample.equity.index))
    results = [replace(first, out_of_sample=ruined), *later]
    equity = stitched_equity(results)
    assert equity[: made_runs.TEST.days].tolist() == whole[:-1].tolist()
    assert (equity[made_runs.TEST.days :] == left).all()
    assert len(equity) == 3 * made_runs.TEST.days + 1
    assert [trade.profit for trade in scaled_trades(results)] == [3.0]


def test_a_missing_window_is_flat():
    equity = stitched_equity([RESULTS[0], RESULTS[2]])
    gap = daily_returns(equity)[RESULTS[1].window.test_start : RESULTS[1].window.test_end]
    assert (gap.iloc[:-1] == 0).all()


def test_parameters_by_window():
    values = chosen_values(RESULTS)
    assert values["buy.fast"].to_dict() == {1: 11, 2: 12, 3: 13}
    assert values["roi.0"].tolist() == [0.1] * 3


def test_figures_of_a_run():
    found = summary(Run(runs.request(), tuple(RESULTS)))
    assert (found["trades"], found["trials"], found["stitched"]["days"]) == (3, 9, 90)
    assert [row["window"] for row in found["windows"]] == [1, 2, 3]

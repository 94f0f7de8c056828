"""What epochs made on each day: by hand, and files that lack it."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from perpkit.files.errors import FileError
from perpkit.research.hyperopt.daily import read_daily
from tests.research.hyperopt.made_epochs import epoch

DAYS = pd.date_range("2024-01-30", periods=4, freq="D", tz="UTC")


def written(tmp_path, *lines):
    path = tmp_path / "strategy.fthypt"
    path.write_text("\n".join(map(json.dumps, lines)))
    return path


def changed(line, **metrics):
    return {**line, "results_metrics": {**line["results_metrics"], **metrics}}


def test_by_hand(tmp_path):
    line = epoch(1, DAYS, [0, 1_000, 0, -1_100])
    # Freqtrade begins with the first day on which a trade was closed, and ends with the last.
    late = changed(epoch(2, DAYS, [0] * 4), daily_profit=[["2024-02-01", 500.0]])
    found = read_daily(written(tmp_path, line, late))
    assert found.tried == 2
    assert list(found.returns) == ["epoch 1", "epoch 2"]
    assert [f"{day:%m-%d}" for day in found.returns.index] == ["01-30", "01-31", "02-01", "02-02"]
    # 1,000 of 10,000; 1,100 of 11,000.
    assert list(found.returns["epoch 1"]) == pytest.approx([0, 0.1, 0, -0.1])
    assert list(found.returns["epoch 2"]) == pytest.approx([0, 0, 0.05, 0])


def test_after_ruin_nothing_is_made(tmp_path):
    found = read_daily(written(tmp_path, epoch(1, DAYS, [-10_000, 0, 50, 0])))
    assert list(found.returns["epoch 1"]) == [-1, 0, 0, 0]


def test_the_same_parameters_are_one_trial_and_unrated_ones_none(tmp_path):
    one = epoch(1, DAYS, [1, 2, 3, 4])
    lines = [one, {**one, "current_epoch": 2}, {**epoch(3, DAYS, [9] * 4), "loss": 1e5}]
    found = read_daily(written(tmp_path, *lines))
    assert (found.tried, list(found.returns)) == (3, ["epoch 1"])


@pytest.mark.parametrize(
    ("metrics", "words"),
    [
        ({"daily_profit": None}, "daily_profit in each epoch, a day and an amount"),
        ({"daily_profit": [["first", 1.0]]}, "daily_profit in each epoch, a day and an amount"),
        ({"daily_profit": [["2024-01-30", "x"]]}, "daily_profit in each epoch"),
        ({"daily_profit": [["2024-01-30"]]}, "daily_profit in each epoch"),
        ({"daily_profit": [["2024-01-30", 1.0]] * 2}, "each day once"),
        ({"daily_profit": [["2024-01-30", float("nan")]]}, "a finite daily_profit"),
        ({"daily_profit": [["2025-01-30", 1.0]]}, "within the backtest"),
        ({"backtest_start_ts": None}, "backtest_start_ts in each epoch, a number"),
        ({"backtest_end_ts": 1}, "backtest_start_ts before backtest_end_ts"),
        ({"backtest_end_ts": 1e300}, "backtest_start_ts before backtest_end_ts"),
        ({"starting_balance": 0}, "starting_balance above 0"),
        ({"starting_balance": "much"}, "starting_balance in each epoch, a number"),
    ],
)
def test_what_an_epoch_lacks_is_named_with_its_line(tmp_path, metrics, words):
    good = epoch(1, DAYS, [1] * 4)
    path = written(tmp_path, good, changed(epoch(2, DAYS, [1] * 4), **metrics))
    with pytest.raises(FileError, match=f"hyperopt must have .*{words}.*line 2"):
        read_daily(path)


def test_without_a_rated_epoch_there_is_nothing_to_judge(tmp_path):
    path = written(tmp_path, {**epoch(1, DAYS, [1] * 4), "loss": 1e5})
    with pytest.raises(FileError, match="enough trades to be rated, got none of 1 in"):
        read_daily(path)

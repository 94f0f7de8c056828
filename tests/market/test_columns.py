"""Columns that are added at once, against pandas' own `assign`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.market.columns import with_columns

FRAME = pd.DataFrame({"date": pd.to_datetime(["2026-01-01", "2026-01-02"]), "close": [1.0, 2.0]})
FLOAT, OTHER = np.array([0.5, np.nan]), np.array([3.0, 4.0])
INTEGER, BOOLEAN = np.array([1, -1]), np.array([True, False])


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"a": FLOAT},
        {"a": FLOAT, "b": OTHER, "c": INTEGER, "d": BOOLEAN, "e": FLOAT},
        {"a": FLOAT, "close": OTHER, "b": INTEGER},  # one that the frame has stays in its place
    ],
)
@pytest.mark.parametrize("index", [[0, 1], [7, 3], [5, 5]])
@pytest.mark.parametrize("rows", [2, 0])
def test_it_is_what_assign_returns(columns, index, rows):
    frame = FRAME.set_axis(index)[:rows]
    columns = {name: values[:rows] for name, values in columns.items()}
    pd.testing.assert_frame_equal(with_columns(frame, columns), frame.assign(**columns))


def test_neither_the_frame_nor_the_columns_change_with_the_copy():
    frame, values = FRAME.copy(), FLOAT.copy()
    made = with_columns(frame, {"a": values})
    made.loc[0, ["close", "a"]] = 9.0
    pd.testing.assert_frame_equal(frame, FRAME)
    np.testing.assert_array_equal(values, FLOAT)

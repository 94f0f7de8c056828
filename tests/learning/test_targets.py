"""Labels: which barrier comes first, what is known when, and why rows at the edges are dropped."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.learning.targets import (
    BarrierRule,
    barrier_returns,
    forward_returns,
    outcomes,
    width,
)
from tests import factories

NO_COSTS = BarrierRule(stop=1.0, take_profit=2.0, costs=0.0)


def candles(*rows: tuple[float, float, float]) -> pd.DataFrame:
    """Of high, low, close; the first row is the entry at 100."""
    return pd.DataFrame([(100.0, 100.0, 100.0), *rows], columns=["high", "low", "close"])


def first(frame: pd.DataFrame, side: int = 1, rule: BarrierRule = NO_COSTS, **given) -> float:
    rows = len(frame)
    found = barrier_returns(
        frame, np.full(rows, side), np.full(rows, 0.05), rows - 1, rule, **given
    )
    return float(found[0])


@pytest.mark.parametrize(
    ("rows", "long", "short"),
    [
        (((101, 99, 100), (104, 101, 103)), 0.03, -0.03),  # the end of time
        (((101, 95, 96), (120, 96, 119)), -0.05, -0.05),  # the stop of either, one after the other
        (((110, 99, 109), (109, 80, 81)), 0.10, -0.05),
        (((104, 89, 91), (91, 91, 91)), -0.05, 0.10),
        (((112, 88, 100), (100, 100, 100)), -0.05, -0.05),  # both in one candle: the stop
    ],
)
def test_the_first_barrier_ends_an_entry(rows, long, short):
    assert first(candles(*rows)) == pytest.approx(long)
    assert first(candles(*rows), -1) == pytest.approx(short)


@pytest.mark.parametrize(("side", "funding", "earned"), [(1, 0.01, 0.017), (-1, 0.01, -0.023)])
def test_costs_and_funding_are_taken_off(side, funding, earned):
    frame = candles((101, 99, 100), (104, 101, 103))
    rule = BarrierRule(stop=1.0, take_profit=2.0, costs=0.003)
    paid = np.array([0.5, 0.5, 0.5 + funding])
    assert first(frame, side, rule, paid=paid) == pytest.approx(earned)


def test_what_is_unknown_has_no_label():
    frame, rows = factories.candles(50), 50
    side, widths = np.ones(rows, dtype=int), np.full(rows, 0.01)
    side[3], widths[5] = 0, np.nan
    labels = outcomes(barrier_returns(frame, side, widths, 10, NO_COSTS))
    unknown = [row for row, label in enumerate(labels) if not isinstance(label, str)]
    assert unknown == [3, 5, *range(40, 50)]
    assert set(labels[:3]) <= {"pays", "loses"}


def test_a_frame_shorter_than_the_horizon_has_no_labels():
    frame = factories.candles(5)
    found = barrier_returns(frame, np.ones(5, dtype=int), np.full(5, 0.01), 10, NO_COSTS)
    assert np.isnan(found).all()
    assert np.isnan(forward_returns(frame["close"].to_numpy(), np.ones(5), 10)).all()


def test_prices_after_the_horizon_change_no_label():
    frame = factories.candles(400)
    side = np.where(np.arange(400) % 2, 1, -1)
    widths = np.full(400, 0.02)
    whole = barrier_returns(frame, side, widths, 24, NO_COSTS)
    for rows in (200, 201, 399):
        cut = barrier_returns(frame[:rows], side[:rows], widths[:rows], 24, NO_COSTS)
        np.testing.assert_array_equal(cut[: rows - 24], whole[: rows - 24])
        assert np.isnan(cut[rows - 24 :]).all()
        close = frame["close"].to_numpy()
        ahead = forward_returns(close[:rows], widths[:rows], 24)
        np.testing.assert_array_equal(
            ahead[: rows - 24], forward_returns(close, widths, 24)[: rows - 24]
        )


def test_what_is_known_early_is_not_like_the_rest():
    """Why the last rows have no label, even where a barrier was hit: near stops are hit first."""
    frame, rows = factories.candles(4_000), 4_000
    side, widths = np.ones(rows, dtype=int), np.full(rows, 0.04)
    rule = BarrierRule(stop=0.3, take_profit=1.5, costs=0.0)
    whole = barrier_returns(frame, side, widths, 48, rule)
    early = barrier_returns(frame, side, widths, 4, rule)
    hit = np.isclose(early, -0.3 * 0.04) | np.isclose(early, 1.5 * 0.04)
    assert hit.sum() > 500
    assert (early[hit] > 0).mean() + 0.1 < (whole[np.isfinite(whole)] > 0).mean()


def test_a_width_grows_with_the_root_of_time():
    assert width(np.array([0.01, np.nan]), 4).tolist()[0] == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stop": 0.0}, "stop must be"),
        ({"take_profit": -1.0}, "take_profit must be"),
        ({"costs": 0.5}, "costs must be"),
    ],
)
def test_a_bad_barrier_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        BarrierRule(**given)

"""Ranks among pairs: what they are, when they are unknown, and whether a planted edge is found."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.durations import HOUR
from perpkit.signals.cross_rank import CrossRank, RankRule, ranks, strength
from perpkit.signals.momentum import t_statistic

NAN = float("nan")


@pytest.mark.parametrize(
    ("row", "least", "expected"),
    [
        ([3, 1, 2], 3, [1, 0, 0.5]),
        ([5, 5, 1], 3, [0.75, 0.75, 0]),
        ([NAN, 1, 2], 2, [NAN, 0, 1]),
        # too few, counted without the unknown
        ([NAN, 1, 2], 3, [NAN, NAN, NAN]),
        ([NAN, NAN, 2], 1, [NAN, NAN, NAN]),
        ([float("inf"), 1, 2], 2, [NAN, 0, 1]),
    ],
)
def test_the_share_of_the_others_that_a_pair_exceeds(row, least, expected):
    np.testing.assert_allclose(ranks(np.array([row], dtype=float), least)[0], expected)


values = st.lists(st.floats(-9, 9) | st.just(NAN), min_size=12, max_size=12)


@given(row=values, least=st.integers(2, 12))
def test_ranks_are_fair(row, least):
    found = ranks(np.array([row]), least)[0]
    known = ~np.isnan(row)
    assert (known == ~np.isnan(found)).all() if known.sum() >= least else np.isnan(found).all()
    if not np.isnan(found).all():
        assert np.nanmean(found) == pytest.approx(0.5)
        mirrored = ranks(-np.array([row]), least)[0]
        np.testing.assert_allclose(mirrored, 1 - found)


def test_strength_is_not_cut():
    rising = np.exp(np.arange(700) * 0.01)
    faster = np.exp(np.cumsum(np.where(np.arange(700) % 10, 0.01, -0.01)))
    assert strength(rising, HOUR)[-1] > strength(faster, HOUR)[-1] > 3
    assert strength(rising, HOUR)[-1] == pytest.approx(
        np.mean([t_statistic(rising, 168 * weeks)[-1] for weeks in (1, 2, 4)])
    )
    assert np.isnan(strength(rising, HOUR)[671])


@pytest.mark.parametrize(
    ("rank", "carry", "weight", "enters", "leaves"),
    [
        (0.8, NAN, 0.0, (True, False), (False, True)),
        (0.79, NAN, 0.0, (False, False), (False, True)),
        (0.5, NAN, 0.0, (False, False), (True, True)),
        (0.2, NAN, 0.0, (False, True), (True, False)),
        # half of the weight is the carry's, and an unknown one is no rank
        (1.0, 0.6, 0.5, (True, False), (False, True)),
        (1.0, 0.5, 0.5, (False, False), (False, True)),
        (1.0, NAN, 0.5, (False, False), (False, False)),
        (NAN, 0.9, 0.0, (False, False), (False, False)),
    ],
)
def test_entries_and_exits_by_rank(rank, carry, weight, enters, leaves):
    frame = pd.DataFrame({"strength_rank": [rank], "carry_rank": [carry]})
    found = CrossRank().signals(frame, RankRule(carry_weight=weight))
    assert (found.enter_long[0], found.enter_short[0]) == enters
    assert (found.exit_long[0], found.exit_short[0]) == leaves


def test_a_band_without_room_is_refused():
    with pytest.raises(ValueError, match=r"leave must be below enter \(0.8\), got 0.8"):
        RankRule(leave=0.8)


PAIRS, HOURS = 12, 24 * 150


def universe(seed: int, edge: float) -> np.ndarray:
    """Closes of pairs that share a market, each with an own drift that changes once a month.

    :param edge: deviation of the drift, a fraction an hour
    """
    rng = np.random.default_rng(seed)
    market = rng.normal(0, 0.006, (HOURS, 1))
    drift = np.repeat(rng.normal(0, 1, (HOURS // 720 + 1, PAIRS)), 720, axis=0)[:HOURS]
    own = rng.normal(0, 0.006, (HOURS, PAIRS)) + edge * drift
    return 100 * np.exp(np.cumsum(market + own, axis=0))


def earned(closes: np.ndarray, least: int = 10) -> tuple[float, float, float]:
    """The mean and standard error of a day's return, long and short together at a pair's unit of
    notional, and the pairs that are entered a day."""
    found = ranks(np.column_stack([strength(c, HOUR) for c in closes.T]), least)
    held, source, changes = np.zeros(found.shape), CrossRank(), 0
    for pair in range(found.shape[1]):
        frame = pd.DataFrame({"strength_rank": found[:, pair], "carry_rank": NAN})
        said, side = source.signals(frame, source.rule), 0
        for row in range(len(found)):
            if (side > 0 and said.exit_long[row]) or (side < 0 and said.exit_short[row]):
                side = 0
            if not side:
                side = int(said.enter_long[row]) - int(said.enter_short[row])
                changes += bool(side)
            held[row, pair] = side
    returns = (held[:-1] * np.diff(closes, axis=0) / closes[:-1]).sum(axis=1)
    days = returns[: len(returns) // 24 * 24].reshape(-1, 24).sum(axis=1)
    return days.mean(), days.std() / len(days) ** 0.5, changes / len(days)


def test_a_planted_edge_is_found_and_none_is_not():
    planted = [earned(universe(seed, 0.0004)) for seed in range(3)]
    without = [earned(universe(seed, 0.0)) for seed in range(3)]
    assert all(mean > 3 * error for mean, error, _ in planted)
    assert all(abs(mean) < 2.5 * error for mean, error, _ in without)
    # Few trades: one or two of the twelve pairs in and out a day.
    assert all(entered < 2 for *_, entered in planted)


def test_few_pairs_say_nothing():
    closes = universe(1, 0.0004)
    assert earned(closes[:, :9]) == (0.0, 0.0, 0.0)
    assert earned(closes[:, :9], least=9)[2] > 0

"""Kelly: the textbook fraction, and what keeps it from running away."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.kelly import KellyRule, full_kelly, kelly_factor
from tests.cases import cases

RULE = KellyRule()


def outcomes(wins: int, losses: int, payoff: float) -> list[float]:
    return [payoff] * wins + [-1.0] * losses


@pytest.mark.parametrize(
    ("wins", "losses", "payoff"), [(60, 40, 1.0), (50, 50, 2.0), (40, 60, 3.0), (90, 10, 0.5)]
)
def test_two_outcomes_give_the_textbook_fraction(wins, losses, payoff):
    p = wins / (wins + losses)
    expected = p - (1 - p) / payoff
    assert full_kelly(np.array(outcomes(wins, losses, payoff))) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("r_multiples", "expected"),
    [
        (outcomes(30, 19, 2.0), 1.0),  # too few
        ([*outcomes(30, 19, 2.0), math.nan, math.inf], 1.0),  # not finite: not counted
        (outcomes(30, 30, 1.0), 0.25),  # no edge: the floor, never nothing
        (outcomes(10, 50, 1.0), 0.25),
        (outcomes(60, 0, 1.0), 1.5),  # never lost yet: the cap
        (outcomes(300, 200, 1.0), 0.25),  # only the newest hundred count, all of them losses
        ([1.04, -1.0] * 50, 0.25 * (0.5 - 0.5 / 1.04) / 0.01),
    ],
)
def test_the_factor(r_multiples, expected):
    assert kelly_factor(RULE, r_multiples, 0.01) == pytest.approx(expected)


@cases(250)
@given(
    st.integers(0, 120),
    st.floats(-0.3, 1.5),
    st.floats(0, 2),
    st.floats(0.001, 0.05),
    st.integers(0),
)
def test_worse_trades_never_mean_a_larger_factor(count, mean, worse_by, risk, seed):
    rng = np.random.default_rng(seed)
    trades = rng.normal(mean, 1.5, count)
    better = kelly_factor(RULE, trades, risk)
    worse = kelly_factor(RULE, trades - worse_by * rng.random(count), risk)
    assert RULE.floor <= worse <= better + 1e-9
    assert better <= RULE.cap


@cases(300)
@given(st.lists(st.floats(-3, 10), min_size=2, max_size=60))
def test_no_other_fraction_grows_faster(trades):
    values = np.array(trades)
    best = full_kelly(values)
    if 0 < best < math.inf:

        def growth(f: float) -> float:
            with np.errstate(divide="ignore", invalid="ignore"):
                logs = np.log1p(f * values)
            return float(logs.mean()) if np.isfinite(logs).all() else -math.inf

        assert growth(best) >= max(growth(best * 0.9), growth(best * 1.1)) - 1e-9


@pytest.mark.parametrize(
    "bad",
    [
        {"fraction": 0},
        {"window": 9},
        {"least_trades": 101},
        {"least_trades": 1},
        {"floor": 0},
        {"floor": 1.1},
        {"cap": 0.9},
        {"cap": math.nan},
    ],
)
def test_a_bad_parameter_is_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        KellyRule(**bad)

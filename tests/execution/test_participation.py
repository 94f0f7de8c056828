"""Slippage without a book."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.execution.participation import ParticipationModel, Shape
from tests.bench.ranges import has_range


@pytest.mark.parametrize(
    ("shape", "share", "bps"),
    [
        (Shape.LINEAR, 0.01, 0.5 + 10),
        (Shape.SQUARE_ROOT, 0.01, 0.5 + 10),
        (Shape.LOGARITHMIC, 0.01, 0.5 + 10),
        (Shape.LINEAR, 0.04, 0.5 + 40),
        (Shape.SQUARE_ROOT, 0.04, 0.5 + 20),
        (Shape.LOGARITHMIC, 0.03, 0.5 + 20),
        (Shape.SQUARE_ROOT, 0.0, 0.5),
    ],
)
def test_costs(shape, share, bps):
    model = ParticipationModel(shape)
    assert model.slippage_bps(share * 1e6, 1e6, vol_1h=0.01) == pytest.approx(bps)


@pytest.mark.parametrize(
    ("turnover", "vol"),
    [(0.0, 0.01), (math.nan, 0.01), (-1.0, 0.01), (1e6, math.nan), (1e6, -0.01), (1e6, math.inf)],
)
def test_what_is_not_known_is_dear(turnover, vol):
    assert ParticipationModel().slippage_bps(1.0, turnover, vol) == math.inf


@given(
    st.sampled_from(Shape),
    st.floats(0, 1e9),
    st.floats(0, 1e9),
    st.floats(1, 1e9),
    st.floats(0, 1),
)
def test_more_never_costs_less(shape, one, other, turnover, vol):
    model = ParticipationModel(shape)
    little, much = (model.slippage_bps(n, turnover, vol) for n in sorted((one, other)))
    assert model.half_spread_bps <= little <= much < math.inf


@pytest.mark.parametrize(
    "bad", [{"half_spread_bps": -1.0}, {"impact": math.nan}, {"impact": 11.0}, {"shape": "cubic"}]
)
def test_a_bad_parameter_is_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        ParticipationModel(**bad)


@pytest.mark.parametrize(("name", "low", "high"), [("half_spread_bps", 0, 1000), ("impact", 0, 10)])
def test_both_ends_of_a_range_are_allowed(name, low, high):
    has_range(lambda value: ParticipationModel(**{name: value}), low, high)


def test_a_shape_by_name():
    assert ParticipationModel("linear").shape is Shape.LINEAR

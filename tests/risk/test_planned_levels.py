import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.planned_levels import STOP, TARGET, with_planned_levels
from perpkit.risk.stops import EntryStop, StopMethod

FIXED = EntryStop(distance=0.05)
NAN = float("nan")
UP = [110, 110, NAN]


def frame(closes, **columns):
    close = np.asarray(closes, dtype=float)
    candles = {"close": close, "high": close + 1, "low": close - 1, "atr": 2.0}
    return pd.DataFrame({**candles, **columns})


@pytest.mark.parametrize(
    ("closes", "signals", "stops", "targets"),
    [
        # A long that meets nothing stands to the end; a second signal does not move it.
        ([100, 101, 102], {"enter_long": [1, 0, 1]}, [95, 95, 95], [110, 110, 110]),
        # The candle that reaches the stop, or the target, is the last.
        ([100, 95.5, 95.5], {"enter_long": [1, 0, 0]}, [95, 95, NAN], [110, 110, NAN]),
        ([100, 109.5, 99], {"enter_long": [1, 0, 0]}, [95, 95, NAN], [110, 110, NAN]),
        ([100, 104.5, 99], {"enter_short": [1, 0, 0]}, [105, 105, NAN], [90, 90, NAN]),
        ([100, 90.5, 99], {"enter_short": [1, 0, 0]}, [105, 105, NAN], [90, 90, NAN]),
        # An exit of its own side ends it, one of the other does not.
        ([100] * 2, {"enter_long": [1, 0], "exit_long": [0, 1]}, [95, 95], [110, 110]),
        ([100] * 3, {"enter_long": [1, 0, 0], "exit_long": [0, 1, 0]}, [95, 95, NAN], UP),
        ([100] * 3, {"enter_long": [1, 0, 0], "exit_short": [0, 1, 0]}, [95] * 3, [110] * 3),
        # Both sides at once are no signal, as for Freqtrade; nor is an unknown one.
        ([100] * 2, {"enter_long": [1, 1], "enter_short": [1, 1]}, [NAN] * 2, [NAN] * 2),
        ([100] * 2, {"enter_long": [NAN, NAN]}, [NAN] * 2, [NAN] * 2),
        ([100] * 2, {}, [NAN] * 2, [NAN] * 2),
    ],
)  # fmt: skip
def test_levels_stand_from_the_signal_until_reached(closes, signals, stops, targets):
    found = with_planned_levels(frame(closes, **signals), FIXED, 0.10)
    np.testing.assert_allclose(found[STOP], stops)
    np.testing.assert_allclose(found[TARGET], targets)


@pytest.mark.parametrize("side", ["enter_long", "enter_short"])
def test_a_target_that_is_none_is_not_drawn_and_ends_nothing(side):
    found = with_planned_levels(frame([100, 100, 100], **{side: [1, 0, 0]}), FIXED, 100)
    assert found[TARGET].isna().all()
    assert found[STOP].notna().all()


@pytest.mark.parametrize(("atr", "stop"), [(2.0, 95.0), (0.01, 99.5), (50.0, 90.0), (NAN, NAN)])
def test_an_atr_stop_is_as_far_as_that_of_the_trade(atr, stop):
    rule = EntryStop(StopMethod.ATR, atr_multiple=2.5)
    found = with_planned_levels(frame([100], enter_long=[1], atr=[atr]), rule, 0.10)
    np.testing.assert_allclose(found[STOP], [stop])


@given(st.lists(st.tuples(st.floats(10, 1000), st.booleans(), st.booleans()), max_size=30))
def test_stop_and_target_are_on_both_sides_of_a_price(rows):
    closes, longs, shorts = zip(*rows, strict=True) if rows else ((), (), ())
    given_frame = frame(closes, enter_long=np.array(longs, int), enter_short=np.array(shorts, int))
    before = given_frame.copy()
    found = with_planned_levels(given_frame, FIXED, 0.10)
    pd.testing.assert_frame_equal(given_frame, before)
    known = found[found[STOP].notna()]
    assert (known[TARGET].notna()).all()
    ratio = known[TARGET] / known[STOP]
    assert (np.isclose(ratio, 1.10 / 0.95) | np.isclose(ratio, 0.90 / 1.05)).all()

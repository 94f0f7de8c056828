import math
from dataclasses import fields

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.signals.confidence import ConfidenceRule, confidence, score_of, tag

NAN = math.nan


def market(rate=NAN, rank=NAN, ratio=NAN, crowd=NAN) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "funding_rate_8h": [rate],
            "funding_rank": [rank],
            "long_short_ratio": [ratio],
            "long_short_rank": [crowd],
        }
    )


@pytest.mark.parametrize(
    ("frame", "long", "short"),
    [
        # nothing is known: no bonus
        (market(), 0.7, 0.7),
        # longs pay much: shorts are paid
        (market(rate=0.001, rank=0.99), 0.7, 0.9),
        # shorts pay much: longs are paid
        (market(rate=-0.001, rank=0.01), 0.9, 0.7),
        # unusual for the pair, yet too little to matter
        (market(rate=0.0001, rank=0.99), 0.7, 0.7),
        # much, but usual for the pair
        (market(rate=0.001, rank=0.80), 0.7, 0.7),
        # the rank says low while the rate is still positive: nobody is paid
        (market(rate=0.0005, rank=0.01), 0.7, 0.7),
        # crowded by the figure, and by the pair's own past
        (market(ratio=2.5), 0.7, 0.8),
        (market(ratio=0.4), 0.8, 0.7),
        (market(ratio=1.5, crowd=0.97), 0.7, 0.8),
        (market(ratio=1.5, crowd=0.03), 0.8, 0.7),
        # both, for the same side
        (market(rate=0.001, rank=0.99, ratio=2.5, crowd=0.97), 0.7, 1.0),
    ],
)
def test_what_pays_the_side_adds_to_the_score(frame, long, short):
    scores = confidence(frame, ConfidenceRule())
    assert [side.iloc[0] for side in scores] == pytest.approx([long, short])


@pytest.mark.parametrize(
    ("frame", "short"),
    [
        (market(ratio=2.5), 0.8),
        (market(rate=0.001, rank=0.99), 0.9),
        (market(rate=0.001, rank=0.99, ratio=2.5), 1.0),
    ],
)
def test_a_score_reaches_the_threshold_that_is_written_like_it(frame, short):
    assert confidence(frame, ConfidenceRule())[1].iloc[0] >= short


numbers = st.just(NAN) | st.floats(-10, 10)


@given(rate=numbers, rank=numbers, ratio=numbers, crowd=numbers)
def test_the_score_is_bounded_and_never_below_the_base(rate, rank, ratio, crowd):
    for side in confidence(market(rate, rank, ratio, crowd), ConfidenceRule()):
        assert 0.7 <= side.iloc[0] <= 1.0


@pytest.mark.parametrize("name", [field.name for field in fields(ConfidenceRule)])
@pytest.mark.parametrize("bad", [-1.0, 1000.0, NAN])
def test_a_bad_parameter_is_named(name, bad):
    with pytest.raises(ValueError, match=name):
        ConfidenceRule(**{name: bad})


def test_the_tag_carries_the_score():
    tags = tag("rsi_sma", pd.Series([0.7, 0.9, 0.7]))
    assert list(tags) == ["rsi_sma 0.70", "rsi_sma 0.90", "rsi_sma 0.70"]
    assert [score_of(text, {"rsi_sma"}) for text in tags] == [0.7, 0.9, 0.7]


@pytest.mark.parametrize(
    ("score", "found"),
    [(0.0, 0.0), (NAN, 0.0), (None, 0.0), (-0.5, 0.0), (-math.inf, 0.0), (1.5, 1.0),
     (math.inf, 1.0), (1, 1.0), (0.999, 1.0)],
)  # fmt: skip
def test_what_is_no_score_is_0_or_1_in_the_tag(score, found):
    (text,) = tag("rsi_sma", pd.Series([score]))
    assert score_of(text, {"rsi_sma"}) == found


def test_without_its_name_a_score_does_not_count():
    tags = tag("rsi_sma", pd.Series([0.7, 0.9, 0.7]))
    assert [score_of(text, ()) for text in tags] == [None] * 3


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "force_entry",
        "rsi_sma 7",
        "ema 0.2",
        "fib 0.62",
        "rsi 1",
        "0.5",
        "rsi_sma 1.01",
        "rsi_sma -0.1",
        "rsi_sma nan",
        "rsi_sma",
        "rsi_sma ",
        "not rsi_sma 0.70",
    ],
)
def test_a_tag_of_another_name_or_without_a_score_has_none(text):
    assert score_of(text, {"rsi_sma"}) is None

import math
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.market.funding import with_funding
from perpkit.signals.funding_tide import ExitOn, TideRule, entries, exits, income, indicators
from tests import factories

NAN = math.nan


def market(rate=0.001, rank=0.95, mean=0.0001, stretch=1.5, distance=0.03) -> pd.DataFrame:
    """One candle; as it stands, longs pay and have pushed the price up."""
    return pd.DataFrame(
        {
            "funding_rate_8h": [rate],
            "funding_rank": [rank],
            "funding_mean_8h": [mean],
            "stretch": [stretch],
            "mean_distance": [distance],
        }
    )


def mirrored(frame: pd.DataFrame) -> pd.DataFrame:
    return (-frame).assign(funding_rank=1 - frame["funding_rank"])


def decided(frame: pd.DataFrame, rule: TideRule | None = None) -> tuple[bool, bool]:
    long, short = entries(frame, rule or TideRule())
    return bool(long.iloc[0]), bool(short.iloc[0])


@pytest.mark.parametrize(
    ("frame", "short"),
    [
        (market(), True),
        # usual for the pair
        (market(rank=0.85), False),
        # unusual for the pair, yet next to nothing
        (market(rate=0.00004), False),
        # the highest of a month, and still negative: shorts are not paid
        (market(rate=-0.0001), False),
        # paid now, but not in the mean of the time until it is normal
        (market(rate=0.0002, mean=-0.001), False),
        # price is not stretched, or to the other side
        (market(stretch=0.9), False),
        (market(stretch=-1.5, distance=-0.03), False),
        # what is not known is no entry
        (market(rate=NAN), False),
        (market(rank=NAN), False),
        (market(mean=NAN), False),
        (market(stretch=NAN), False),
        (market(distance=NAN), False),
    ],
)
def test_the_side_that_is_paid_against_the_side_that_is_stretched(frame, short):
    assert decided(frame) == (False, short)
    assert decided(mirrored(frame)) == (short, False)


# A rate of 0.02% that returns to 0.01%: 0.052% in the 24 h until half of its distance is gone. Of
# the way to the mean a fifth is expected.
@pytest.mark.parametrize(
    ("distance", "costs", "enters"),
    [
        (0.005, 0.0014, True),  # 0.15% is more than 0.14%
        (0.004, 0.0014, False),  # 0.13% is not
        (0.004, 0.0012, True),
        (0.0, 0.0014, False),  # the funding alone is not worth the round trip
        (0.0, 0.0005, True),
    ],
)
def test_no_entry_that_does_not_earn_its_costs(distance, costs, enters):
    frame = market(rate=0.0002, mean=0.0001, distance=distance)
    assert income(frame).iloc[0] == pytest.approx(0.000516, abs=1e-6)
    assert decided(frame, TideRule(costs=costs)) == (False, enters)
    assert decided(mirrored(frame), TideRule(costs=costs)) == (enters, False)


def test_funding_may_be_enough_alone():
    frame = market(rate=0.002, mean=0.0005, distance=0.0)
    assert decided(frame, TideRule(reversion=0.0)) == (False, True)


rates = st.just(NAN) | st.floats(-0.01, 0.01)
frames = st.builds(
    market,
    rate=rates,
    rank=st.just(NAN) | st.floats(0, 1),
    mean=rates,
    stretch=st.floats(-4, 4),
    distance=st.floats(-0.3, 0.3),
)


@given(frame=frames, costs=st.floats(0, 0.02), more=st.floats(0, 0.02))
def test_costs_only_take_entries_away_and_one_side_at_most_enters(frame, costs, more):
    cheap = decided(frame, TideRule(costs=costs))
    dear = decided(frame, TideRule(costs=costs + more))
    assert all(later <= sooner for later, sooner in zip(dear, cheap, strict=True))
    assert not all(cheap)


@given(frame=frames)
def test_who_enters_is_paid(frame):
    long, short = decided(frame)
    paid = income(frame).iloc[0]
    assert not long or paid < 0 > frame["funding_rate_8h"].iloc[0]
    assert not short or paid > 0 < frame["funding_rate_8h"].iloc[0]


@pytest.mark.parametrize(
    ("on", "rank", "stretch", "leaves"),
    [
        (ExitOn.FUNDING, 0.5, -1.0, True),
        (ExitOn.FUNDING, 0.4, 1.0, False),
        (ExitOn.PRICE, 0.1, 0.0, True),
        (ExitOn.PRICE, 0.9, -0.1, False),
        (ExitOn.EITHER, 0.5, -1.0, True),
        (ExitOn.EITHER, 0.1, 0.0, True),
        (ExitOn.EITHER, 0.4, -0.1, False),
        (ExitOn.BOTH, 0.5, 0.0, True),
        (ExitOn.BOTH, 0.5, -0.1, False),
        (ExitOn.BOTH, 0.4, 0.0, False),
        # funding is not known: price decides where it may
        (ExitOn.FUNDING, NAN, 1.0, False),
        (ExitOn.EITHER, NAN, -1.0, False),
        (ExitOn.EITHER, NAN, 1.0, True),
        (ExitOn.BOTH, NAN, -1.0, False),
        (ExitOn.BOTH, NAN, 1.0, True),
    ],
)
def test_a_trade_ends_when_things_are_normal_again(on, rank, stretch, leaves):
    held_long = market(rank=rank, stretch=stretch)
    assert bool(exits(held_long, on)[0].iloc[0]) is leaves
    assert bool(exits(mirrored(held_long), on)[1].iloc[0]) is leaves


def test_the_stretch_is_counted_in_deviations_of_two_days():
    close = [100.0] * 47 + [110.0]
    found = indicators(pd.DataFrame({"close": close})).iloc[-1]
    mean, deviation = np.mean(close), np.std(close, ddof=1)
    assert found["mean_distance"] == pytest.approx(110 / mean - 1)
    assert found["stretch"] == pytest.approx((110 - mean) / deviation)


def test_a_price_that_no_longer_moves_is_not_stretched():
    """Running sums leave a rest of what they held before, which over no deviation is endless."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        moved, stands = np.exp(rng.normal(0, 0.1, 100).cumsum()), rng.uniform(0.1, 10)
        found = indicators(pd.DataFrame({"close": np.append(moved, np.full(80, stands))}))
        assert found["stretch"].iloc[-30:].isna().all()


@pytest.mark.parametrize("every", ["8h", "4h", "1h"])
def test_no_look_ahead(every):
    candles = factories.candles(1500)
    interval = int(every.removesuffix("h"))
    rates = np.random.default_rng(3).normal(0.0, 0.0006, 1500 // interval) * interval / 8
    funding = factories.funding(rates, every)

    def analysed(rows: int, settled: int) -> pd.DataFrame:
        frame = with_funding(candles[:rows], funding[:settled], "1h")
        frame = frame.join(indicators(frame))
        frame["long"], frame["short"] = entries(frame, TideRule())
        frame["exit_long"], frame["exit_short"] = exits(frame, ExitOn.BOTH)
        return frame

    whole = analysed(1500, len(funding))
    assert whole[["long", "short", "exit_long", "exit_short"]].any().all()
    for rows in (400, 401, 402, 403, 409, 1000, 1499):
        # Only what has settled, and been published, when the last of the candles closes.
        settled = (rows - 1) // interval + 1
        pd.testing.assert_frame_equal(analysed(rows, settled), whole[:rows])


@pytest.mark.parametrize("name", [field.name for field in fields(TideRule)])
@pytest.mark.parametrize("bad", [-1.0, 1000.0, NAN])
def test_a_bad_parameter_is_named(name, bad):
    with pytest.raises(ValueError, match=f"^{name} must be"):
        TideRule(**{name: bad})

"""FundingTide: what of the signal becomes an entry or an exit, and what the tag says."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from freqtrade.resolvers import StrategyResolver

from tests.bot.stack import BTC


@pytest.fixture
def strategy(default_futures_config):
    """Its file is read anew, so that a test may change its parameters."""
    return StrategyResolver.load_strategy({**default_futures_config, "strategy": "FundingTide"})


def candle(**changed: float) -> pd.DataFrame:
    """Longs pay, and have pushed the price up in a market that falls."""
    known = {
        "funding_rate_8h": 0.001,
        "funding_rank": 0.92,
        "funding_mean_8h": 0.0001,
        "stretch": 1.5,
        "mean_distance": 0.03,
        "trend": -1,
        "long_short_ratio": math.nan,
        "long_short_rank": math.nan,
    }
    return pd.DataFrame({name: [value] for name, value in (known | changed).items()})


PAID_LONG = {"funding_rate_8h": -0.001, "funding_rank": 0.02, "funding_mean_8h": -0.0001,
             "stretch": -1.5, "mean_distance": -0.03, "trend": 1}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "long", "short", "tag"),
    [
        ({}, 0, 1, "funding_tide 0.70"),
        # the trend is the crowd's own, or is not known
        ({"trend": 1}, 0, 0, None),
        ({"trend": 0}, 0, 0, None),
        # extreme by the measure that all strategies share, and a crowd on the other side
        ({"funding_rank": 0.96}, 0, 1, "funding_tide 0.90"),
        ({"funding_rank": 0.96, "long_short_ratio": 2.5}, 0, 1, "funding_tide 1.00"),
        (PAID_LONG, 1, 0, "funding_tide 0.90"),
        ({**PAID_LONG, "long_short_ratio": 0.4}, 1, 0, "funding_tide 1.00"),
        ({**PAID_LONG, "trend": -1}, 0, 0, None),
        ({"funding_rate_8h": math.nan}, 0, 0, None),
    ],
)
def test_entries_and_what_their_tags_say(strategy, changed, long, short, tag):
    row = strategy.populate_entry_trend(candle(**changed), {"pair": BTC}).iloc[0]
    assert (row["enter_long"], row["enter_short"]) == (long, short)
    assert tag is None or row["enter_tag"] == tag


def test_the_trend_can_be_left_out(strategy):
    strategy.with_trend.value = False
    row = strategy.populate_entry_trend(candle(trend=1), {"pair": BTC}).iloc[0]
    assert (row["enter_long"], row["enter_short"]) == (0, 1)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("funding_rank", 0.93),
        ("funding_floor_8h", 0.0011),
        ("stretch", 1.6),
        ("costs", 0.01),
    ],
)
def test_every_threshold_can_refuse(strategy, parameter, value):
    assert strategy.populate_entry_trend(candle(), {"pair": BTC})["enter_short"].iloc[0] == 1
    getattr(strategy, parameter).value = value
    assert strategy.populate_entry_trend(candle(), {"pair": BTC})["enter_short"].iloc[0] == 0


@pytest.mark.parametrize(
    ("on", "rank", "stretch", "leaves"),
    [("both", 0.5, 0.1, 0), ("both", 0.5, 0.0, 1), ("either", 0.5, 0.1, 1), ("price", 0.9, 0.0, 1)],
)
def test_exits_follow_the_parameter(strategy, on, rank, stretch, leaves):
    strategy.exit_on.value = on
    frame = candle(funding_rank=rank, stretch=stretch)
    assert strategy.populate_exit_trend(frame, {"pair": BTC})["exit_short"].iloc[0] == leaves

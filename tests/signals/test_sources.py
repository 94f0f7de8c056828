"""The sources of the package: their columns, their signals, and what later candles change."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from perpkit.durations import HOUR
from perpkit.parameters.declared import declared
from perpkit.signals.conditions import all_met
from perpkit.signals.funding_tide_source import FundingTide
from perpkit.signals.momentum import Momentum
from perpkit.signals.rsi_sma_source import RsiSma
from tests import factories

ROWS = 4_000
SOURCES = [RsiSma(), FundingTide(), Momentum()]


def candles() -> pd.DataFrame:
    """With funding and positioning, some of it unknown."""
    frame, random = factories.candles(ROWS), np.random.default_rng(3)
    frame["funding_rate_8h"] = random.normal(0, 0.001, ROWS)
    frame["funding_mean_8h"] = 0.0001
    for name in ("funding_rank", "long_short_rank"):
        frame[name] = np.where(random.random(ROWS) < 0.1, np.nan, random.random(ROWS))
    frame["long_short_ratio"] = random.uniform(0.3, 3, ROWS)
    return frame


def analysed(source, rows: int):
    frame = candles()[:rows]
    frame = frame.assign(**source.columns(frame, HOUR))
    return frame[[*source.computed]], source.signals(frame, source.rule)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_later_candles_change_no_column_and_no_signal(source):
    columns, signals = analysed(source, ROWS)
    assert columns.notna().any().all()
    assert signals.enter_long.any()
    assert signals.enter_short.any()
    for rows in (900, 901, 903, ROWS - 1):
        then, before = analysed(source, rows)
        pd.testing.assert_frame_equal(then, columns[:rows])
        for known, cut in zip(signals, before, strict=True):
            np.testing.assert_array_equal(known[:rows], cut)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_a_source_enters_where_its_conditions_are_met(source):
    frame = candles()
    frame = frame.assign(**source.columns(frame, HOUR))
    found, conditions = source.signals(frame, source.rule), source.conditions(frame, source.rule)
    for side, enters in (("long", found.enter_long), ("short", found.enter_short)):
        np.testing.assert_array_equal(all_met(conditions[side]), enters)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_it_needs_no_more_columns_than_it_says(source):
    known = ["date", "open", "high", "low", "close", "volume", *source.needed]
    frame = candles()[known]
    computed = source.columns(frame, HOUR)
    assert computed.keys() == {*source.computed}
    source.signals(frame.assign(**computed), source.rule)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_what_hyperopt_may_try_of_it_is_allowed(source):
    for each in declared(type(source.rule)):
        if each.search is not None and each.span is not None:
            for value in (each.search.low, each.search.high):
                whole = int(value) if isinstance(each.default, int) else value
                each.kind.read(each.name, whole)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_the_candles_that_it_says_it_needs(source):
    """With one less, something that its entries follow is unknown at the newest."""
    need = max(source.candles(source.rule, HOUR).values())

    def newest(rows: int) -> pd.Series:
        columns = source.columns(candles()[:rows], HOUR)
        return pd.Series({name: column[-1] for name, column in columns.items()})

    trends = [name for name in source.computed if "trend" in name] or ["momentum"]
    unknown = {"higher_trend": 0, "own_trend": 0, "trend": 0}
    if source.name == "rsi_sma":
        trends = ["higher_trend"]
    for rows, known in ((need, True), (need - 1, False)):
        found = newest(rows)[trends]
        is_known = [pd.notna(v) and v != unknown.get(n, np.inf) for n, v in found.items()]
        assert all(is_known) is known, (rows, found)

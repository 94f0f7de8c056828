"""The crypto-VIX: what it says about a candle, about many, and about real crashes."""

from dataclasses import replace
from datetime import timedelta
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.volatility_breaker import (
    PERIODS,
    against_dvol,
    blocked_hours,
    caught,
    fixed_level,
    in_years,
    load_btc,
    load_dvol,
    worst_days,
)
from perpkit.breakers.breaker import Trading
from perpkit.breakers.volatility import (
    VolatilityDecision,
    VolatilityLevel,
    VolatilityLimits,
    index_timeline,
    judge,
    timeline,
)
from perpkit.market.basket import HourlyIndex
from perpkit.market.volatility import Estimator, hour_of
from tests import factories
from tests.breakers.oracles.volatility import VolatilityState, step
from tests.breakers.wild import swinging_candles
from tests.cases import cases

HOUR = timedelta(hours=1)
NOON = factories.START + timedelta(hours=12)
LIMITS = VolatilityLimits(calm_candles=3)
# Short windows keep the property tests quick.
QUICK = VolatilityLimits(
    window_days=7,
    min_history_days=1,
    elevated_percentile=70,
    elevated_release_percentile=60,
    stressed_percentile=90,
    stressed_release_percentile=85,
    extreme_percentile=97,
    extreme_release_percentile=95,
    calm_candles=3,
    elevated_max_leverage=2.0,
)
NAN = float("nan")


def seen(*percentiles: float, limits: VolatilityLimits = LIMITS, vol: float = 0.9):
    """The decision after one candle an hour with these percentiles, the last at noon."""
    return at_noon(limits, [vol] * len(percentiles), percentiles)


def at_noon(limits: VolatilityLimits, vols, percentiles, later: int = 0) -> VolatilityDecision:
    """:param later: how many of the candles closed after noon"""
    first = hour_of(NOON) - len(vols) + later
    line = judge(limits, HourlyIndex(first, np.array(vols)), np.array(percentiles, dtype=float))
    return line.at(NOON + later * HOUR)


@pytest.mark.parametrize(
    ("percentiles", "level", "trading", "size", "hours_to_release"),
    [
        ([50], VolatilityLevel.CALM, Trading.ACTIVE, 1.0, None),
        ([84.9], VolatilityLevel.CALM, Trading.ACTIVE, 1.0, None),
        ([85], VolatilityLevel.ELEVATED, Trading.ACTIVE, 0.5, 3),
        ([96], VolatilityLevel.STRESSED, Trading.REDUCING, 0.0, 3),
        ([99], VolatilityLevel.EXTREME, Trading.REDUCING, 0.0, 3),
        # Hysteresis: between release and trip each level stays.
        ([96, 94, 94, 94, 94], VolatilityLevel.STRESSED, Trading.REDUCING, 0.0, 3),
        ([99, 97, 97, 97, 97], VolatilityLevel.EXTREME, Trading.REDUCING, 0.0, 3),
        ([85, 80, 80, 80, 80], VolatilityLevel.ELEVATED, Trading.ACTIVE, 0.5, 3),
        # Calm candles release level by level.
        ([96, 93], VolatilityLevel.STRESSED, Trading.REDUCING, 0.0, 2),
        ([96, 93, 93], VolatilityLevel.STRESSED, Trading.REDUCING, 0.0, 1),
        ([96, 93, 93, 93], VolatilityLevel.ELEVATED, Trading.ACTIVE, 0.5, 3),
        ([96, 10, 10, 10], VolatilityLevel.CALM, Trading.ACTIVE, 1.0, None),
        ([99, 96, 96, 96], VolatilityLevel.STRESSED, Trading.REDUCING, 0.0, 3),
        # What decides on the release of an extreme is when stress ends: entries open then.
        ([99, 93], VolatilityLevel.EXTREME, Trading.REDUCING, 0.0, 2),
        ([96, 93, 93, 94, 93], VolatilityLevel.STRESSED, Trading.REDUCING, 0.0, 2),
        # Missing candles count as nothing.
        ([96, 93, NAN, NAN], VolatilityLevel.STRESSED, Trading.REDUCING, 0.0, 2),
        ([NAN, NAN], VolatilityLevel.CALM, Trading.ACTIVE, 1.0, None),
    ],
)
def test_levels(percentiles, level, trading, size, hours_to_release):
    decision = seen(*percentiles)
    release = None if hours_to_release is None else NOON + hours_to_release * HOUR
    assert decision.level is level
    assert (decision.trading, decision.size_factor, decision.release) == (trading, size, release)


@pytest.mark.parametrize(
    ("percentiles", "vol", "reason"),
    [
        (
            [97.25],
            1.823,
            "BTC volatility 182% a year, percentile 97.2 of the last 180 days (stressed from 96 "
            "until below 94): no new entries",
        ),
        (
            [88],
            0.6,
            "BTC volatility 60% a year, percentile 88.0 of the last 180 days (elevated from 85 "
            "until below 80): 50% of the usual size",
        ),
        ([40], 0.4, "BTC volatility 40% a year, percentile 40.0 of the last 180 days: calm"),
        (
            [NAN],
            NAN,
            "BTC volatility unknown (fewer than 30 days of hourly candles): no restriction",
        ),
    ],
)
def test_the_reason_has_the_figures_in_it(percentiles, vol, reason):
    assert seen(*percentiles, vol=vol).reason == reason


@pytest.mark.parametrize(
    ("percentile", "cap", "expected", "effect"),
    [
        (50, 2.0, inf, "calm"),
        (85, 2.0, 2.0, "50% of the usual size, leverage at most 2x"),
        (85, 125.0, inf, "50% of the usual size"),
        (96, 2.0, 2.0, "no new entries"),
        (99, 2.0, 2.0, "no new entries"),
    ],
)
def test_leverage_is_capped_from_elevated_on(percentile, cap, expected, effect):
    decision = seen(percentile, limits=replace(LIMITS, elevated_max_leverage=cap))
    assert decision.max_leverage == expected
    assert decision.reason.endswith(f": {effect}")


@pytest.mark.parametrize(("size", "cap"), [(0.5, 125.0), (1.0, 2.0), (1.0, 125.0)])
def test_an_elevated_level_restricts_what_its_parameters_say(size, cap):
    limits = replace(LIMITS, elevated_size_factor=size, elevated_max_leverage=cap)
    decision = seen(85, limits=limits)
    assert decision.level is VolatilityLevel.ELEVATED
    assert decision.restricts is (size < 1 or cap < 125)


def test_the_reason_names_the_market_watched():
    assert seen(99, limits=replace(LIMITS, asset="ETH")).reason.startswith("ETH volatility")


@pytest.mark.parametrize(
    ("confirm", "percentiles", "level"),
    [
        (2, [99], VolatilityLevel.CALM),
        (2, [99, 50, 99], VolatilityLevel.CALM),
        (2, [99, 99], VolatilityLevel.EXTREME),
        (2, [96, 99], VolatilityLevel.STRESSED),
        (3, [90, 97, 99], VolatilityLevel.ELEVATED),
    ],
)
def test_confirmation_goes_by_level(confirm, percentiles, level):
    limits = replace(LIMITS, confirm_candles=confirm)
    assert seen(*percentiles, limits=limits).level is level


@pytest.mark.parametrize(
    ("vol", "level"), [(0.39, VolatilityLevel.CALM), (0.4, VolatilityLevel.EXTREME)]
)
def test_below_the_floor_all_is_calm(vol, level):
    limits = replace(LIMITS, floor_annual=0.4)
    assert seen(100, limits=limits, vol=vol).level is level


def test_below_the_floor_a_level_calms_down():
    limits = replace(LIMITS, floor_annual=0.4)
    for hours, level in (
        (0, VolatilityLevel.EXTREME),
        (2, VolatilityLevel.EXTREME),
        (3, VolatilityLevel.CALM),
    ):
        vols = [0.9] + [0.3] * hours
        assert at_noon(limits, vols, [99] * len(vols)).level is level


@given(st.lists(st.integers(0, 100).map(float), min_size=1, max_size=30), st.data())
def test_monotone_in_severity(percentiles, data):
    raised = [min(p + data.draw(st.integers(0, 20)), 100.0) for p in percentiles]
    limits = replace(LIMITS, elevated_max_leverage=2.0)
    milder, harsher = seen(*percentiles, limits=limits), seen(*raised, limits=limits)
    assert harsher.level >= milder.level
    assert harsher.size_factor <= milder.size_factor
    assert harsher.max_leverage <= milder.max_leverage


@given(st.lists(st.integers(70, 100).map(float), min_size=1, max_size=30))
def test_entries_never_open_before_the_announced_release(percentiles):
    """Nor later, if every candle from here on is calm."""
    decision, later, announced = seen(*percentiles), 0, NOON
    while decision.entries_blocked:
        later, announced = later + 1, decision.release
        known = [*percentiles, *[0.0] * later]
        decision = at_noon(LIMITS, [0.9] * len(known), known, later)
    assert announced == NOON + later * HOUR


@given(
    seed=st.integers(0, 20),
    estimator=st.sampled_from(list(Estimator)[:5]),
    confirm=st.integers(1, 3),
    calm=st.integers(1, 5),
    floor=st.sampled_from([0.0, 0.8]),
    size=st.sampled_from([0.5, 1.0]),
    cap=st.sampled_from([2.0, 125.0]),
)
@cases(40)
def test_a_timeline_equals_stepping(seed, estimator, confirm, calm, floor, size, cap):
    limits = replace(
        QUICK,
        elevated_size_factor=size,
        elevated_max_leverage=cap,
        estimator=estimator,
        confirm_candles=confirm,
        calm_candles=calm,
        floor_annual=floor,
    )
    line, state = timeline(limits, swinging_candles(seed)), VolatilityState()
    levels = set()
    for row in range(len(line)):
        closed = factories.START + (row + 1) * HOUR
        figures = float(line.vol_annual[row]), float(line.percentile[row])
        state, decision = step(limits, state, closed, *figures)
        assert line.at(closed) == decision
        assert line.at(closed + timedelta(minutes=59)) == decision
        assert line.entries_blocked[row] == decision.entries_blocked
        assert bool(line.restrictions(closed)) == decision.restricts
        levels.add(decision.level)
    assert VolatilityLevel.CALM in levels


def test_wild_candles_reach_every_level():
    assert set(timeline(QUICK, swinging_candles(0)).level) == set(VolatilityLevel)


@given(st.integers(0, 20), st.integers(50, 399))
@cases(30)
def test_future_candles_change_no_past_decision(seed, rows):
    frame = swinging_candles(seed)
    past = timeline(QUICK, frame[frame.index < rows])
    shocked = frame.copy()
    shocked.loc[shocked.index >= rows, "high"] *= 3
    whole = timeline(QUICK, shocked)
    for row in range(len(past)):
        closed = factories.START + (row + 1) * HOUR
        assert whole.at(closed) == past.at(closed)


def test_percentile_against_a_naive_one():
    """Share of the known values of the last 7 days that lie below, ties and itself half."""
    line = timeline(QUICK, swinging_candles(1))
    for row in range(0, len(line), 7):
        window = line.vol_annual[max(0, row - 167) : row + 1]
        known = window[~np.isnan(window)]
        value = line.vol_annual[row]
        if np.isnan(value) or len(known) < 24:
            assert np.isnan(line.percentile[row])
        else:
            expected = 100 * ((known < value).sum() + (known == value).sum() / 2) / len(known)
            assert line.percentile[row] == pytest.approx(expected)


@pytest.mark.parametrize("rows", [0, 1, 500])
def test_too_little_history_never_locks(rows):
    frame = factories.candles(500)
    frame.loc[frame.index > 400, "high"] *= 2
    line = timeline(LIMITS, frame[:rows])
    assert not line.entries_blocked.any()
    decision = line.at(factories.START + rows * HOUR)
    assert decision == VolatilityDecision(reason=decision.reason)
    assert "unknown (fewer than 30 days" in decision.reason


def test_an_index_measured_elsewhere_is_judged_alike():
    line = timeline(QUICK, swinging_candles(3))
    again = index_timeline(QUICK, HourlyIndex(line.first_close - 1, line.vol_annual))
    for hour in range(len(line)):
        now = factories.START + (hour + 1) * HOUR
        assert again.at(now) == line.at(now)


def test_only_closed_candles_count():
    """The shock opens at row 399: nothing is known of it before the hour is over."""
    frame = factories.candles(400)
    frame.loc[399, "high"] *= 2
    line, opened = timeline(QUICK, frame), factories.START + 399 * HOUR
    assert line.last_close == opened + HOUR
    assert line.at(opened + timedelta(minutes=59, seconds=59)).level is not VolatilityLevel.EXTREME
    assert line.at(opened + HOUR).level is VolatilityLevel.EXTREME


def test_the_release_moves_on_while_candles_are_missing():
    """Hours that nobody saw are not calm ones."""
    frame = factories.candles(400)
    frame.loc[399, "high"] *= 2
    line = timeline(QUICK, frame)
    for hours in (0, 1, 50):
        decision = line.at(line.last_close + hours * HOUR)
        assert decision.entries_blocked
        assert decision.release == line.last_close + (hours + 3) * HOUR


def test_before_the_first_candle_nothing_is_known():
    line = timeline(QUICK, factories.candles(400))
    assert line.restrictions(factories.START) == ()
    decision = line.at(factories.START)
    assert decision.percentile is None
    assert not decision.entries_blocked
    assert timeline(QUICK, factories.candles(1)[:0]).last_close is None


@pytest.mark.parametrize("estimator", Estimator)
def test_history_is_enough(estimator):
    """A bot that starts with this much history agrees with one that has seen it all."""
    limits = replace(QUICK, estimator=estimator)
    frame = factories.candles(6000)
    frame["high"] *= 1 + 0.01 * np.abs(np.sin(np.arange(6000) / 50))
    whole = timeline(limits, frame)
    short = timeline(limits, frame[-(limits.history // HOUR) - 500 :])
    assert (whole.level[-500:] == short.level[-500:]).mean() > 0.99


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("estimator", "crystal_ball"),
        ("half_life_hours", 0.1),
        ("half_life_hours", NAN),
        ("window_days", 6),
        ("window_days", 90.5),
        ("min_history_days", 0),
        ("min_history_days", 181),
        ("elevated_percentile", 97),
        ("elevated_percentile", -1),
        ("elevated_release_percentile", 86),
        ("stressed_percentile", 99.5),
        ("stressed_percentile", "high"),
        ("stressed_release_percentile", 96.5),
        ("stressed_release_percentile", 97.5),
        ("extreme_percentile", 101),
        ("extreme_release_percentile", 99.5),
        ("confirm_candles", 0),
        ("calm_candles", 0),
        ("floor_annual", -0.1),
        ("elevated_size_factor", 1.5),
        ("elevated_size_factor", None),
        ("elevated_max_leverage", 0.9),
        ("elevated_max_leverage", 126),
    ],
)
def test_a_bad_parameter_is_named(parameter, value):
    with pytest.raises(ValueError, match=rf"^{parameter} must be .*, got "):
        VolatilityLimits(**{parameter: value})


def test_estimators_may_be_named_by_text():
    """As they are in a configuration file."""
    assert VolatilityLimits(estimator="classic").estimator is Estimator.CLASSIC


@pytest.fixture(scope="module")
def btc(real_datadir):
    return load_btc(real_datadir)


@pytest.mark.real_data
class TestRealBtc:
    """The figures of docs/evidence/crypto_vix.md, with a little room."""

    @pytest.mark.parametrize(
        ("period", "before", "by", "share"),
        [("2020-2023", 9, 10, 0.07), ("2020-2021", 9, 10, 0.07), ("2022-2023", 6, 9, 0.06)],
    )
    def test_the_default_blocks_entries_on_the_worst_days(self, btc, period, before, by, share):
        blocked = blocked_hours(VolatilityLimits(), btc)
        days_before, days_by = caught(blocked, btc, worst_days(btc, *PERIODS[period], 10))
        assert days_before >= before
        assert days_by >= by
        assert blocked[in_years(btc, *PERIODS[period])].mean() <= share

    @pytest.mark.parametrize(
        "changed",
        [
            {"half_life_hours": 1.0},
            {"half_life_hours": 4.0},
            {"window_days": 120},
            {"window_days": 365},
            {"stressed_percentile": 97.0, "stressed_release_percentile": 95.0},
            {"stressed_percentile": 95.0, "stressed_release_percentile": 93.0},
            {"calm_candles": 1},
            {"calm_candles": 4},
            {"estimator": "garman_klass"},
        ],
        ids=str,
    )
    def test_the_default_stands_on_a_plateau(self, btc, changed):
        """8 of 10 with at most 10% of hours holds all around it."""
        blocked = blocked_hours(VolatilityLimits(**changed), btc)
        assert caught(blocked, btc, worst_days(btc, 2020, 2023, 10))[0] >= 8
        assert blocked.mean() <= 0.10

    def test_the_slow_form_follows_implied_volatility(self, btc, real_datadir):
        spearman = against_dvol(btc, load_dvol(real_datadir.parent))
        assert spearman["slow"]["2021-2023"] >= 0.90
        assert spearman["slow"]["2021-2023"] > spearman["classic"]["2021-2023"] + 0.1

    def test_a_fixed_level_of_the_classic_recipe_does_not_travel(self, btc):
        _, blocked = fixed_level(btc)
        assert caught(blocked, btc, worst_days(btc, 2020, 2023, 10))[0] <= 5
        assert caught(blocked, btc, worst_days(btc, 2022, 2023, 10))[1] == 0

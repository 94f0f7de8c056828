"""The market halt: hardly any volume, a book that is none, and the gap after it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.breaker import UNRESTRICTED, Decision, Trading
from perpkit.breakers.market_halt import HaltLimits, beside_the_book, judge, timeline
from perpkit.breakers.market_halt_steps import follow
from perpkit.execution.book import Book, NoBook
from perpkit.market.candle_grid import CandleGrid, CandleRows
from tests import factories
from tests.breakers.oracles.market_halt import HaltState, step
from tests.breakers.wild import halting_candles
from tests.cases import cases

HOUR = timedelta(hours=1)
NOON = factories.START + timedelta(hours=12)
NAN = float("nan")
LIMITS = HaltLimits(pair="XRP/USDT:USDT")
# Volume share and gap of a candle.
USUAL, THIN, DEAD, LEAP, UNSEEN = (1.0, 0), (0.05, 0), (0.004, 0), (2.0, -0.12), (NAN, NAN)
hours = st.lists(st.sampled_from([USUAL, THIN, DEAD, LEAP, UNSEEN]), min_size=1, max_size=30)


def seen(*candles, limits=LIMITS, later: int = 0) -> Decision:
    """The decision after one candle an hour.

    :param later: how many of the candles closed after noon
    """
    share, gap = np.array(candles, dtype=float).T
    end = NOON + later * HOUR
    first = int((end - (len(candles) - 1) * HOUR).timestamp())
    return judge(limits, CandleGrid(first, 3600), share, gap).at(end)


@pytest.mark.parametrize(
    ("candles", "hours_to_release"),
    [
        ([USUAL], None),
        ([THIN], None),
        ([UNSEEN], None),
        ([DEAD], 1),
        ([(0.01, 0)], 1),
        ([(0.0101, 0)], None),
        # A little volume is not the end of a halt; nor is a candle that nobody saw.
        ([DEAD, THIN], 1),
        ([DEAD, (0.1, 0)], 1),
        ([DEAD, UNSEEN], 1),
        ([DEAD, (0.101, 0)], None),
        ([DEAD, THIN, USUAL, THIN], None),
        # A gap, up or down, is followed by two quiet hours.
        ([LEAP], 2),
        ([(1, 0.10)], 2),
        ([(1, 0.0999)], None),
        ([LEAP, USUAL], 1),
        ([LEAP, USUAL, USUAL], None),
        ([LEAP, LEAP], 2),
        ([LEAP, DEAD], 1),
        ([LEAP, USUAL, DEAD], 1),
    ],
)
def test_when_entries_are_blocked(candles, hours_to_release):
    decision = seen(*candles)
    if hours_to_release is None:
        assert decision is UNRESTRICTED
    else:
        assert (decision.trading, decision.size_factor) == (Trading.REDUCING, 0.0)
        assert (decision.pair, decision.side) == ("XRP/USDT:USDT", "*")
        assert decision.release == NOON + hours_to_release * HOUR


@pytest.mark.parametrize("price", [0.0123, 1.1, 100, 26_500])
@pytest.mark.parametrize(
    ("gap", "quiet"), [(-0.1, True), (0.1, True), (-0.0999999, False), (0.0999999, False)]
)
def test_a_gap_of_exactly_the_limit_starts_a_quiet_period(price, gap, quiet):
    candles = factories.candles(3)
    candles.loc[:1, ["open", "high", "low", "close"]] = price
    candles.loc[2, ["open", "high", "low", "close"]] = float(f"{price * (1 + gap):.10g}")
    now = factories.START + 3 * HOUR
    assert timeline(LIMITS, candles).at(now).entries_blocked is quiet
    assert follow(LIMITS, CandleRows.of(candles)).at(now).entries_blocked is quiet


@pytest.mark.parametrize(
    ("candles", "reason"),
    [
        (
            [DEAD],
            "XRP/USDT:USDT has 0.4% of its usual volume (limit 1.0%), until it is above 10%: "
            "no new entries",
        ),
        (
            [LEAP],
            "XRP/USDT:USDT has a gap of -12.0% by 2023-01-01 12:00 UTC (limit 10%), a quiet period "
            "in which stops may tighten: no new entries",
        ),
        (
            [LEAP, DEAD],
            "XRP/USDT:USDT has 0.4% of its usual volume (limit 1.0%), until it is above 10% and a "
            "gap of -12.0% by 2023-01-01 11:00 UTC (limit 10%), a quiet period in which stops may "
            "tighten: no new entries",
        ),
    ],
)
def test_the_reason_has_the_figures_in_it(candles, reason):
    assert seen(*candles).reason == reason


@given(hours, st.data())
def test_monotone_in_severity(candles, data):
    """Less volume and larger gaps never open what more volume and smaller gaps keep shut."""
    harsher = [
        (share * data.draw(st.sampled_from([1, 0.1])), gap * data.draw(st.sampled_from([1, 2])))
        for share, gap in candles
    ]
    mild, harsh = seen(*candles), seen(*harsher)
    assert harsh.trading.strictness >= mild.trading.strictness
    if mild.release is not None:
        assert harsh.release >= mild.release


@given(hours, st.sampled_from([1, 60, 90, 300]))
def test_entries_never_open_before_the_announced_release(candles, quiet):
    """Nor later, if every candle from here on is usual."""
    limits = replace(LIMITS, quiet_minutes=quiet)
    decision, later = seen(*candles, limits=limits), 0
    announced = decision.release
    while decision.entries_blocked:
        later += 1
        decision = seen(*candles, *[USUAL] * later, limits=limits, later=later)
    assert announced in (None, NOON + later * HOUR)


@given(st.integers(0, 20), st.sampled_from([1, 60, 90, 300]), st.sampled_from([1, 7]))
@cases(30)
def test_a_timeline_equals_stepping(seed, quiet, days):
    limits = replace(LIMITS, quiet_minutes=quiet, volume_days=days)
    line, state = timeline(limits, halting_candles(seed)), HaltState()
    blocked = set()
    for row in range(len(line.gap)):
        closed = factories.START + (row + 1) * HOUR
        figures = float(line.volume_share[row]), float(line.gap[row])
        state, decision = step(limits, state, closed, *figures)
        assert line.at(closed) == decision
        assert line.at(closed + timedelta(minutes=59, seconds=59)) == decision
        np.testing.assert_equal(line.volume_share_at(closed), line.volume_share[row])
        blocked.add(decision.entries_blocked)
    assert blocked == {True, False}


@given(st.integers(0, 20), st.integers(1, 299))
@cases(30)
def test_future_candles_change_no_past_decision(seed, rows):
    candles = halting_candles(seed)
    past = timeline(LIMITS, candles[candles.index < rows])
    shocked = candles.copy()
    shocked.loc[shocked.index >= rows, "volume"] *= 100
    shocked.loc[shocked.index >= rows, ["open", "high", "low", "close"]] *= 2
    whole = timeline(LIMITS, shocked)
    for row in range(len(past.gap)):
        closed = factories.START + (row + 1) * HOUR
        assert whole.at(closed) == past.at(closed)


def outage(hours: int) -> pd.DataFrame:
    """Ten days, then candles as Freqtrade fills them, then trades again, 15% higher."""
    candles = factories.candles(260)
    halted = slice(240, 239 + hours)
    last = candles["close"].loc[239]
    candles.loc[halted, ["open", "high", "low", "close"]] = last
    candles.loc[halted, "volume"] = 0.0
    after = 240 + hours
    rise = last * 1.15 / candles["open"].loc[after]
    candles.loc[after:, ["open", "high", "low", "close"]] *= rise
    return candles


@pytest.mark.parametrize("hours", [1, 3, 10])
def test_an_outage_and_the_gap_after_it(hours):
    line = timeline(LIMITS, outage(hours))
    blocked = [
        row for row in range(260) if line.at(factories.START + (row + 1) * HOUR).entries_blocked
    ]
    # Halted in its own hours, quiet in the first candle with trades and the next.
    assert blocked == list(range(240, 240 + hours + 2))
    resumed = line.at(factories.START + (241 + hours) * HOUR)
    assert "a gap of +15.0%" in resumed.reason


def test_a_long_outage_does_not_become_the_usual_volume():
    candles = factories.candles(800)
    candles.loc[400:, "volume"] = 0.0
    candles.loc[799, "volume"] = candles["volume"].iloc[:400].mean() * 0.05
    line = timeline(LIMITS, candles)
    assert all(line.at(factories.START + row * HOUR).entries_blocked for row in range(401, 801))


def test_volume_is_compared_with_what_came_before_it():
    candles = factories.candles(30).assign(volume=10.0)
    candles.loc[20, "volume"] = 20.0
    candles.loc[[22, 23], "volume"] = 0.0
    line = timeline(replace(LIMITS, volume_days=1), candles)
    assert np.isnan(line.volume_share[0])
    assert line.volume_share[20] == pytest.approx(2.0)
    assert line.volume_share[24] == pytest.approx(10 / ((21 * 10 + 20) / 22))


def test_past_the_newest_candle_a_halt_holds_and_a_quiet_period_ends():
    halted = timeline(LIMITS, outage(3)[:242])
    late = factories.START + 250 * HOUR
    assert halted.at(late).release == late + HOUR
    quiet = timeline(LIMITS, outage(1)[:242])
    end = factories.START + 244 * HOUR
    assert quiet.at(end - HOUR).release == end
    assert quiet.at(end) is UNRESTRICTED


@pytest.mark.parametrize("rows", [0, 1, 100])
def test_without_a_halt_nothing_is_locked(rows):
    line = timeline(LIMITS, factories.candles(100)[:rows])
    for hour in range(-2, rows + 2):
        assert line.at(factories.START + hour * HOUR) is UNRESTRICTED
    assert np.isnan(line.volume_share_at(factories.START))


def test_a_first_candle_without_volume_is_no_halt():
    candles = factories.candles(2).assign(volume=0.0)
    assert timeline(LIMITS, candles).at(factories.START + 2 * HOUR) is UNRESTRICTED


def book(bid: float, ask: float) -> Book:
    return Book(((bid, 1.0),), ((ask, 1.0),))


@pytest.mark.parametrize(
    ("book", "reason"),
    [
        (book(99, 101), None),
        (book(97.51, 102.49), None),
        (book(97, 103), "a spread of 6.0% (limit 5.0%)"),
        (NoBook("no usable book: no bids"), "no usable book: no bids"),
        (NoBook("no order book to be had"), "no order book to be had"),
    ],
)
def test_what_the_book_adds_to_a_low_volume(book, reason):
    decision = beside_the_book(LIMITS, 0.07, book, NOON)
    if reason is None:
        assert decision is UNRESTRICTED
    else:
        assert (decision.trading, decision.pair) == (Trading.REDUCING, "XRP/USDT:USDT")
        assert decision.release == NOON
        assert decision.reason == (
            f"XRP/USDT:USDT has 7.0% of its usual volume (low up to 10%) and {reason}: "
            "no new entries"
        )


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("low_volume", 1.1),
        ("low_volume", NAN),
        ("halted_volume", 0.11),
        ("halted_volume", -0.01),
        ("volume_days", 0),
        ("max_spread", 0),
        ("gap", 0),
        ("gap", "wide"),
        ("quiet_minutes", 0),
        ("timeframe_minutes", 1.5),
    ],
)
def test_a_bad_parameter_is_named(parameter, value):
    with pytest.raises(ValueError, match=rf"^{parameter} must be .*, got "):
        HaltLimits(**{parameter: value})


@pytest.mark.real_data
@pytest.mark.parametrize("asset", ["BTC", "ETH", "XRP", "LTC", "ADA"])
def test_the_one_outage_in_four_years_of_hours(real_datadir, asset):
    stored = real_datadir / "futures" / f"{asset}_USDT_USDT-1h-futures.feather"
    line = timeline(LIMITS, pd.read_feather(stored))
    [row] = np.flatnonzero(np.frombuffer(line.restricted, dtype=bool))
    assert line.grid.closed_at(int(row)) == pd.Timestamp("2021-03-02 02:00", tz="UTC")

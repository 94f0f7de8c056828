"""The flash crash: what counts as a fall, what it blocks, for how long, and when all pairs stop."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.breaker import UNRESTRICTED, Decision, Trading
from perpkit.breakers.flash_crash import Blocks, FlashCrashLimits, judge, timeline
from perpkit.breakers.market_wide import market_wide
from perpkit.market.candle_grid import CandleGrid
from tests import factories
from tests.breakers.oracles.flash_crash import STILL, step
from tests.breakers.wild import crashing_candles
from tests.cases import cases

DEFAULT = FlashCrashLimits()
HOUR = timedelta(hours=1)
NOON = factories.START + timedelta(hours=12)
NAN = float("nan")
LIMITS = FlashCrashLimits(windows=((60, 0.08), (240, 0.12)), pair="BTC/USDT:USDT")
# Within one hour 8% trip, within four 12%; two hours to cool down; calm is a range below 4%.
CRASH, SLIDE, RALLY = (0.09, 0.09, 0, 0), (0.05, 0.13, 0, 0), (0, 0, 0.09, 0.09)
ROUGH, QUIET, UNSEEN = (0.03, 0.03, 0, 0), (0, 0, 0, 0), (NAN,) * 4
RANGES = {CRASH: 0.1, SLIDE: 0.05, RALLY: 0.1, ROUGH: 0.04, QUIET: 0.01, UNSEEN: NAN}
hours = st.lists(st.sampled_from(list(RANGES)), min_size=1, max_size=40)


def seen(*candles, limits=LIMITS, raised=None, later: int = 0) -> Decision:
    """The decision after one candle an hour.

    :param raised: by how much the moves and the range of each candle are larger
    :param later: how many of the candles closed after noon
    """
    more = np.zeros(len(candles)) if raised is None else np.array(raised)
    moves = np.array(candles).reshape(-1, 2, 2).swapaxes(0, 1) + more[:, np.newaxis]
    span = np.array([RANGES.get(candle, 0.1) for candle in candles]) + more
    end = NOON + later * HOUR
    first = int((end - (len(candles) - 1) * HOUR).timestamp())
    return judge(limits, CandleGrid(first, 3600), moves, span).at(end)


@pytest.mark.parametrize(
    ("candles", "hours_to_release"),
    [
        ([QUIET], None),
        ([ROUGH], None),
        ([(0.0799, 0.1199, 0.0799, 0.1199)], None),
        ([CRASH], 2),
        ([SLIDE], 2),
        ([RALLY], 2),
        ([CRASH, QUIET], 1),
        ([CRASH, QUIET, QUIET], None),
        ([CRASH, CRASH, QUIET], 1),
        # Not calm yet when it has cooled down, and then calm counts from there.
        ([CRASH, QUIET, ROUGH], 1),
        ([CRASH, QUIET, ROUGH, QUIET], None),
        ([CRASH, QUIET, RALLY], 2),
        # What nobody saw is not calm.
        ([CRASH, UNSEEN, UNSEEN, UNSEEN], 1),
        ([UNSEEN], None),
    ],
)
def test_when_entries_are_blocked(candles, hours_to_release):
    limits = replace(LIMITS, calm_range=0.035)
    decision = seen(*candles, limits=limits)
    if hours_to_release is None:
        assert decision is UNRESTRICTED
    else:
        assert (decision.trading, decision.size_factor) == (Trading.REDUCING, 0.0)
        assert (decision.pair, decision.side) == ("BTC/USDT:USDT", "*")
        assert decision.release == NOON + hours_to_release * HOUR


@pytest.mark.parametrize(("calm_range", "blocked"), [(0.04, True), (0.0401, False)])
def test_calm_is_a_range_below_the_limit(calm_range, blocked):
    decision = seen(CRASH, QUIET, ROUGH, limits=replace(LIMITS, calm_range=calm_range))
    assert decision.entries_blocked is blocked


def test_more_calm_candles_are_waited_for():
    limits = replace(LIMITS, calm_candles=3)
    for calm, left in ((0, 4), (1, 3), (2, 2), (3, 1)):
        assert seen(CRASH, *[QUIET] * calm, limits=limits).release == NOON + left * HOUR
    assert seen(CRASH, *[QUIET] * 4, limits=limits) is UNRESTRICTED


@pytest.mark.parametrize(
    ("candles", "side", "said"),
    [
        ([CRASH], "long", "no new longs"),
        ([RALLY], "short", "no new shorts"),
        ([CRASH, RALLY], "*", "no new entries"),
        ([CRASH, RALLY, QUIET], "short", "no new shorts"),
    ],
)
def test_it_may_block_only_what_goes_against_the_move(candles, side, said):
    decision = seen(*candles, limits=replace(LIMITS, blocks="against"))
    assert decision.side == side
    assert said in decision.reason


def test_both_sides_end_with_the_first_of_two_directions():
    limits = replace(LIMITS, blocks="against")
    assert seen(CRASH, RALLY, limits=limits).release == NOON + HOUR
    assert seen(CRASH, RALLY).release == NOON + 2 * HOUR


def test_the_reason_has_the_figures_in_it():
    assert seen(SLIDE).reason == (
        "BTC/USDT:USDT fell 13.0% within 240 min by 2023-01-01 12:00 UTC (limit 12.0%): "
        "no new entries until 60 min stay within 4.0%"
    )
    assert "fell 9.0% within 60 min" in seen(CRASH, RALLY).reason
    assert "and rose 9.0% within 60 min" in seen(CRASH, RALLY).reason


@given(hours, st.data())
def test_monotone_in_severity(candles, data):
    """Larger moves and ranges never open what smaller ones keep shut, nor earlier."""
    raised = [data.draw(st.sampled_from([0, 0.005, 0.03, 0.1])) for _ in candles]
    milder, harsher = seen(*candles), seen(*candles, raised=raised)
    assert harsher.trading.strictness >= milder.trading.strictness
    if milder.release is not None:
        assert harsher.release >= milder.release


@given(hours, st.integers(1, 4), st.sampled_from([0, 60, 90, 240]), st.sampled_from(Blocks))
def test_entries_never_open_before_the_announced_release(candles, calm, cool_down, blocks):
    """Nor later, if every candle from here on is calm."""
    limits = replace(LIMITS, calm_candles=calm, cool_down_minutes=cool_down, blocks=blocks)
    decision, later = seen(*candles, limits=limits), 0
    while decision.entries_blocked:
        side, announced = decision.side, decision.release
        while NOON + later * HOUR < announced:
            assert (decision.side, decision.release) == (side, announced)
            later += 1
            decision = seen(*candles, *[QUIET] * later, limits=limits, later=later)
        assert decision.side != side or decision is UNRESTRICTED


def frame(*candles, start=factories.START) -> pd.DataFrame:
    """(open, high, low, close) an hour."""
    prices = pd.DataFrame(candles, columns=["open", "high", "low", "close"], dtype=float)
    prices.insert(0, "date", pd.date_range(start, periods=len(candles), freq="h"))
    return prices.assign(volume=1.0)


@pytest.mark.parametrize(
    ("candles", "fall", "rise"),
    [
        # The open came first, the close last.
        ([(100, 100, 90, 95)], 0.10, 95 / 90 - 1),
        ([(100, 110, 100, 105)], 1 - 105 / 110, 0.10),
        # High and low may have come in either order: neither a fall of 20% nor a rise is known.
        ([(100, 110, 90, 100)], 0.10, 100 / 90 - 1),
        # From the high of an earlier candle to the low of this one.
        ([(100, 110, 100, 100), (100, 100, 99, 99)], 0.10, 0.0),
        # But not from one that has left the window of two hours.
        ([(100, 120, 100, 100), (100, 110, 100, 100), (100, 100, 99, 99)], 0.10, 0.0),
        # A gap between two candles is a move like any other.
        ([(100, 100, 100, 100), (80, 80, 80, 80)], 0.20, 0.0),
        # What is known of the window counts.
        ([(100, 110, 100, 100), (0, 0, 0, 0), (99, 99, 99, 99)], 0.0, 0.0),
    ],
)
def test_what_is_known_of_a_fall_and_a_rise(candles, fall, rise):
    line = timeline(FlashCrashLimits(windows=[(120, 0.5)]), frame(*candles))
    assert line.moves[0, -1, 0] == pytest.approx(fall)
    assert line.moves[1, -1, 0] == pytest.approx(rise)


@given(st.integers(0, 20), st.integers(1, 5))
@cases(20)
def test_falls_against_a_naive_search(seed, count):
    """Every pair of prices in the window of which the order is known."""
    candles = crashing_candles(seed, 60).set_index("date").asfreq("h")
    candles = candles.where((candles["volume"] > 0) & (candles["close"] > 0))
    line = timeline(FlashCrashLimits(windows=[(count * 60, 0.5)]), candles.reset_index())
    for row in range(len(candles)):
        known = candles.iloc[max(0, row - count + 1) : row + 1].dropna()
        last = candles.iloc[row]
        starts = [last["open"], *known["high"].drop(last.name, errors="ignore")]
        falls = [*(1 - last["low"] / start for start in starts), 1 - last["close"] / last["high"]]
        assert line.moves[0, row, 0] == pytest.approx(max(falls), nan_ok=True)


@pytest.mark.parametrize("price", [0.0123, 1.1, 100, 26_500, 61_234.5])
@pytest.mark.parametrize("move", [-0.3, -0.15, -0.1, -0.05, 0.05, 0.07, 0.1, 0.15])
def test_a_move_of_exactly_the_limit_trips(price, move):
    """It is never missed by an error of rounding, and a millionth less is no such error."""
    limits = FlashCrashLimits(windows=[(60, abs(move))], calm_range=0.01)
    for moved, trips in ((move, True), (move * 0.999999, False)):
        end = float(f"{price * (1 + moved):.10g}")
        candle = (price, max(price, end), min(price, end), end)
        decision = timeline(limits, frame(candle)).at(factories.START + HOUR)
        assert ("fell" in decision.reason, "rose" in decision.reason) == (
            trips and move < 0,
            trips and move > 0,
        )


def test_a_window_shorter_than_a_candle_is_judged_over_one():
    crash = frame((100, 100, 93, 93))
    now = factories.START + HOUR
    assert timeline(FlashCrashLimits(windows=[(15, 0.05)]), crash).at(now).entries_blocked
    assert not timeline(LIMITS, crash).at(now).entries_blocked


@given(
    seed=st.integers(0, 20),
    calm=st.integers(1, 4),
    cool_down=st.sampled_from([0, 60, 90, 300]),
    blocks=st.sampled_from(Blocks),
)
@cases(30)
def test_a_timeline_equals_stepping(seed, calm, cool_down, blocks):
    limits = replace(LIMITS, calm_candles=calm, cool_down_minutes=cool_down, blocks=blocks)
    line, state = timeline(limits, crashing_candles(seed)), STILL
    sides = set()
    for row in range(len(line)):
        closed = factories.START + (row + 1) * HOUR
        moves = line.moves[:, row].tolist()
        state, decision = step(limits, state, closed, moves, float(line.span[row]))
        assert line.at(closed) == decision
        assert line.at(closed + timedelta(minutes=59, seconds=59)) == decision
        sides.add(decision.side if decision.entries_blocked else None)
    assert len(sides) > 1


@given(st.integers(0, 20), st.integers(1, 299))
@cases(30)
def test_future_candles_change_no_past_decision(seed, rows):
    candles = crashing_candles(seed)
    past = timeline(LIMITS, candles[candles.index < rows])
    shocked = candles.copy()
    shocked.loc[shocked.index >= rows, ["open", "low", "close"]] *= 0.5
    whole = timeline(LIMITS, shocked)
    for row in range(len(past)):
        closed = factories.START + (row + 1) * HOUR
        assert whole.at(closed) == past.at(closed)


def test_only_closed_candles_count():
    candles = factories.candles(50)
    candles.loc[49, "low"] *= 0.8
    line, opened = timeline(LIMITS, candles), factories.START + 49 * HOUR
    assert line.last_close == opened + HOUR
    assert line.at(opened + timedelta(minutes=59, seconds=59)) is UNRESTRICTED
    assert line.at(opened + HOUR).entries_blocked


def test_the_release_moves_on_while_candles_are_missing():
    candles = factories.candles(50)
    candles.loc[49, "low"] *= 0.8
    line = timeline(LIMITS, candles)
    for hours_later, left in ((0, 2), (1, 1), (2, 1), (50, 1)):
        decision = line.at(line.last_close + hours_later * HOUR)
        assert decision.release == line.last_close + (hours_later + left) * HOUR


@pytest.mark.parametrize("rows", [0, 1, 100])
def test_without_a_move_nothing_is_locked(rows):
    line = timeline(LIMITS, factories.candles(100)[:rows])
    for hour in range(-2, rows + 2):
        assert line.at(factories.START + hour * HOUR) is UNRESTRICTED
    assert (line.last_close is None) is (rows == 0)


def test_candles_of_five_minutes():
    candles = frame((100, 100, 97, 97), (97, 97, 94, 94), (94, 94, 91, 91))
    candles["date"] = factories.START + timedelta(minutes=5) * np.arange(3)
    limits = FlashCrashLimits(windows=[(10, 0.08)], timeframe_minutes=5)
    now = factories.START + timedelta(minutes=15)
    assert timeline(limits, candles).at(now) is UNRESTRICTED  # it took longer than two candles
    decision = timeline(replace(limits, windows=[(11, 0.08)]), candles).at(now)
    assert decision.release == now + timedelta(minutes=120)


@pytest.mark.parametrize("timeframe", ["5m", "2h"])
def test_candles_of_another_length_are_refused(timeframe):
    with pytest.raises(ValueError, match="candles must be of 60 minutes"):
        timeline(LIMITS, factories.candles(10, timeframe))


def test_a_naive_time_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        timeline(LIMITS, factories.candles(5)).at(NOON.replace(tzinfo=None))


def test_history_is_enough():
    """A bot that starts with this much history agrees with one that has seen it all."""
    candles = pd.concat(
        [
            factories.candles(
                1000, volatility=0.02, seed=s, start=factories.START + 1000 * s * HOUR
            )
            for s in range(3)
        ]
    )
    whole = timeline(LIMITS, candles)
    needed = LIMITS.history // HOUR
    short = timeline(LIMITS, candles[-needed - 500 :])
    assert whole.on.any()
    np.testing.assert_array_equal(whole.on[:, -500:], short.on[:, -500:])


def blocked(pair: str, hours_left: int, side="*") -> Decision:
    return Decision(Trading.REDUCING, 0.0, NOON + hours_left * HOUR, "it fell", pair, side)


@pytest.mark.parametrize(
    ("market", "pairs", "expected"),
    [
        (0, [0, 0, 0, 0], None),
        (3, [0, 0, 0, 0], 3),
        (0, [1, 0, 0, 0], None),
        (0, [1, 2, 0, 0], 1),  # half of them, until one is left
        (0, [1, 2, 3, 4], 3),
        (0, [1, 2, 0, 0, 0], None),  # two of five are not half
        (0, [5], None),  # at least two
        (4, [], 4),
    ],
)
def test_when_all_pairs_stop(market, pairs, expected):
    leader = blocked("BTC/USDT:USDT", market) if market else UNRESTRICTED
    decisions = [blocked(f"P{i}", h) if h else UNRESTRICTED for i, h in enumerate(pairs)]
    wide = list(market_wide(LIMITS, leader, decisions))
    assert [(d.pair, d.side, d.release) for d in wide] == (
        [("*", "*", NOON + expected * HOUR)] if expected else []
    )


@pytest.mark.parametrize(
    ("share", "pairs", "least"),
    [(0.5, 5, 3), (0.28, 25, 7), (0.07, 100, 7), (0.56, 25, 14), (0.57, 100, 57), (1, 3, 3)],
)
def test_how_many_pairs_are_a_share(share, pairs, least):
    limits = replace(LIMITS, market_share=share)
    for count in (least - 1, least):
        decisions = [blocked(f"P{n}", 1) if n < count else UNRESTRICTED for n in range(pairs)]
        assert len(list(market_wide(limits, UNRESTRICTED, decisions))) == (count == least)


def test_the_market_may_stop_on_one_side():
    limits = replace(LIMITS, blocks="against")
    pairs = [blocked("A", 1, "long"), blocked("B", 2), blocked("C", 3, "short"), UNRESTRICTED]
    wide = list(market_wide(limits, UNRESTRICTED, pairs))
    assert [(d.side, d.release) for d in wide] == [
        ("long", NOON + 1 * HOUR),
        ("short", NOON + 2 * HOUR),
    ]
    assert wide[0].reason == (
        "market-wide, 2 of 4 pairs moved beyond their limits (limit 2): no new longs"
    )


@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.floats(0, 1), st.integers(1, 4))
def test_all_pairs_open_when_one_fewer_than_needed_is_left(pairs, share, least):
    limits = replace(LIMITS, market_share=share, market_min_pairs=least)
    for hour in range(9):
        left = [blocked("P", h) if h > hour else UNRESTRICTED for h in pairs]
        wide = list(market_wide(limits, UNRESTRICTED, left))
        if wide:
            after = int((wide[0].release - NOON) / HOUR)
            then = [blocked("P", h) if h > after else UNRESTRICTED for h in pairs]
            assert not list(market_wide(limits, UNRESTRICTED, then))
            before = [blocked("P", h) if h > after - 1 else UNRESTRICTED for h in pairs]
            assert list(market_wide(limits, UNRESTRICTED, before))


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("windows", []),
        ("windows", 5),
        ("windows[0]", [60, 240]),
        ("windows[0]", [[60, 0.08, 1]]),
        ("windows", [[60, 0.08], [240, 0.08]]),
        ("windows", [[240, 0.08], [60, 0.12]]),
        ("windows[0].minutes", [[0, 0.08]]),
        ("windows[0].minutes", [[60.5, 0.08]]),
        ("windows[0].move", [[60, 0.0]]),
        ("windows[0].move", [[60, "x"]]),
        ("cool_down_minutes", -1),
        ("calm_minutes", 0),
        ("calm_range", 0.11),
        ("calm_range", NAN),
        ("calm_candles", 0),
        ("blocks", "long"),
        ("market_share", 1.1),
        ("market_min_pairs", 0),
        ("timeframe_minutes", 0),
    ],
)
def test_a_bad_parameter_is_named(parameter, value):
    with pytest.raises(ValueError, match=rf"^{re.escape(parameter)} must be .*, got "):
        FlashCrashLimits(**{parameter.split("[")[0]: value})


@pytest.fixture(scope="module")
def lines(real_datadir):
    """Timelines of five pairs, by asset."""
    stored = real_datadir / "futures"
    return {
        asset: timeline(DEFAULT, pd.read_feather(stored / f"{asset}_USDT_USDT-1h-futures.feather"))
        for asset in ("BTC", "ETH", "XRP", "LTC", "ADA")
    }


@pytest.mark.real_data
class TestRealCandles:
    """Some figures of docs/evidence/flash_crash.md."""

    @pytest.mark.parametrize(
        ("day", "first"),
        [("2020-03-12", 11), ("2021-05-19", 12), ("2022-06-13", None), ("2022-11-08", 20)],
    )
    def test_when_all_pairs_stopped_in_a_crash(self, lines, day, first):
        start = pd.Timestamp(day, tz="UTC").to_pydatetime()
        stops = []
        for hour in range(24):
            pairs = [line.at(start + hour * HOUR) for line in lines.values()]
            if any(market_wide(DEFAULT, pairs[0], pairs)):
                stops.append(hour)
        assert (stops[0] if stops else None) == first

    def test_hours_locked(self, lines):
        """Of the average pair, without what the market adds."""
        assert np.mean([line.on.any(axis=0).mean() for line in lines.values()]) < 0.01

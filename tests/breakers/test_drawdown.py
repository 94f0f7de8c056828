"""The drawdown breaker: its limits together, the halt and how it ends, and what always holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.breakers.breaker import UNRESTRICTED, Decision, Trading
from perpkit.breakers.breaker import strictest as together
from perpkit.breakers.drawdown import (
    DrawdownLimits,
    DrawdownState,
    Observation,
    rebuild,
    step,
)
from perpkit.breakers.loss_limits import LossLimit, Reference
from perpkit.breakers.loss_streak import ClosedTrade
from tests.factories import START

HOUR = timedelta(hours=1)
CAPITAL = 1000.0
NAN = float("nan")
LIMITS = DrawdownLimits(confirm=1)
BTC = "BTC/USDT:USDT"


def seen(hour: float, profit: float, open_profit: float = 0.0, **more) -> Observation:
    return Observation(START + hour * HOUR, CAPITAL, profit, open_profit, **more)


def run(
    limits: DrawdownLimits, observations: Sequence[Observation], state: DrawdownState | None = None
) -> tuple[DrawdownState, tuple[Decision, ...]]:
    state, decisions = state or DrawdownState(), ()
    for observation in observations:
        state, decisions = step(limits, state, observation)
    return state, decisions


def after(limits: DrawdownLimits, *profits: float) -> Decision:
    """All decisions as one, after these profits, one an hour."""
    return together(run(limits, [seen(i, profit) for i, profit in enumerate(profits)])[1])


@pytest.mark.parametrize(
    ("profits", "trading", "size"),
    [
        ([0], Trading.ACTIVE, 1.0),
        ([0, -29.9], Trading.ACTIVE, 1.0),
        ([0, -30], Trading.ACTIVE, 0.5),  # 3% in 1 h
        ([0, -29, -49.9], Trading.ACTIVE, 1.0),
        ([0, -29, -50], Trading.ACTIVE, 0.5),  # 5% in 24 h
        ([0, -29, -50, -26, -26, -26], Trading.ACTIVE, 0.5),  # until below 2.5%
        ([0, -29, -50, -24], Trading.ACTIVE, 1.0),
        ([0, -40, -80, -99], Trading.ACTIVE, 0.5),
        ([0, -40, -80, -100], Trading.REDUCING, 0.0),  # 10% in 7 days
        ([0, -40, -80, -100, 0], Trading.REDUCING, 0.0),  # not before its cool-down is over
        ([0, -40, -80, -100, *[0] * 6], Trading.ACTIVE, 1.0),
        ([0, -40, -80, -100, *[-90] * 23], Trading.REDUCING, 0.0),
        ([0, -40, -80, -100, *[-90] * 24], Trading.ACTIVE, 1.0),  # 24 h are the longest
        ([0, -40, -80, -100, *[-90] * 99], Trading.ACTIVE, 1.0),  # and it does not begin again
        ([0, -40, -80, -149], Trading.REDUCING, 0.0),
        ([0, -40, -80, -150], Trading.HALTED, 0.0),  # 15% below the high-water mark
        ([0, -40, -80, -150, 0], Trading.HALTED, 0.0),  # no recovery ends a halt
        ([0, 100, *[60] * 200, *[20] * 200, -65], Trading.HALTED, 0.0),  # however slowly
    ],
)
def test_the_shipped_limits(profits, trading, size):
    decision = after(LIMITS, *profits)
    assert (decision.trading, decision.size_factor) == (trading, size)


@pytest.mark.parametrize(
    ("open_profit", "trading"), [(-111.0, Trading.ACTIVE), (-112.0, Trading.HALTED)]
)
def test_what_open_positions_lose_together_halts(open_profit, trading):
    """Though the account is where it was: they lose what others have won."""
    limits = replace(LIMITS, hour_loss=0, day_loss=0, week_loss=0, high_water_loss=0)
    _, decisions = run(limits, [seen(0, 0), seen(1, 0, open_profit)])
    assert together(decisions).trading is trading


@pytest.mark.parametrize(
    ("name", "profits"),
    [
        ("hour_loss", [0, -30]),
        ("day_loss", [0, -25, -50]),
        ("week_loss", [0, *[-60] * 30, -100]),
        ("high_water_loss", [0, *[-100] * 200, -150]),
        ("daily_loss", [0, -20]),
    ],
)
def test_zero_switches_a_limit_off(name, profits):
    others = ("hour_loss", "day_loss", "week_loss", "open_loss", "high_water_loss")
    nothing = replace(LIMITS, **dict.fromkeys(others, 0.0))
    assert not after(nothing, *profits).restricts
    loss = 0.02 if name == "daily_loss" else getattr(LIMITS, name)
    assert after(replace(nothing, **{name: loss}), *profits).restricts


@pytest.mark.parametrize(
    ("profits", "halted"),
    [
        ([0, -150, -150], False),
        ([0, -150, -150, -150], True),
        ([0, -150, -150, -149, -150], False),  # a single quote is no price
        ([0, -150, -150, NAN, -150], True),  # one that is missing proves nothing
    ],
)
def test_a_trip_is_confirmed(profits, halted):
    assert (after(replace(LIMITS, confirm=3), *profits).trading is Trading.HALTED) is halted


def test_unknown_equity_blocks_entries_and_never_halts():
    state, decisions = run(LIMITS, [seen(0, 0), seen(1, NAN, NAN, missing="the price of BTC")])
    assert decisions == (
        Decision(Trading.REDUCING, 0.0, reason="equity unknown (the price of BTC): no new entries"),
    )
    assert not together(run(LIMITS, [seen(2, 0)], state)[1]).restricts
    unknown = Observation(START, NAN, 0.0)
    assert run(LIMITS, [unknown])[1][0].trading is Trading.REDUCING


@pytest.mark.parametrize(("hour", "blocked"), [(2, True), (24, True), (25, False)])
def test_what_held_holds_while_equity_is_unknown(hour, blocked):
    """But not longer than the longest."""
    hours = [seen(0, 0), seen(1, -100), *(seen(2 + i, NAN) for i in range(hour - 1))]
    assert any("7 days" in d.reason for d in run(LIMITS, hours)[1]) is blocked


@pytest.mark.parametrize(
    ("limits", "cleared", "release", "halted"),
    [
        (LIMITS, None, None, True),
        (LIMITS, 5, None, False),
        (replace(LIMITS, clear_hours=8), None, 11, False),
        (replace(LIMITS, clear_hours=9), None, 12, True),
    ],
)
def test_how_a_halt_ends(limits, cleared, release, halted):
    state, (halt,) = run(limits, [seen(0, 0), seen(3, -160)])
    assert halt.trading is Trading.HALTED
    assert halt.release == (None if release is None else START + release * HOUR)
    cleared_at = None if cleared is None else START + cleared * HOUR
    state, decisions = run(limits, [seen(11, -155, cleared_at=cleared_at)], state)
    assert (together(decisions).trading is Trading.HALTED) is halted


def test_after_a_halt_was_cleared_losses_count_from_there():
    cleared = {"cleared_at": START + 4 * HOUR}
    state, decisions = run(LIMITS, [seen(0, 0), seen(1, -160), seen(5, -160, **cleared)])
    assert decisions == ()
    assert run(LIMITS, [seen(6, -170, **cleared)], state)[1] == ()
    assert run(LIMITS, [seen(6, -290, **cleared)], state)[1][0].trading is Trading.HALTED


def test_a_clearing_of_before_clears_nothing():
    cleared = {"cleared_at": START - HOUR}
    _, (halt,) = run(LIMITS, [seen(0, 0, **cleared), seen(1, -160, **cleared)])
    assert halt.trading is Trading.HALTED


def test_rebuilding_remembers_losses_without_halting_for_those_made_up():
    past = [seen(i, profit) for i, profit in enumerate([0, -40, -160, -100, -60, -60])]
    state = rebuild(LIMITS, DrawdownState(), past)
    _, decisions = step(LIMITS, state, seen(6, -60))
    assert together(decisions).trading is Trading.REDUCING  # 10% in 7 days, 4 hours ago
    _, (halt,) = step(LIMITS, state, seen(6, -150))
    assert halt.trading is Trading.HALTED


@pytest.mark.parametrize(
    ("profits", "halted"),
    [
        ([0, -160, -160], True),
        ([0, -160, -149], False),
        ([0, -160, -100], False),  # 10% below the mark: recovered for a restriction would be 7.5%
        ([0, -160, -149, -150], True),
    ],
)
def test_a_halt_that_was_won_back_before_a_restart_is_none(profits, halted):
    """The last of these profits is the first that the restarted bot sees itself."""
    *past, now = [seen(i, profit) for i, profit in enumerate(profits)]
    state = rebuild(LIMITS, DrawdownState(), past)
    assert state.halted is None
    _, decisions = step(LIMITS, state, now)
    assert (together(decisions).trading is Trading.HALTED) is halted


def test_rebuilding_keeps_a_halt_until_it_is_cleared():
    state, _ = run(LIMITS, [seen(0, 0), seen(1, -160)])
    past = [seen(hour, -160) for hour in range(2, 6)]
    assert rebuild(LIMITS, state, past).halted == state.halted
    assert rebuild(replace(LIMITS, clear_hours=3), state, past).halted is None


def test_streaks_are_part_of_it():
    limits = DrawdownLimits(confirm=1, streak_losses=2, pair_streak_losses=2)
    trades = tuple(ClosedTrade(BTC, START + i * HOUR, -1.0) for i in range(2))
    _, decisions = run(limits, [seen(0, 0), seen(2, -2, closed=trades)])
    assert {d.pair: (d.release - START) / HOUR for d in decisions} == {"*": 13, BTC: 25}


def test_further_limits():
    limits = replace(LIMITS, limits=(LossLimit(0.01, Reference.START, 2),))
    assert after(limits, 0, -10).entries_blocked
    assert not after(LIMITS, 0, -10).entries_blocked


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hour_loss": 1.5}, "hour_loss must be 0 or a number from 0.0001 to 1, got 1.5"),
        ({"open_loss": -0.1}, "open_loss must be"),
        ({"recovered_share": 2}, "recovered_share must be"),
        ({"size_factor": "half"}, "size_factor must be a number from 0 to 1, got 'half'"),
        ({"confirm": 0}, "confirm must be a whole number from 1"),
        ({"reset_hour": 24}, "reset_hour must be a whole number from 0 to 23"),
        ({"week_block_hours": 0}, "week_block_hours must be"),
        ({"clear_hours": 0}, "clear_hours must be"),
        ({"streak_losses": 1}, "streak_losses must be 0 or at least 2"),
        ({"pair_streak_hours": 0}, "pair_streak_hours must be"),
    ],
)
def test_a_bad_parameter_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        DrawdownLimits(**given)


# What always holds. Profits in steps of 1% of the capital; every limit can trip.
EVERY = DrawdownLimits(
    confirm=1,
    daily_loss=0.04,
    streak_losses=2,
    pair_streak_losses=3,
    clear_hours=30,
    limits=(LossLimit(0.06, Reference.START, 5, cool_down_hours=2, longest_hours=7),),
)
profits = st.one_of(st.just(NAN), st.integers(-30, 30).map(lambda percent: percent * 10.0))
closed = st.lists(st.sampled_from([-1.0, 1.0]), max_size=2)


@st.composite
def lives(draw: st.DrawFn) -> list[Observation]:
    found, now = [], START
    for _ in range(draw(st.integers(1, 40))):
        now += timedelta(minutes=draw(st.sampled_from([1, 30, 60, 60, 300, 1500])))
        profit = draw(profits)
        results = tuple(ClosedTrade(BTC, now, result) for result in draw(closed))
        open_profit = draw(st.integers(-15, 5)) * 10.0
        found.append(Observation(now, CAPITAL, profit, open_profit, results))
    return found


def all_decisions(limits: DrawdownLimits, life: list[Observation]) -> list[tuple[Decision, ...]]:
    state, found = DrawdownState(), []
    for observation in life:
        state, decisions = step(limits, state, observation)
        found.append(decisions)
    return found


def severity(decisions: Sequence[Decision]) -> tuple[int, float]:
    decision = together(decisions)
    return decision.trading.strictness, 1 - decision.size_factor


def test_an_empty_history_restricts_nothing():
    assert run(EVERY, [])[1] == ()
    assert all_decisions(EVERY, [seen(0, 0)]) == [()]


@given(st.lists(st.integers(0, 20), max_size=60))
def test_an_account_that_never_loses_is_never_restricted(gains):
    profit, life = 0.0, []
    for hour, gain in enumerate(gains):
        profit += gain
        life.append(seen(hour, profit, float(gain)))
    assert not any(all_decisions(EVERY, life))


@given(lives(), st.integers(0, 30), st.integers(0, 15))
def test_monotone_in_severity(life, lower, deeper):
    """A lower equity, or a deeper loss of what is open, never gives a milder decision."""
    state, _ = run(EVERY, life[:-1])
    worse = life[-1]._replace(
        profit=life[-1].profit - lower * 10.0,
        open_profit=life[-1].open_profit - (deeper + lower) * 10.0,
    )
    usual, harsher = step(EVERY, state, life[-1])[1], step(EVERY, state, worse)[1]
    assert severity(harsher) >= severity(usual)


@given(lives())
def test_idempotent_for_the_same_moment(life):
    state, decisions = run(EVERY, life)
    for same in (life[-1], life[0], life[-1]._replace(profit=-500.0)):
        assert step(EVERY, state, same) == (state, decisions)


@given(lives())
def test_a_release_is_never_earlier_than_its_condition(life):
    """Whatever said that it holds until a time still holds until then."""
    for i, decisions in enumerate(found := all_decisions(EVERY, life)):
        for decision in decisions:
            if decision.release is None:
                continue
            for later, still in zip(life[i + 1 :], found[i + 1 :], strict=True):
                if later.now < decision.release:
                    won = any(trade.profit > 0 for trade in later.closed)
                    if won and "in a row" in decision.reason:
                        break  # a win ends a streak at once
                    same = [d for d in still if d.concerns(decision.pair)]
                    assert severity(same) >= severity([decision])


@given(lives())
def test_what_comes_later_changes_no_past_decision(life):
    whole = all_decisions(EVERY, life)
    half = len(life) // 2
    assert all_decisions(EVERY, life[:half]) == whole[:half]


def test_unrestricted_is_what_no_decision_means():
    assert together(run(LIMITS, [seen(0, 0)])[1]) is UNRESTRICTED


def test_its_memory_reaches_as_far_as_its_limits():
    assert LIMITS.memory == timedelta(days=8)
    long = (LossLimit(0.3, Reference.TRAILING, 1000),)
    assert replace(LIMITS, limits=long).memory == timedelta(hours=1000)

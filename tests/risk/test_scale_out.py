"""Scale-out: the ladder, its arithmetic in Freqtrade's units, and no dust."""

import math
from typing import NamedTuple

import pytest
from ccxt import TICK_SIZE
from freqtrade.exchange import amount_to_contract_precision
from freqtrade.util import FtPrecise
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.scale_out import (
    Ladder,
    OpenPosition,
    Rung,
    next_exit,
    reducing_stake,
    rungs_taken,
    stop_of,
)
from tests.bench.ranges import has_range
from tests.cases import cases

LADDER = Ladder()
ALL_OUT = Ladder((Rung(1, 0.5, 0), Rung(2, 0.25, 1), Rung(3, 0.25, 2)))
NAN = math.nan


def position(held=1.0, initial=1.0, is_short=False, risk=5.0) -> OpenPosition:
    return OpenPosition(100.0, is_short, risk, held, initial)


@pytest.mark.parametrize(
    ("ladder", "rate", "held", "is_short", "expected"),
    [
        (LADDER, 104.99, 1.0, False, 0),
        (LADDER, 105.0, 1.0, False, 0.5),
        (LADDER, 95.0, 1.0, True, 0.5),
        (LADDER, 95.0, 1.0, False, 0),
        (LADDER, 105.0, 1.0, True, 0),
        (LADDER, 105.0, 0.5, False, 0),  # already taken
        (LADDER, 109.0, 0.5, False, 0),
        (LADDER, 110.0, 0.5, False, 0.25),
        (LADDER, 110.0, 1.0, False, 0.75),  # both at once after a gap
        (LADDER, 500.0, 0.25, False, 0),  # the rest trails
        (LADDER, 105.0, 0.8, False, 0.3),  # an exit that filled in part
        (LADDER, 105.0, 0.4, False, 0),  # somebody sold more by hand
        (ALL_OUT, 115.0, 0.25, False, 0.25),
        (ALL_OUT, 115.0, 1.0, False, 1.0),
        (LADDER, NAN, 1.0, False, 0),
    ],
)
def test_what_to_sell(ladder, rate, held, is_short, expected):
    amount = next_exit(ladder, position(held, is_short=is_short), rate, 5.0, 0.01)
    assert amount == pytest.approx(expected)


@pytest.mark.parametrize("risk", [0.0, -5.0, NAN])
def test_without_a_known_risk_there_is_no_r(risk):
    assert next_exit(LADDER, position(risk=risk), 200.0, 5.0, 0.01) == 0
    assert stop_of(LADDER, position(held=0.5, risk=risk), 0.01) is None


class Part(NamedTuple):
    """Of a position of `initial`, of which `held` are left, to be sold at `rate`."""

    initial: float
    held: float
    rate: float
    least: float
    step: float
    expected: float


@pytest.mark.parametrize(
    "case",
    [
        # both halves just large enough
        Part(1.0, held=1.0, rate=105.0, least=52.5, step=0.01, expected=0.5),
        # passed over
        Part(1.0, held=1.0, rate=105.0, least=52.6, step=0.01, expected=0.0),
        # the first rung, where the second would leave dust
        Part(1.0, held=1.0, rate=110.0, least=52.6, step=0.01, expected=0.5),
        Part(1.0, held=0.5, rate=110.0, least=52.6, step=0.01, expected=0.0),
        # cut to the step
        Part(0.3, held=0.3, rate=105.0, least=5.0, step=0.1, expected=0.1),
        Part(0.1, held=0.1, rate=105.0, least=5.0, step=0.1, expected=0.0),
        Part(0.2, held=0.2, rate=110.0, least=5.0, step=0.1, expected=0.1),
    ],
)
def test_no_part_is_below_the_smallest_order(case):
    amount = next_exit(LADDER, position(case.held, case.initial), case.rate, case.least, case.step)
    assert amount == pytest.approx(case.expected)


@pytest.mark.parametrize(
    ("held", "is_short", "taken", "stop"),
    [
        (1.0, False, 0, None),
        (0.6, False, 0, None),
        (0.5, False, 1, 100.0),
        (0.5, True, 1, 100.0),
        (0.3, False, 1, 100.0),
        (0.25, False, 2, 105.0),
        (0.25, True, 2, 95.0),
        (0.1, False, 2, 105.0),
    ],
)
def test_the_stop_that_goes_with_the_rungs(held, is_short, taken, stop):
    where = position(held, is_short=is_short)
    assert rungs_taken(LADDER, where, 0.01) == taken
    assert stop_of(LADDER, where, 0.01) == stop


def test_rungs_that_would_sell_the_same_count_as_the_nearest():
    # Of two steps, 50% and 75% are both one.
    assert rungs_taken(LADDER, position(0.1, 0.2), 0.1) == 1
    assert stop_of(LADDER, position(0.1, 0.2), 0.1) == 100.0
    assert rungs_taken(LADDER, position(0.1, 0.3), 0.1) == 2


def test_a_position_too_small_to_divide_has_no_rung_behind_it():
    assert rungs_taken(LADDER, position(0.1, 0.1), 0.1) == 0


def freqtrade_sells(stake: float, held: float, held_stake: float, step: float) -> float:
    """`FreqtradeBot.check_and_call_adjust_trade_position`, and the same in backtesting."""
    amount = FtPrecise(stake) * FtPrecise(held) / FtPrecise(held_stake)
    return amount_to_contract_precision(abs(float(amount)), step, TICK_SIZE, 1)


def grid(lots: int, digits: int) -> float:
    """An amount as Freqtrade stores it: cut to the step."""
    return float(FtPrecise(str(lots)) / FtPrecise(str(10**digits)))


@cases(1500)
@given(
    lots=st.integers(1, 10**7),
    part=st.floats(0, 1),
    digits=st.integers(0, 5),
    entry=st.floats(0.0001, 1e5),
    leverage=st.floats(1, 125),
)
def test_freqtrade_sells_exactly_the_amount_that_was_meant(lots, part, digits, entry, leverage):
    wanted = max(1, round(part * lots))
    step, held = 10.0**-digits, grid(lots, digits)
    held_stake = held * entry / leverage
    stake = reducing_stake(wanted * step, held, held_stake, step)
    assert -held_stake <= stake < 0
    assert freqtrade_sells(stake, held, held_stake, step) == grid(wanted, digits)


@cases(1000)
@given(
    rungs=st.lists(
        st.tuples(st.floats(0.2, 2), st.floats(0.05, 0.5), st.floats(0.1, 1)),
        min_size=1,
        max_size=4,
    ),
    lots=st.integers(1, 5000),
    digits=st.integers(0, 3),
    is_short=st.booleans(),
    leverage=st.floats(1, 20),
    least=st.floats(0, 2000),
    risk=st.floats(0.1, 9),
    path=st.lists(st.floats(0, 10), min_size=1, max_size=12),
    fills=st.lists(st.sampled_from([1.0, 1.0, 0.5, 0.0]), min_size=12, max_size=12),
)
def test_a_whole_climb_leaves_no_dust_and_sells_no_more_than_is_held(
    rungs, lots, digits, is_short, leverage, least, risk, path, fills
):
    """A random path of gains in R; orders fill wholly, in part or not at all."""
    ladder = climb(rungs)
    step, entry = 10.0**-digits, 100.0
    held_lots, last_stop = lots, -math.inf
    for gain, fill in zip(path, fills, strict=False):
        held = grid(held_lots, digits)
        where = OpenPosition(entry, is_short, risk, held, grid(lots, digits))
        rate = entry + (-gain if is_short else gain) * risk
        amount = next_exit(ladder, where, rate, least, step)
        assert 0 <= amount <= held
        if amount:
            held_stake = held * entry / leverage
            stake = reducing_stake(amount, held, held_stake, step)
            sold = freqtrade_sells(stake, held, held_stake, step)
            assert sold == pytest.approx(amount, rel=1e-9)
            sold_lots = round(sold / step)
            rest = held_lots - sold_lots
            assert sold * rate >= least * (1 - 1e-9)
            assert rest == 0 or rest * step * rate >= least * (1 - 1e-9)
            assert lots - rest <= lots * ladder.shares[-1] + 1e-6
            held_lots -= int(sold_lots * fill) if sold_lots > 1 else round(sold_lots * fill)
        if held_lots == 0:
            break
        where = where._replace(held=grid(held_lots, digits))
        stop = stop_of(ladder, where, step)
        if stop is not None:
            gained = (entry - stop if is_short else stop - entry) / risk
            assert gained >= last_stop - 1e-9
            last_stop = gained


def climb(rungs: list[tuple[float, float, float]]) -> Ladder:
    """Steps between rungs, shares and relative stops as a valid ladder."""
    at, sold, stop, made = 0.0, 0.0, -1.0, []
    for step, share, tightness in rungs:
        at += step
        share = min(share, 1 - sold)
        if share < 0.01:
            break
        sold += share
        stop = max(stop, -1 + (at + 1) * tightness * 0.9)
        made.append(Rung(at, share, stop))
    return Ladder(tuple(made))


@cases(250)
@given(st.integers(1, 5000), st.floats(0, 10), st.floats(0, 10), st.floats(0, 300))
def test_a_higher_price_never_sells_less(lots, one, other, least):
    where = position(float(lots), float(lots))
    low, high = sorted((one, other))
    assert next_exit(LADDER, where, 100 + low * 5, least, 1.0) <= next_exit(
        LADDER, where, 100 + high * 5, least, 1.0
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rung(0, 0.5, -1), "at_r must be"),
        (lambda: Rung(1, 0, 0), "share must be"),
        (lambda: Rung(1, 1.1, 0), "share must be"),
        (lambda: Rung(1, 0.5, -2), "stop_r must be"),
        (lambda: Rung(1, 0.5, 1), r"stop_r must be below at_r \(1\), got 1"),
        (lambda: Ladder(()), "rungs must be a list with at least one"),
        (lambda: Ladder((Rung(2, 0.5, 0), Rung(1, 0.2, 0))), "rungs must ascend in at_r"),
        (lambda: Ladder((Rung(1, 0.5, 0.5), Rung(2, 0.2, 0))), "rungs must not loosen stop_r"),
        (lambda: Ladder((Rung(1, 0.7, 0), Rung(2, 0.4, 0))), "rungs must sell at most 1 in all"),
    ],
)
def test_a_bad_parameter_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("rung_with", "low", "high"),
    [
        (lambda value: Rung(value, 0.5, -1), 0.1, 100),
        (lambda value: Rung(1, value, 0), 0.01, 1),
    ],
)
def test_both_ends_of_a_range_are_allowed(rung_with, low, high):
    has_range(rung_with, low, high)


@pytest.mark.parametrize(("stop_r", "allowed"), [(-1.001, False), (-1, True), (99.9, True)])
def test_a_stop_is_at_most_one_risk_below_the_entry(stop_r, allowed):
    if allowed:
        assert Rung(100, 0.5, stop_r).stop_r == stop_r
    else:
        with pytest.raises(ValueError, match="stop_r must be a number from -1 to 100"):
            Rung(100, 0.5, stop_r)

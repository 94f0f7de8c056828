"""Partial exits and slices: exactly the intended amounts in Freqtrade's arithmetic."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ccxt import TICK_SIZE
from freqtrade.exchange import amount_to_contract_precision
from freqtrade.persistence import Trade
from freqtrade.util import FtPrecise
from hypothesis import assume, given
from hypothesis import strategies as st

from perpkit.bot.positions.adjustments import Adjustments
from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.positions.stop_keeper import position_of
from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.risk.scale_out import Ladder, Rung, rungs_taken
from perpkit.risk.slicing import SlicingRule
from perpkit.risk.stops import EntryStop
from tests import factories
from tests.bot import stack
from tests.bot.stack import BTC, HOUR, START
from tests.cases import cases

pytestmark = pytest.mark.usefixtures("trades_in_memory")

# R is 5 of an entry at 100: half is sold at 105, a quarter at 110.
LADDER = Ladder((Rung(1.0, 0.5, 0.0), Rung(2.0, 0.25, 1.0)))
SETTINGS = Settings(stop=EntryStop(distance=0.05), scale_out=LADDER)
SLICING = replace(
    SETTINGS,
    use=Switches(scale_out=False, slicing=True),
    slicing=SlicingRule(slices=3),
)
ENTRY = START + 10 * HOUR


def made(chosen=SETTINGS, candles=None, kept=False, cost=5.0, step=0.001):
    columns = candles or stack.flat(40)
    states = TradeStates(kept)
    risks = TradeRisks(chosen.stop, lambda _: columns, states)
    contracts = stack.contracts({BTC: step}, cost)
    return Adjustments(chosen, risks, lambda _: columns, contracts, states), risks


def freqtrade_sells(trade, stake: float) -> float:
    """Converts the returned stake to an amount as `FreqtradeBot` and `Backtesting` do."""
    assert stake < 0
    amount = FtPrecise(stake) * FtPrecise(trade.amount) / FtPrecise(trade.stake_amount)
    return amount_to_contract_precision(
        abs(float(amount)), trade.amount_precision, TICK_SIZE, trade.contract_size
    )


def sell(adjustments, trade, rate, hours=1) -> float:
    """Applies the partial exit that Freqtrade makes at that rate."""
    now = ENTRY + hours * HOUR
    answer = adjustments.adjust(trade, now, rate, False)
    if answer is None:
        return 0.0
    stake, tag = answer
    assert tag == "scale_out"
    amount = freqtrade_sells(trade, stake)
    stack.fill(trade, trade.exit_side, amount, rate, now)
    return amount


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize("leverage", [1.0, 3.0, 7.0])
@pytest.mark.parametrize(
    ("rates", "sold"),
    [
        ([104.9], [0]),
        ([105], [0.5]),
        ([105, 108, 105], [0.5, 0, 0]),
        ([105, 110, 110, 180], [0.5, 0.25, 0, 0]),
        ([110], [0.75]),  # a gap over both rungs
        ([95, 90], [0, 0]),
    ],
)
def test_the_ladder(is_short, leverage, rates, sold):
    adjustments, _ = made()
    trade = stack.simulated(is_short=is_short, leverage=leverage)
    prices = [stack.mirrored(rate) if is_short else rate for rate in rates]
    assert [sell(adjustments, trade, price) for price in prices] == pytest.approx(sold)


@pytest.mark.parametrize(
    ("is_short", "smallest", "expected"),
    [(False, 0.33, 0.5), (False, 0.34, None), (True, 0.33, 0.5), (True, 0.34, None)],
)
def test_the_next_part_is_what_would_be_sold_at_its_price(is_short, smallest, expected):
    """Half of the position, where the smallest order is 1.5 times the smallest amount."""
    adjustments, _ = made(cost=1e-9, step=smallest)
    trade = stack.simulated(is_short=is_short)
    found = adjustments.next_part(trade)
    assert (found and found.amount) == expected
    rate = stack.mirrored(105.0) if is_short else 105.0
    assert adjustments.may_act(trade, rate) is (found is not None)


def test_what_is_off_does_nothing():
    adjustments, _ = made(replace(SETTINGS, use=Switches(scale_out=False)))
    assert adjustments.adjust(stack.simulated(), ENTRY + HOUR, 150.0, False) is None


@pytest.mark.parametrize(
    ("chosen", "rate", "acts"),
    [
        (SETTINGS, 104.9, False),
        (SETTINGS, 105.1, True),
        (replace(SETTINGS, use=Switches(scale_out=False)), 105.1, False),
        (SLICING, 100.0, True),
    ],
)
def test_when_it_may_act(chosen, rate, acts):
    adjustments, _ = made(chosen)
    trade = stack.simulated()
    assert adjustments.may_act(trade, rate) is acts
    trade.realized_profit = 1.0  # no slice follows once a part is sold
    assert adjustments.may_act(trade, rate) is (acts and chosen is SETTINGS)


def test_blocked_entries_do_not_block_a_part_exit():
    adjustments, _ = made()
    stake, tag = adjustments.adjust(stack.simulated(leverage=2.0), ENTRY + HOUR, 105.0, True)
    assert (stake, tag) == (pytest.approx(-25, rel=0.01), "scale_out")


def test_after_a_restart_a_rung_is_not_sold_twice():
    trade = stack.simulated()
    assert sell(made()[0], trade, 105.0) == 0.5
    assert sell(made()[0], trade, 106.0) == 0
    assert sell(made()[0], trade, 110.0) == 0.25


@cases(250)
@given(
    slices=st.lists(
        st.tuples(st.integers(1, 50_000), st.floats(0.98, 1.02)), min_size=1, max_size=3
    ),
    rate=st.floats(0.3, 90_000),
    tick=st.sampled_from([0.1, 0.01, 0.0001]),
    step=st.sampled_from([1.0, 0.1, 0.001]),
    leverage=st.floats(1, 20),
    is_short=st.booleans(),
)
def test_each_rung_sells_its_share_to_the_step(slices, rate, tick, step, leverage, is_short):
    """Also for a position bought in slices, whose average Freqtrade rounds to a tick."""
    adjustments, risks = made(cost=1e-9, step=1e-9)
    trade = stack.simulated(
        is_short=is_short, rate=rate, leverage=leverage, amount=0.0, tick=tick, step=step
    )
    for lots, drift in slices:
        stack.fill(trade, trade.entry_side, round(lots * step, 3), rate * drift, ENTRY)
    lots = sum(lots for lots, _ in slices)
    risk = risks.of(trade).risk
    assume(trade.open_rate > 100 * tick)
    for r, share in ((1.001, 0.5), (2.001, 0.75)):
        target = int(lots * share + 1e-9)
        before = trade.amount
        price = trade.open_rate + (-r if is_short else r) * risk
        sell(adjustments, trade, price)
        assert trade.amount / step == pytest.approx(lots - target, abs=1e-3)
        if trade.amount < before:
            # The stop that goes with the rung is found by what was sold.
            taken = rungs_taken(LADDER, position_of(trade, risks.of(trade)), step)
            assert taken == (1 if share == 0.5 else 2)


def test_no_part_is_smaller_than_the_smallest_order():
    adjustments, _ = made(cost=40.0)  # 60 with Freqtrade's reserve
    assert sell(adjustments, stack.simulated(amount=1.0), 105.0) == 0
    assert sell(adjustments, stack.simulated(amount=1.2), 105.0) == 0.6


# Slices: 90 of stake at 3x in three, the candles at 100.
def ask(adjustments, trade, hours, rate=100.0, blocked=False):
    return adjustments.adjust(trade, ENTRY + hours * HOUR, rate, blocked)


def sliced(adjustments, **more):
    assert adjustments.first_slice(BTC, ENTRY, 90.0, 100.0, 3.0, None) == pytest.approx(30)
    return stack.simulated(amount=0.9, **more)


def buy(adjustments, trade, hours, **more) -> float:
    answer = ask(adjustments, trade, hours, **more)
    if answer is None:
        return 0.0
    stake, tag = answer
    assert tag == "slice"
    when = ENTRY + hours * HOUR
    stack.fill(trade, trade.entry_side, round(stake * 3 / 100, 3), 100.0, when)
    return stake


def test_an_entry_in_slices():
    adjustments, _ = made(SLICING)
    trade = sliced(adjustments)
    bought = [buy(adjustments, trade, hours) for hours in (0, 1, 1, 2, 3, 4)]
    assert bought == pytest.approx([0, 30, 0, 30, 0, 0])
    assert trade.stake_amount == pytest.approx(90)


def test_unsliced_the_whole_goes_in_at_once():
    adjustments, _ = made()
    assert adjustments.first_slice(BTC, ENTRY, 90.0, 100.0, 3.0, None) == 90
    assert ask(adjustments, stack.simulated(), 1) is None


def test_slices_below_the_smallest_order_are_merged():
    adjustments, _ = made(SLICING, cost=90.0)  # 45 of stake, with Freqtrade's reserve
    assert adjustments.first_slice(BTC, ENTRY, 90.0, 100.0, 3.0, None) == pytest.approx(45)


def test_a_shallow_book_slices_and_a_deep_one_does_not():
    adjustments, _ = made(SLICING)
    assert adjustments.first_slice(BTC, ENTRY, 90.0, 100.0, 3.0, 1e6) == 90
    assert adjustments.first_slice(BTC, ENTRY, 90.0, 100.0, 3.0, 2_700.0) == pytest.approx(45)


@pytest.mark.parametrize("why", [{"blocked": True}, {"rate": 102.1}, {"rate": 97.9}, {"hours": 9}])
def test_what_is_given_up_is_not_taken_up_again(why):
    adjustments, _ = made(SLICING)
    trade = sliced(adjustments)
    hours = why.pop("hours", 1)
    assert ask(adjustments, trade, hours, **why) is None
    assert ask(adjustments, trade, hours) is None
    assert ask(adjustments, trade, hours + 1) is None


def test_once_a_part_is_sold_no_slice_follows():
    chosen = replace(SLICING, use=Switches(slicing=True))
    adjustments, _ = made(chosen)
    trade = sliced(adjustments)
    assert sell(adjustments, trade, 105.0) == pytest.approx(0.45)
    assert ask(adjustments, trade, 2) is None


def test_a_plan_outlives_the_process(trade_database):
    adjustments, _ = made(SLICING, kept=True)
    adjustments.first_slice(BTC, ENTRY, 90.0, 100.0, 3.0, None)
    trade = factories.trade(open_rate=100.0, amount=0.9, opened=ENTRY)
    trade.recalc_trade_from_orders()
    assert ask(adjustments, trade, 0) is None
    Trade.commit()
    again, _ = made(SLICING, kept=True)
    assert ask(again, trade, 1) == (pytest.approx(30), "slice")
    assert ask(again, trade, 1, blocked=True) is None
    Trade.commit()
    third, _ = made(SLICING, kept=True)
    assert ask(third, trade, 1) is None  # given up for good


def test_a_plan_of_an_entry_that_never_opened_is_replaced():
    adjustments, _ = made(SLICING)
    adjustments.first_slice(BTC, ENTRY, 900.0, 100.0, 3.0, None)
    trade = sliced(adjustments)
    assert buy(adjustments, trade, 1) == pytest.approx(30)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_plan_of_an_entry_that_never_opened_is_not_another_trades(hours):
    """A trade whose stake was not requested from the strategy."""
    adjustments, _ = made(SLICING)
    adjustments.first_slice(BTC, ENTRY - hours * HOUR, 900.0, 100.0, 3.0, None)
    trade = stack.simulated(amount=0.9)
    assert buy(adjustments, trade, 1) == 0.0


def test_a_trade_nobody_planned_is_left_alone():
    adjustments, _ = made(SLICING)
    assert ask(adjustments, stack.simulated(), 1) is None

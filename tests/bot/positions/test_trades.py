"""State belongs to a trade: the next trade with its id inherits nothing."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import pytest
from freqtrade.persistence import CustomDataWrapper, PairLocks, Trade, init_db
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.positions.trades import (
    OLD_PLAN_KEY,
    OLD_RISK_KEY,
    STATE_KEY,
    TradeState,
    TradeStates,
    key_of,
)
from perpkit.risk.slicing import Plan
from perpkit.risk.stops import EntryStop
from tests import factories
from tests.cases import cases
from tests.factories import START

MINUTE = timedelta(minutes=1)
RULE = EntryStop(distance=0.05)


def opened(rate: float, minute: int = 0, filled: bool = True) -> Trade:
    trade = factories.trade(open_rate=rate, amount=1.0, opened=START + minute * MINUTE)
    if not filled:
        trade.amount = 0.0
        Trade.commit()
    return trade


def risks(states: TradeStates) -> TradeRisks:
    return TradeRisks(RULE, lambda _: None, states)


def again() -> Trade:
    """The open trade as another session or process sees it."""
    Trade.commit()
    Trade.session.expire_all()
    (trade,) = Trade.get_open_trades()
    return trade


def test_a_trade_has_one_state_whoever_looks_at_it(trade_database):
    """Freqtrade's own object has its time with a zone, one from the database has it without."""
    states = TradeStates(True)
    trade = opened(100.0)
    state = states.of(trade)
    state.overtaken = True
    Trade.session.expire_all()
    assert trade.open_date.tzinfo is None
    assert states.of(trade) is state
    assert key_of(trade) == (trade.id, START)


def test_what_has_to_outlives_the_process(trade_database):
    states = TradeStates(True)
    trade = opened(100.0)
    state = risks(states).of(trade)
    state.plan, state.best, state.overtaken = Plan(300.0, 3), 110.0, True
    states.store(trade, state)
    found = TradeStates(True).of(again())
    assert found == TradeState(START, risk=pytest.approx(5.0), plan=Plan(300.0, 3))


def test_a_look_costs_one_question_to_the_database(trade_database, monkeypatch):
    trade, asked = opened(100.0), []
    look = Trade.get_all_custom_data
    monkeypatch.setattr(
        Trade, "get_all_custom_data", lambda self: (asked.append(self.id), look(self))[1]
    )
    subject = risks(TradeStates(True))
    for _ in range(5):
        subject.of(trade)
    assert asked == [trade.id]


def test_it_ends_with_its_trade(trade_database):
    states = TradeStates(True)
    for minute in range(3):
        trade = opened(100.0, minute)
        risks(states).of(trade)
        if minute == 1:
            trade.delete()
        else:
            trade.close(101.0)
            Trade.commit()
    states.of(opened(100.0, 9))
    assert len(states) == 1


@pytest.mark.parametrize(("key", "value"), [(OLD_RISK_KEY, 7.0), (OLD_PLAN_KEY, [900.0, 9])])
@pytest.mark.parametrize("own", [False, True])
def test_what_an_earlier_version_kept(trade_database, key, value, own):
    """The old entry does not name its trade, but has its own time."""
    made = START + (MINUTE if own else -MINUTE)
    trade = opened(100.0)
    trade.set_custom_data(key, value)
    trade.get_custom_data_entry(key).created_at = made
    type(trade.get_custom_data_entry(key)).session.commit()
    state = TradeStates(True).of(trade)
    found = state.risk if key == OLD_RISK_KEY else list(state.plan or ())
    assert found == (value if own else type(value)())


def test_what_was_left_of_a_deleted_trade_is_not_the_next_ones(trade_database):
    """Freqtrade deletes the state with the trade, but not what a copy writes afterwards."""
    states = TradeStates(True)
    first = opened(1000.0)
    state = risks(states).of(first)
    number = first.id
    first.delete()
    assert CustomDataWrapper.get_custom_data(trade_id=number) == []
    state.plan = Plan(9000.0, 9)
    content = asdict(state) | {"opened": state.opened.isoformat(), "plan": [9000.0, 9]}
    CustomDataWrapper.set_custom_data(
        number, STATE_KEY, {name: content[name] for name in ("opened", "risk", "plan")}
    )
    second = opened(10.0, 5)
    assert second.id == number
    for known in (states, TradeStates(True)):
        found = risks(known).of(second)
        assert found.risk == pytest.approx(0.5)
        assert found.plan is None


# What happens to trades, one after the other: opened with or without a fill, closed, deleted by the
# operator, given up by Freqtrade; and the process that looks at them.
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["filled", "unfilled"]),
        st.sampled_from([0.02, 1.0, 100.0, 30_000.0]),
        st.sampled_from(["close", "delete", "restart and delete", "restart and close"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@cases(30)
@given(STEPS)
def test_no_sequence_of_trades_passes_anything_on(steps):
    init_db("sqlite://")
    Trade.use_db = PairLocks.use_db = CustomDataWrapper.use_db = True
    try:
        states = TradeStates(True)
        for number, (entry, rate, end, sliced) in enumerate(steps):
            trade = opened(rate, number, entry == "filled")
            found = states.of(trade)
            assert found == TradeState(trade.open_date_utc)  # as a trade of which nothing is known
            assert risks(states).of(trade).risk == pytest.approx(0.05 * rate)
            if sliced:
                found.plan, found.rest, found.given_up = Plan(rate, 2), rate, True
                found.overtaken, found.covered_at = True, START
                states.store(trade, found)
            if end.startswith("restart"):
                states = TradeStates(True)
                expected = (Plan(rate, 2) if sliced else None, pytest.approx(0.05 * rate))
                known = risks(states).of(trade)
                assert known.risk == expected[1]
                assert states.of(trade).plan == expected[0]
            if end.endswith("delete"):
                trade.delete()
            else:
                trade.close(rate)
                Trade.commit()
    finally:
        Trade.rollback()
        Trade.session.remove()

"""R of a trade: where it comes from, and that it survives a restart."""

from __future__ import annotations

import pytest
from freqtrade.persistence import Trade

from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.positions.trades import STATE_KEY, TradeStates
from perpkit.risk.stops import EntryStop
from tests import factories
from tests.bot import stack
from tests.bot.stack import HOUR, START

ENTRY = START + 10 * HOUR
ATR = EntryStop("atr", atr_multiple=2, floor=0.01, ceiling=0.08)


def candles(**more):
    return stack.flat(11, **more)


@pytest.mark.parametrize(
    ("rule", "atr", "expected"),
    [
        (EntryStop(distance=0.03), 1.0, 3.0),
        (EntryStop(distance=0.03), float("nan"), 3.0),
        (ATR, 1.0, 2.0),
        (ATR, 0.1, 1.0),
        (ATR, 9.0, 8.0),
        # Unknown: the widest, which trusts the position least.
        (ATR, float("nan"), 8.0),
    ],
)
@pytest.mark.parametrize("is_short", [False, True])
def test_r_is_the_distance_of_the_rule_at_the_entry(rule, atr, expected, is_short):
    columns = candles(atr=[atr] * 10 + [77.0])  # the entry's own candle has not closed yet
    risks = TradeRisks(rule, lambda _: columns, TradeStates(False))
    trade = stack.simulated(is_short=is_short)
    assert risks.of(trade).risk == pytest.approx(expected)


def test_it_is_asked_for_once():
    known = [candles(atr=1.0)]
    risks = TradeRisks(ATR, lambda _: known[-1], TradeStates(False))
    trade = stack.simulated()
    memory = risks.of(trade)
    known.append(candles(atr=3.0))
    trade.open_rate = 90.0  # a slice at another price
    assert risks.of(trade) is memory
    assert memory.risk == 2


def test_a_running_bot_remembers_no_trade_that_has_closed(trade_database):
    states = TradeStates(True)
    risks = TradeRisks(ATR, lambda _: candles(atr=1.0), states)
    for number in range(5):
        trade = factories.trade(open_rate=100.0, close_rate=101.0, opened=ENTRY + number * HOUR)
        assert risks.of(trade).risk == 2
    assert not risks._initial
    assert len(states) == 1
    # The Kelly rule alone asks for those that have closed.
    assert [risks.initial(trade) for trade in Trade.get_trades_proxy()] == [2] * 5


@pytest.mark.usefixtures("trades_in_memory")
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("is_short", [False, True])
def test_a_restart_knows_the_best_rate_of_before(is_short, kept):
    """Else a time stop would close what has reached its profit long ago."""
    trade = stack.simulated(is_short=is_short)
    trade.adjust_min_max_rates(106.0, 94.0)
    risks = TradeRisks(ATR, lambda _: candles(), TradeStates(kept))
    assert risks.of(trade).best == ((94.0 if is_short else 106.0) if kept else 100.0)


@pytest.mark.usefixtures("trades_in_memory")
def test_a_trade_without_rates_of_before_begins_at_its_entry():
    trade = stack.simulated()
    trade.max_rate = trade.min_rate = None
    assert TradeRisks(ATR, lambda _: candles(), TradeStates(True)).of(trade).best == 100.0


def test_trades_do_not_share_it():
    risks = TradeRisks(ATR, lambda _: candles(), TradeStates(False))
    one, other = stack.simulated(number=1), stack.simulated(rate=50.0, number=2)
    assert risks.of(one).risk == pytest.approx(2)
    assert risks.of(other).risk == pytest.approx(2)
    assert risks.of(one) is not risks.of(other)


def test_without_candles_it_is_the_widest():
    assert TradeRisks(ATR, lambda _: None, TradeStates(False)).of(
        stack.simulated()
    ).risk == pytest.approx(8)


def test_the_database_keeps_it(trade_database):
    trade = factories.trade(open_rate=100.0, opened=ENTRY)
    TradeRisks(ATR, lambda _: candles(atr=1.5), TradeStates(True)).of(trade)
    Trade.commit()
    Trade.session.expire_all()
    # Another process, in which neither the rule nor the candles are what they were.
    again = TradeRisks(EntryStop(distance=0.2), lambda _: None, TradeStates(True))
    assert again.of(Trade.get_open_trades()[0]).risk == pytest.approx(3)


def test_an_unfilled_entry_is_not_kept(trade_database):
    trade = factories.trade(open_rate=100.0, opened=ENTRY)
    trade.amount = 0.0
    risks = TradeRisks(ATR, lambda _: candles(atr=1.5), TradeStates(True))
    assert risks.of(trade).risk == pytest.approx(3)
    assert trade.get_custom_data(STATE_KEY) is None
    trade.amount, trade.open_rate = 1.0, 99.0
    assert risks.of(trade).risk == pytest.approx(3)
    assert risks.of(trade).best == 99
    assert trade.get_custom_data(STATE_KEY)["risk"] == pytest.approx(3)


def test_a_simulated_run_writes_nothing(trade_database):
    trade = factories.trade(open_rate=100.0, opened=ENTRY)
    TradeRisks(ATR, lambda _: candles(), TradeStates(False)).of(trade)
    assert trade.get_custom_data(STATE_KEY) is None

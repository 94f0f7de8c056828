"""The stop of a trade in Freqtrade's hands: when it moves, and that it never loosens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from freqtrade.persistence import Trade
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.positions.stop_keeper import StopKeeper, position_of
from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.risk.stops import EntryStop
from perpkit.risk.trailing import Trail, Trailing
from tests import factories
from tests.bot import stack
from tests.bot.stack import BTC, HOUR, START
from tests.cases import cases

pytestmark = pytest.mark.usefixtures("trades_in_memory")

# R is 5 of an entry at 100, the chandelier 3 below the best price.
SETTINGS = Settings(stop=EntryStop(distance=0.05), trailing=Trailing(atr_multiple=3.0))
STILL = replace(SETTINGS, trailing=Trailing(break_even_after=0, trail=Trail.NONE))
ENTRY = START + 10 * HOUR  # with row 9 closed
BEFORE = [(100.0, 100.0, 100.0)] * 10


class Case:
    """One trade, its candles, and Freqtrade with a keeper around them."""

    def __init__(self, path, chosen=SETTINGS, is_short=False, before=BEFORE, **trade) -> None:
        path = [*before, *path]
        if is_short:
            path = [tuple(map(stack.mirrored, (low, high, end))) for high, low, end in path]
        self.chosen, self.is_short = chosen, is_short
        self.columns = stack.columns(path, atr=1.0, sar=trade.pop("sar", 0.0))
        self.trade = stack.simulated(is_short=is_short, **trade)
        self.restart()

    def restart(self) -> None:
        """Restarts the process: Freqtrade's trade remains, the keeper's memory does not."""
        risks = TradeRisks(self.chosen.stop, lambda _: self.columns, TradeStates(False))
        self.keeper = StopKeeper(self.chosen, risks, lambda _: self.columns)
        self.risks, self.freqtrade = risks, stack.Keeping(self.keeper)

    def price(self, rate: float) -> float:
        return stack.mirrored(rate) if self.is_short else rate

    def look(self, hours: float, rate: float, after_fill: bool = False) -> float:
        """The stop after a look so long after the entry, as a long's."""
        now = self.trade.open_date_utc + hours * HOUR
        return self.price(self.freqtrade.look(self.trade, now, self.price(rate), after_fill))

    def sell(self, amount: float, hours: float, rate: float) -> None:
        now = self.trade.open_date_utc + hours * HOUR
        stack.fill(self.trade, self.trade.exit_side, amount, self.price(rate), now)

    def reason(self, hours: float) -> str | None:
        return self.keeper.exit_reason(self.trade, self.trade.open_date_utc + hours * HOUR)


sides = pytest.mark.parametrize("is_short", [False, True])


@sides
@pytest.mark.parametrize("leverage", [1.0, 3.0, 10.0])
@pytest.mark.parametrize("rate", [99.0, 100.0, 101.5])
def test_the_first_stop_is_r_from_the_entry_whatever_the_leverage(is_short, leverage, rate):
    case = Case([], is_short=is_short, leverage=leverage)
    assert case.look(0, rate, after_fill=True) == pytest.approx(95, abs=0.011)
    assert not case.trade.is_stop_loss_trailing


@pytest.mark.parametrize(
    ("rule", "atr", "expected"),
    [
        (EntryStop("atr", atr_multiple=2), 1.0, 98),
        (EntryStop("atr", atr_multiple=2, floor=0.03), 1.0, 97),
        (EntryStop("atr", atr_multiple=2, ceiling=0.04), 9.0, 96),
        (EntryStop("atr", ceiling=0.08), float("nan"), 92),  # the widest, the leverage fits it
    ],
)
def test_the_first_stop_follows_the_rule(rule, atr, expected):
    case = Case([], replace(SETTINGS, stop=rule))
    case.columns = stack.columns(BEFORE, atr=atr)
    assert case.look(0, 100, after_fill=True) == pytest.approx(expected, abs=0.011)


# What has closed since the entry, and the stop an hour after each, by a rate that has not moved.
@sides
@pytest.mark.parametrize(
    ("chosen", "path", "expected"),
    [
        (SETTINGS, [(102, 99, 101)], 95),
        (SETTINGS, [(105, 99, 104)], 102),  # 1R: the chandelier
        (SETTINGS, [(105, 99, 104), (110, 104, 109)], 107),
        (SETTINGS, [(110, 100, 109), (109, 107.5, 108)], 107),
        (SETTINGS, [(110, 100, 106)], 95),  # overtaken: not set, the trade is closed
        (replace(SETTINGS, use=Switches(trailing=False)), [(110, 100, 109)], 95),
        (replace(STILL, trailing=Trailing(1.0, Trail.NONE)), [(105, 99, 104)], 100.1),
        (
            replace(STILL, trailing=Trailing(0, Trail.PERCENT, distance=0.04)),
            [(110, 99, 109)],
            None,
        ),
        (replace(STILL, trailing=Trailing(0, Trail.SAR)), [(110, 99, 109)], 104),
    ],
)
def test_how_the_stop_follows_closed_candles(is_short, chosen, path, expected):
    case = Case(path, chosen, is_short, sar=stack.mirrored(104) if is_short else 104.0)
    case.look(0, 100, after_fill=True)
    for hour, (_, _, close) in enumerate(path, start=1):
        stop = case.look(hour, close)
    if expected is None:  # a share of the best price, which a mirror changes
        expected = case.price(case.price(110) * (1.04 if is_short else 0.96))
    assert stop == pytest.approx(expected, abs=0.011)


@sides
def test_within_a_candle_nothing_moves(is_short):
    case = Case([(106, 100, 105)], is_short=is_short)
    case.look(0, 100, after_fill=True)
    for minute, rate in enumerate((103, 119, 96, 100), start=1):
        assert case.look(minute / 60, rate) == pytest.approx(95, abs=0.011)
    before = case.look(1, 105)
    assert before == pytest.approx(103, abs=0.011)
    for minute, rate in enumerate((108, 125, 103.5), start=61):
        assert case.look(minute / 60, rate) == before


@sides
@pytest.mark.parametrize(
    ("path", "rate", "reason"),
    [
        ([(105, 99, 104)], 104, None),
        ([(110, 100, 107.1)], 107.1, None),
        ([(110, 100, 106.9)], 108, "stop_overtaken"),  # by the close
        ([(110, 100, 109)], 106.9, "stop_overtaken"),  # by the rate that has run from it
        ([(110, 100, 106.9), (109, 106, 108)], 108, None),  # and has come back before it was sold
    ],
)
def test_a_stop_that_has_been_passed_closes_the_trade(is_short, path, rate, reason):
    case = Case(path, is_short=is_short)
    case.look(0, 100, after_fill=True)
    for hour in range(1, len(path) + 1):
        case.look(hour, rate)
    assert case.reason(len(path)) == reason


@sides
@pytest.mark.parametrize("last_close", [80.0, 94.9, 96.0, 130.0])
def test_a_close_from_before_the_entry_closes_nothing(is_short, last_close):
    before = [*BEFORE[:-1], (last_close,) * 3]
    case = Case([], is_short=is_short, before=before)
    assert case.look(0, 100, after_fill=True) == pytest.approx(95, abs=0.011)
    case.restart()
    assert case.look(0.9, 99) == pytest.approx(95, abs=0.011)
    assert case.reason(0.9) is None


@sides
@pytest.mark.parametrize(("late", "stop"), [(0, 107), (0.05, 107), (0.5, 95)])
def test_a_high_from_before_the_entry_is_not_its_own(is_short, late, stop):
    """An entry forced within a candle that had already spiked."""
    case = Case([(110, 99, 108)], is_short=is_short, opened=ENTRY + late * HOUR)
    case.look(0, 100, after_fill=True)
    assert case.look(1 - late, 108) == pytest.approx(stop, abs=0.011)


@sides
def test_reducing_tightens_at_once_and_its_end_gives_nothing_back(is_short):
    case = Case([(101, 99, 100.5)], is_short=is_short)
    case.look(0, 100, after_fill=True)
    case.freqtrade.reducing = True
    tight = case.look(0.5, 100)
    assert tight == pytest.approx(97.5, abs=0.011)
    case.freqtrade.reducing = False
    assert case.look(0.6, 100) == tight
    assert case.look(1, 100.5) == tight


@sides
def test_reducing_alone_closes_nothing(is_short):
    case = Case([(101, 97, 97.4)], is_short=is_short)
    case.look(0, 100, after_fill=True)
    case.freqtrade.reducing = True
    assert case.look(1, 97.2) == pytest.approx(95, abs=0.011)
    assert case.reason(1) is None


@sides
def test_a_part_sold_moves_the_stop_within_its_candle(is_short):
    case = Case([(104, 100, 104)], STILL, is_short)
    case.look(0, 100, after_fill=True)
    case.look(1, 105.5)
    case.sell(0.5, 1, 105.5)
    assert case.look(1, 105.5) == pytest.approx(100, abs=0.011)
    case.sell(0.25, 1.5, 111)
    assert case.look(1.5, 111) == pytest.approx(105, abs=0.011)


@sides
def test_parts_sold_by_hand_at_a_loss_are_no_rung(is_short):
    case = Case([(100, 97, 97)], STILL, is_short)
    case.look(0, 100, after_fill=True)
    case.sell(0.6, 1, 97)
    assert case.look(1, 97, after_fill=True) == pytest.approx(95, abs=0.011)
    assert case.reason(1) is None


@pytest.mark.parametrize(("hours", "reason"), [(23, None), (24, "time_stop")])
@pytest.mark.parametrize("best", [102.0, 103.0])
def test_time_runs_out_for_a_trade_that_gets_nowhere(hours, reason, best):
    trailing = replace(SETTINGS.trailing, time_stop_hours=24, time_stop_r=0.5)
    case = Case([(best, 99, 100)] * 30, replace(SETTINGS, trailing=trailing))
    case.look(0, 100, after_fill=True)
    case.look(hours, 100)
    assert case.reason(hours) == (reason if best < 102.5 else None)


def test_the_stop_stays_clear_of_liquidation():
    case = Case([], replace(SETTINGS, stop=EntryStop(distance=0.05)))
    case.trade.liquidation_price = 94.0
    assert case.look(0, 100, after_fill=True) == pytest.approx(97, abs=0.011)
    off = Case([], replace(SETTINGS, use=Switches(liquidation=False)))
    off.trade.liquidation_price = 94.0
    assert off.look(0, 100, after_fill=True) == pytest.approx(95, abs=0.011)


def test_without_candles_the_first_stop_stands():
    risks = TradeRisks(SETTINGS.stop, lambda _: None, TradeStates(False))
    freqtrade = stack.Keeping(StopKeeper(SETTINGS, risks, lambda _: None))
    trade = stack.simulated()
    for hours in range(4):
        now = ENTRY + hours * HOUR
        assert freqtrade.look(trade, now, 100, not hours) == pytest.approx(95, abs=0.011)


def test_it_follows_candles_of_which_a_running_bot_keeps_the_newest_only():
    """Their rows stay the same from candle to candle."""
    path = [*BEFORE, *((100 + i, 99 + i, 100 + i) for i in range(1, 13))]
    case = Case([])
    case.look(0, 100, after_fill=True)
    stops = []
    for hours in range(1, 13):
        case.columns = stack.columns(path[hours : hours + 10], START + hours * HOUR, atr=1.0)
        stops.append(case.look(hours, 100 + hours))
    assert stops[4:] == pytest.approx([102 + i for i in range(8)], abs=0.011)


def test_after_a_restart_r_and_the_best_price_are_known(trade_database):
    rule = EntryStop("atr", atr_multiple=2)
    chosen = replace(SETTINGS, stop=rule)
    trade = factories.trade(open_rate=100.0, opened=ENTRY)
    trade.stop_loss = trade.initial_stop_loss_pct = None
    rows = [*BEFORE, (101, 99, 101), (104, 101, 104), (104, 103, 103)]
    known = stack.columns(rows, atr=[1.0] * 11 + [0.5] * 2)

    def process(candles):
        risks = TradeRisks(chosen.stop, lambda _: candles, TradeStates(True))
        return risks, stack.Keeping(StopKeeper(chosen, risks, lambda _: candles))

    risks, freqtrade = process(known)
    assert freqtrade.look(trade, ENTRY, 100, after_fill=True) == pytest.approx(98)
    assert freqtrade.look(trade, ENTRY + 2 * HOUR, 104) == pytest.approx(104 - 3 * 0.5)
    Trade.commit()
    Trade.session.expire_all()

    # The candles of the entry are gone, and the ATR of those that are left is another.
    later = stack.columns(rows[-2:], START + 11 * HOUR, atr=0.2)
    risks, freqtrade = process(later)
    trade = Trade.get_open_trades()[0]
    assert risks.of(trade).risk == pytest.approx(2.0)
    stop = freqtrade.look(trade, ENTRY + 3 * HOUR, 103.9)
    assert stop == pytest.approx(104 - 3 * 0.5)
    assert risks.of(trade).best == 104


def test_an_entry_that_has_not_filled_is_not_remembered():
    case = Case([], amount=0.0)
    case.trade.amount_requested = 1.0
    assert case.risks.of(case.trade).risk == pytest.approx(5)
    stack.fill(case.trade, "buy", 1.0, 80.0, ENTRY)
    assert case.risks.of(case.trade).risk == pytest.approx(4)
    assert case.risks.of(case.trade).best == 80


@cases(250)
@given(
    entries=st.lists(
        st.tuples(st.integers(1, 90_000), st.floats(0.98, 1.02)), min_size=1, max_size=4
    ),
    sold=st.floats(0, 0.99),
    rate=st.floats(0.2, 2_000),
    tick=st.sampled_from([0.1, 0.01, 0.0001]),
    is_short=st.booleans(),
)
def test_the_amount_first_bought_is_known_to_the_step(entries, sold, rate, tick, is_short):
    """Entries in slices at several prices, whose average Freqtrade rounds to a tick."""
    trade = stack.simulated(is_short=is_short, rate=rate, amount=0.0, tick=tick)
    for lots, drift in entries:
        stack.fill(trade, trade.entry_side, lots / 1000, rate * drift, ENTRY)
    bought = sum(lots for lots, _ in entries)
    part = int(sold * bought)
    if part:
        stack.fill(trade, trade.exit_side, part / 1000, rate, ENTRY)
    memory = TradeRisks(SETTINGS.stop, lambda _: None, TradeStates(False)).of(trade)
    assert position_of(trade, memory).initial * 1000 == pytest.approx(bought, abs=1e-4)


events = st.one_of(
    st.tuples(st.just("candle"), st.floats(-0.03, 0.03), st.floats(0, 0.02)),
    st.tuples(st.just("look"), st.floats(-0.03, 0.03), st.just(0.0)),
    st.tuples(st.just("reducing"), st.just(0.0), st.just(0.0)),
    st.tuples(st.just("restart"), st.just(0.0), st.just(0.0)),
    st.tuples(st.just("slice"), st.floats(-0.02, 0.02), st.just(0.0)),
    st.tuples(st.just("sell"), st.floats(-0.02, 0.02), st.just(0.0)),
)


@cases(250)
@given(
    st.lists(events, min_size=1, max_size=25),
    st.booleans(),
    st.sampled_from([1.0, 3.0, 10.0]),
    st.sampled_from(Trail),
    st.floats(0, 2),
)
def test_a_stop_never_loosens(happening, is_short, leverage, trail, trail_after):
    """Across candles, looks within them, slices, parts sold, restarts, REDUCING on and off."""
    chosen = replace(SETTINGS, trailing=Trailing(1.0, trail, trail_after, atr_multiple=2.0))
    path = list(BEFORE)
    case = Case([], chosen, is_short, leverage=leverage)
    trade, rate = case.trade, 100.0
    side = -1 if is_short else 1
    case.look(0, 100.0, after_fill=True)
    now, last = 0.0, trade.stop_loss
    for what, move, wick in happening:
        after_fill = False
        now += 0.01
        if what == "candle":
            rate *= 1 + move
            path.append((rate * (1 + wick), rate * (1 - wick), rate))
            case.columns = stack.columns(path, atr=1.0, sar=rate - side)
            now = float(len(path) - len(BEFORE))
        elif what == "look":
            rate *= 1 + move
        elif what == "reducing":
            case.freqtrade.reducing = not case.freqtrade.reducing
        elif what == "restart":
            case.restart()
        else:
            order_side = trade.entry_side if what == "slice" else trade.exit_side
            part = trade.amount if what == "slice" else round(trade.amount / 2, 3)
            if what == "sell" and part >= trade.amount:
                continue
            when = ENTRY + timedelta(hours=now)
            stack.fill(trade, order_side, part, rate * (1 + move), when)
            after_fill = True
        case.freqtrade.look(trade, ENTRY + timedelta(hours=now), rate, after_fill)
        assert side * trade.stop_loss >= side * last
        last = trade.stop_loss
        if side * rate <= side * trade.stop_loss:
            return  # it was hit


@cases(250)
@given(
    st.lists(events, min_size=1, max_size=25),
    st.booleans(),
    st.sampled_from([1.0, 10.0]),
    st.sampled_from(Trail),
    st.sampled_from([0.0, 90.0, 97.5]),
)
def test_a_stop_that_stands_need_not_be_asked_for(happening, is_short, leverage, trail, nearest):
    """One keeper is asked each time, the other only where it does not say that the stop stands."""
    chosen = replace(SETTINGS, trailing=Trailing(1.0, trail, 0.5, atr_multiple=2.0))
    path, now, rate = list(BEFORE), 0.0, 100.0
    both = [Case([], chosen, is_short, leverage=leverage) for _ in range(2)]
    always, spared = both
    for case in both:
        case.look(0, 100.0, after_fill=True)
        case.trade.liquidation_price = case.price(nearest) if nearest else None
    for what, move, wick in happening:
        now += 0.01
        rate *= 1 + move
        if what == "candle":
            path.append((rate * (1 + wick), rate * (1 - wick), rate))
            now = float(len(path) - len(BEFORE))
        for case in both:
            if what == "candle":
                case.columns = stack.columns(path, atr=1.0, sar=rate + (1 if is_short else -1))
            elif what == "reducing":
                case.freqtrade.reducing = not case.freqtrade.reducing
            elif what == "sell" and (part := round(case.trade.amount / 2, 3)) < case.trade.amount:
                when = ENTRY + timedelta(hours=now)
                stack.fill(case.trade, case.trade.exit_side, part, rate, when)
        at, before = ENTRY + timedelta(hours=now), spared.trade.stop_loss
        if (before <= rate) if is_short else (before >= rate):
            return  # it was hit
        always.freqtrade.look(always.trade, at, rate)
        if spared.keeper.stands(spared.trade, at, rate, spared.freqtrade.reducing):
            assert spared.trade.stop_loss == before
        else:
            spared.freqtrade.look(spared.trade, at, rate)
        assert spared.trade.stop_loss == always.trade.stop_loss
        assert spared.risks.of(spared.trade) == always.risks.of(always.trade)


@sides
@pytest.mark.parametrize(
    ("path", "rate", "stands"),
    [
        ([(102, 99, 101)], 101, True),  # far below 1R, where the trail begins
        ([(106, 99, 104)], 104, False),  # the chandelier moves it
        ([(110, 100, 106)], 106, False),  # it is overtaken
        ([(102, 94, 94.5)], 101, False),  # by the close, at which it was not closed
    ],
)
def test_whether_a_stop_stands(is_short, path, rate, stands):
    case = Case(path, is_short=is_short)
    case.look(0, 100.0, after_fill=True)
    now = case.trade.open_date_utc + HOUR
    assert case.keeper.stands(case.trade, now, case.price(rate), False) is stands
    assert not case.risks.of(case.trade).overtaken


def test_the_keeper_knows_pairs_by_their_own_candles():
    asked = []
    risks = TradeRisks(SETTINGS.stop, lambda _: None, TradeStates(False))
    keeper = StopKeeper(SETTINGS, risks, lambda pair: asked.append(pair))
    keeper.ratio(stack.simulated(), ENTRY, 100.0, True, False)
    assert set(asked) == {BTC}

"""Leverage, stake and additions around a strategy that is not the package's, at its own stops."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import pytest
from freqtrade.enums import RunMode
from freqtrade.persistence import LocalTrade, Trade
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.layer.attached import attached_settings
from perpkit.bot.layer.entry_rules import EntryRules
from perpkit.bot.layer.overrides import judged
from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.verdicts import Attached, Outcome, Run
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.refusals import Refusals
from perpkit.breakers.breaker import Decision, Trading
from perpkit.risk.sizing import Size
from tests.bot import stack
from tests.bot.stack import BTC, LTC, NOW, candidate
from tests.cases import cases

pytestmark = pytest.mark.usefixtures("trades_in_memory")

BOTH = frozenset({Part.LEVERAGE, Part.SIZING})


class Case:
    """An account of 10,000 whose strategy may enter at 100."""

    def __init__(self, parts=BOTH, stoploss=-0.1, decision=None, custom=False, columns=None,
                 **perpkit):  # fmt: skip
        self.exchange = stack.contracts()._exchange
        config = {"runmode": RunMode.BACKTEST, "timeframe": "1h", "dry_run_wallet": 10_000,
                  "stake_currency": "USDT", "perpkit": perpkit}  # fmt: skip
        self.strategy = SimpleNamespace(
            config=config, stoploss=stoploss, use_custom_stoploss=custom, order_types={},
            dp=SimpleNamespace(_exchange=self.exchange), wallets=None,
        )  # fmt: skip
        flat = stack.flat(40, **(columns or {}))
        empty = SimpleNamespace(history=lambda *_: stack.pd.DataFrame())
        self.layer = SimpleNamespace(
            parts=frozenset(parts), simulated=True, refusals=Refusals(), feed=empty,
            states=TradeStates(False), decision=lambda *_: decision or Decision(),
            hooks=SimpleNamespace(settings=lambda: attached_settings(self.strategy, parts)),
            renew=lambda: None,
        )  # fmt: skip
        frames = SimpleNamespace(get={BTC: flat}.get)
        self.rules = EntryRules(self.strategy, self.layer, frames)

    def unfit(self) -> list[str]:
        """What refuses the parts it was given."""
        parts = self.rules.acting(self.layer.hooks.settings())
        values = {"stoploss": self.strategy.stoploss, "order_types": {},
                  "use_custom_stoploss": self.strategy.use_custom_stoploss}  # fmt: skip
        asks = Attached(tuple(parts), self.rules.stated)
        run = Run("Theirs", values, True, False, False, "1h", asks)
        return [each.line for each in judged([], run) if each.outcome is Outcome.REFUSED]

    def enter(self, leverage=10.0, stake=5_000.0, pair=BTC, is_short=False, most=1e9):
        """Returns leverage and stake, requested in Freqtrade's order."""
        entry = candidate(pair, is_short)
        chosen = self.rules.leverage(entry, leverage, 20.0)
        return chosen, self.rules.stake(entry, stake, chosen, most)

    def add(self, trade, stake, rate=100.0):
        return self.rules.addition(trade, Size(stake), rate, NOW)

    def held(self, amount=1.0, rate=100.0, leverage=2.0, is_short=False) -> LocalTrade:
        trade = stack.simulated(amount=amount, rate=rate, leverage=leverage, is_short=is_short)
        # At the strategy's stop.
        trade.initial_stop_loss_pct = None
        trade.adjust_stop_loss(rate, self.strategy.stoploss)
        return trade


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("stoploss", "theirs", "columns", "perpkit", "found"),
    [
        (-0.1, 1.0, {}, {}, 1.0),
        (-0.1, 2.5, {}, {}, 2.5),  # theirs is not rounded where it is allowed
        (-0.1, 10.0, {}, {}, 3.0),  # max_leverage
        (-0.1, 10.0, {}, {"leverage": {"max_leverage": 20}}, 10.0),
        (-0.1, 10.0, {"range_24h": 0.07}, {"leverage": {"max_leverage": 20}}, 5.0),
        (-0.1, 10.0, {"range_24h": float("nan")}, {"leverage": {"max_leverage": 20}}, 2.0),
        # Twice the stop is 80% of the margin; maintenance margin takes of the rest with leverage.
        (-0.4, 20.0, {}, {"leverage": {"max_leverage": 125, "volatility_tiers": [[0, 125]]}}, 20.0),
        (-0.46, 20.0, {}, {"leverage": {"max_leverage": 125, "volatility_tiers": [[0, 125]]}},
         {False: 8.0, True: 6.0}),
        # Not the liquidation, only the tiers.
        (-0.46, 20.0, {}, {"use": {"liquidation": False}, "leverage": {"max_leverage": 20}}, 10.0),
        # Theirs below 1 is Freqtrade's to raise.
        (-0.1, 0.5, {}, {}, 0.5),
    ],
)  # fmt: skip
def test_the_leverage_is_the_smaller_of_theirs_and_ours(
    stoploss, theirs, columns, perpkit, found, is_short
):
    case = Case(stoploss=stoploss, columns=columns, **perpkit)
    expected = found[is_short] if isinstance(found, dict) else found
    assert case.enter(leverage=theirs, is_short=is_short)[0] == expected


@given(
    st.floats(0.01, 0.5), st.floats(1.0, 50.0), st.floats(1.1, 5.0), st.booleans()
)  # fmt: skip
@cases(40)
def test_liquidation_stays_beyond_the_stop(stoploss, theirs, margin, is_short):
    """At the leverage that is found, not at the one that was asked for."""
    limits = {"max_leverage": 125, "volatility_tiers": [[0, 125]], "stop_margin": margin}
    case = Case({Part.LEVERAGE}, -stoploss, leverage=limits)
    leverage, stake = case.enter(leverage=theirs, stake=100.0, is_short=is_short)
    assert 1 <= leverage <= theirs
    if stake:
        tiers = case.rules._contracts.tiers(BTC, 100.0)
        # The first tier's rate; the equity as collateral is in a worse one.
        liquidated = 1 / leverage - tiers.rows[0].rate * (1 + 1 / leverage)
        needed = margin * stoploss / leverage / 0.95
        assert liquidated >= min(needed, 1 - 2 * tiers.rows[0].rate) - 1e-9


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("stoploss", "leverage", "stake", "perpkit", "found"),
    [
        # 1% of 10,000 at the stop: 100 / (0.1 / 2) is 2,000 of exposure, 1,000 of margin.
        (-0.1, 2.0, 5_000.0, {}, 1_000.0),
        (-0.1, 1.0, 5_000.0, {}, 1_000.0),
        (-0.2, 2.0, 5_000.0, {}, 500.0),
        (-0.1, 2.0, 5_000.0, {"sizing": {"risk_per_trade": 0.02}}, 2_000.0),
        # Theirs is the most.
        (-0.1, 2.0, 400.0, {}, 400.0),
        (-0.1, 2.0, 5_000.0, {"use": {"sizing": False}}, 5_000.0),
        # 12% a year over 0.6% an hour.
        (-0.1, 2.0, 5_000.0, {"sizing": {"basis": "volatility"}},
         0.5 * 1_200 / (0.006 * (24 * 365) ** 0.5)),
    ],
)  # fmt: skip
def test_the_stake_is_what_the_risk_at_the_stop_allows(
    stoploss, leverage, stake, perpkit, found, is_short
):
    case = Case({Part.SIZING}, stoploss, **perpkit)
    got = case.enter(leverage, stake, is_short=is_short)
    assert got == (leverage, pytest.approx(found))


@pytest.mark.parametrize(
    ("custom", "stop", "columns", "found"),
    [
        (True, {"distance": 0.02}, {}, 2_500.0),  # nearer than 5%
        (True, {"distance": 0.2}, {}, 1_000.0),
        (True, {"method": "atr", "atr_multiple": 2.5}, {"atr": 1.0}, 2_000.0),
        (True, {"method": "atr"}, {"atr": float("nan")}, 1_000.0),  # unknown: the farther counts
    ],
)
def test_a_nearer_stop_that_is_stated_counts(custom, stop, columns, found):
    case = Case({Part.SIZING}, custom=custom, columns=columns, stop=stop)
    assert case.unfit() == []
    assert case.enter(2.0)[1] == pytest.approx(found)


@pytest.mark.parametrize(
    ("decision", "leverage", "stake"),
    [
        (Decision(size_factor=0.5), 3.0, 500.0),
        (Decision(max_leverage=2.0), 2.0, 1_000.0),
        (Decision(Trading.REDUCING, 0.0, reason="a crash"), 3.0, 0.0),
    ],
)
def test_breakers_scale_the_size_and_cap_the_leverage(decision, leverage, stake):
    got, found = Case(decision=decision).enter()
    assert (got, found) == (leverage, pytest.approx(stake))


def test_the_factor_scales_theirs_where_it_is_the_smaller():
    case = Case(decision=Decision(size_factor=0.5))
    assert case.enter(2.0, stake=300.0)[1] == 150.0
    only_leverage = Case({Part.LEVERAGE}, decision=Decision(size_factor=0.5))
    assert only_leverage.enter(2.0, stake=5_000.0)[1] == 2_500.0


@pytest.mark.parametrize("parts", [BOTH, {Part.LEVERAGE}])
def test_an_entry_whose_leverage_is_refused_gets_no_stake(parts, caplog):
    caplog.set_level("INFO")
    case = Case(parts)
    case.exchange._leverage_tiers[BTC] = []
    assert case.enter() == (1.0, 0.0)
    assert "the exchange has told no maintenance margin of the pair" in caplog.text


def test_a_stop_of_half_the_margin_refuses_a_short(caplog):
    caplog.set_level("INFO")
    assert Case(stoploss=-0.5).enter(is_short=True) == (1.0, 0.0)
    assert Case(stoploss=-0.5).enter(is_short=False)[0] == 1.0
    assert "even 1x is more than" in caplog.text


def test_each_part_is_refused_by_its_name():
    found = Case(stoploss=-0.99).unfit()
    assert [message.split('"perpkit.attach": ')[1].split()[0] for message in found] == [
        "leverage", "sizing",
    ]  # fmt: skip


@pytest.mark.parametrize("stoploss", [-0.99, -0.51, 0.0])
def test_a_stop_that_hyperopt_has_made_useless_refuses_entries(stoploss):
    case = Case(stoploss=-0.1)
    assert case.enter()[1] > 0
    case.strategy.stoploss = stoploss
    assert case.enter()[1] == 0


def test_a_pair_without_a_side_frame_is_sized_by_its_stop():
    assert Case().enter(pair=LTC) == (2.0, pytest.approx(1_000.0))


def test_kelly_counts_the_strategys_own_trades():
    won = [stack.simulated(number=n) for n in range(60)]
    case = Case({Part.SIZING}, use={"kelly": True})
    for number, trade in enumerate(won):
        trade.close_profit_abs = 10.0 if number % 3 else -5.0
        trade.is_open = False
        trade.close_date = NOW - timedelta(hours=number)
        LocalTrade.bt_trades.append(trade)
    assert case.enter(2.0)[1] == pytest.approx(1_500.0)


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("amount", "rate", "asked", "found"),
    [
        # 100 may be lost. The stop of 10 at 100 is at 95, short 105: 50 are taken.
        (10.0, 100.0, 300.0, 300.0),
        (10.0, 100.0, 900.0, 500.0),
        (20.0, 100.0, 300.0, 0.0),
        (30.0, 100.0, 300.0, 0.0),
        # 2% nearer to the stop, which is 3% away: 50 / 0.0306 is 1,633.
        (10.0, 98.0, 5_000.0, 816.67),
    ],
)
def test_an_addition_gets_what_is_left_of_the_risk(amount, rate, asked, found, is_short):
    case = Case({Part.SIZING})
    rate = 200.0 - rate if is_short else rate
    trade = case.held(amount, is_short=is_short)
    got = case.add(trade, asked, rate)
    if is_short and rate != 100:
        found = found * rate / 98
    assert got.stake == pytest.approx(found, rel=1e-4)
    assert bool(got.reason) == (found < asked)


def test_what_was_lost_before_counts_for_the_risk():
    case = Case({Part.SIZING})
    trade = case.held(10.0)
    trade.realized_profit = -25.0
    assert case.add(trade, 900.0).stake == pytest.approx(250.0)
    trade.realized_profit = 25.0
    assert case.add(trade, 900.0).stake == pytest.approx(500.0)


def test_orders_that_wait_count_for_the_risk():
    case = Case({Part.SIZING})
    trade = case.held(10.0)
    trade.orders.append(stack.order(trade, "buy", 5.0, 100.0, NOW, filled=False))
    assert case.add(trade, 900.0).stake == pytest.approx(250.0)


@pytest.mark.parametrize("parts", [{Part.LEVERAGE}, {Part.BOOK}])
def test_without_sizing_additions_are_theirs(parts):
    case = Case(parts)
    assert case.add(case.held(100.0), 900.0) == Size(900.0)


def test_volatility_leaves_an_addition_what_is_left_of_the_exposure():
    case = Case({Part.SIZING}, sizing={"basis": "volatility"})
    full = 1_200 / (0.006 * (24 * 365) ** 0.5)
    trade = case.held(10.0)
    assert case.add(trade, 5_000.0).stake == pytest.approx((full - 1_000) / 2)


@given(
    st.floats(0.02, 0.5), st.integers(1, 5), st.lists(st.floats(0.93, 1.07), max_size=4),
    st.booleans(),
)  # fmt: skip
@cases(40)
def test_a_trade_and_its_additions_never_risk_more_than_a_trade_may(
    stoploss, leverage, moves, is_short
):
    Trade.reset_trades()
    case = Case({Part.SIZING}, -stoploss)
    _, stake = case.enter(float(leverage), is_short=is_short)
    trade = case.held(stake * leverage / 100.0, leverage=float(leverage), is_short=is_short)
    rate = 100.0
    for move in moves:
        rate *= move
        stop = trade.stop_loss
        if (rate >= stop) if is_short else (rate <= stop):
            return
        added = case.add(trade, 2_000.0, rate).stake * leverage / rate
        if added:
            stack.fill(trade, trade.entry_side, added, rate, NOW)
        lost = abs(trade.open_rate - trade.stop_loss) * trade.amount
        # The average and the stop are rounded to a tick.
        assert lost <= 100.0 + 0.02 * trade.amount


@pytest.mark.parametrize(
    ("parts", "stoploss", "custom", "perpkit", "words"),
    [
        ({Part.SIZING}, -0.99, True, {}, ["sizing cannot be attached", "-0.99", "-0.95"]),
        ({Part.SIZING}, -0.95, True, {}, ["sizing cannot be attached"]),
        ({Part.LEVERAGE}, -0.51, False, {}, ["leverage cannot be attached", "-0.51", "-0.5"]),
        (BOTH, -0.6, False, {}, ["leverage cannot be attached"]),
        (BOTH, -0.99, False, {"use": {"sizing": False}}, ["leverage cannot be attached"]),
        (BOTH, -0.1, False, {"stop": {"distance": 0.02}}, ["perpkit.stop", "use_custom_stoploss"]),
        ({Part.SIZING}, -0.94, False, {}, None),
        ({Part.SIZING}, -0.99, False, {"use": {"sizing": False}}, None),
        ({Part.BOOK}, -0.99, False, {}, None),
        (BOTH, -0.5, False, {}, None),
    ],
)  # fmt: skip
def test_which_parts_a_strategy_cannot_have(parts, stoploss, custom, perpkit, words):
    found = Case(parts, stoploss, custom=custom, **perpkit).unfit()
    assert len(found) == (words is not None)
    for word in words or ():
        assert word in found[0]

"""Leverage and stake of an entry, or the reason why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from math import floor, inf, nan, sqrt
from types import SimpleNamespace

import pytest
from freqtrade.persistence import LocalTrade, Trade
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.positions.account import AccountStanding
from perpkit.bot.positions.entries import Entries
from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.refusals import Refusals
from perpkit.breakers.breaker import Decision, Trading
from perpkit.risk.carry import CarryRule
from perpkit.risk.exposure import ExposureLimits
from perpkit.risk.kelly import KellyRule
from perpkit.risk.leverage import LeverageLimit
from perpkit.risk.sizing import Basis, SizingRule
from perpkit.risk.stops import EntryStop
from tests.bot import stack
from tests.bot.stack import BTC, ETH, LTC, NOW, candidate
from tests.cases import cases

pytestmark = pytest.mark.usefixtures("trades_in_memory")

flat = cache(stack.flat)
FREE = Decision()
# 1% of 10,000 is lost at a stop 5% away: 2,000 of exposure, a fifth of the account.
SETTINGS = Settings(stop=EntryStop(distance=0.05), sizing=SizingRule(risk_per_trade=0.01))
CROSS = {"margin_mode": "cross"}


class Case:
    """An account of 10,000 that may enter at 100."""

    def __init__(
        self,
        chosen=SETTINGS,
        capital=10_000.0,
        profit=0.0,
        config=None,
        cost=5.0,
        fixed_stake=False,
        **columns,
    ) -> None:
        self.candles = {pair: flat(40, **columns) for pair in (BTC, ETH, LTC)}
        account = SimpleNamespace(
            capital=lambda _: capital, at=lambda _: AccountStanding(profit, 0.0)
        )
        contracts = stack.contracts(cost=cost)
        self.exchange = contracts._exchange
        self.risks = TradeRisks(chosen.stop, self.candles.get, TradeStates(False))
        self.entries = Entries(
            config or {},
            chosen,
            account,
            self.candles.get,
            contracts,
            self.risks,
            Refusals(),
            scored_tags={"rsi_sma"},
            fixed_stake=fixed_stake,
        )

    def enter(
        self,
        pair=BTC,
        is_short=False,
        tag=None,
        decision=FREE,
        maximum=20.0,
        most=1e9,
        proposed=500.0,
        after=timedelta(seconds=1),
    ) -> tuple[float, float]:
        """Returns leverage and stake, requested in Freqtrade's order."""
        entry = candidate(pair, is_short, tag)
        leverage = self.entries.leverage(entry, decision, maximum)
        asked = replace(entry, now=NOW + after)
        return leverage, self.entries.stake(asked, decision, leverage, proposed, most)

    def exposure(self, **asked) -> float:
        leverage, stake = self.enter(**asked)
        return leverage * stake


def held(pair, number=9, **trade) -> LocalTrade:
    made = stack.simulated(pair, number=number, **trade)
    LocalTrade.add_bt_trade(made)
    return made


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("distance", "exposure", "leverage"),
    [(0.05, 2_000, 3), (0.02, 5_000, 3), (0.10, 1_000, 3), (0.2, 500, 2), (0.4, 250, 1)],
)
def test_a_stop_costs_one_percent_of_the_equity(is_short, distance, exposure, leverage):
    case = Case(replace(SETTINGS, stop=EntryStop(distance=distance)))
    got, stake = case.enter(is_short=is_short)
    assert got == leverage
    assert got * stake == pytest.approx(exposure)


def test_an_atr_stop_sizes_by_the_atr():
    chosen = replace(SETTINGS, stop=EntryStop("atr", atr_multiple=2.0))
    assert Case(chosen, atr=2.0).exposure() == pytest.approx(2_500)
    assert Case(chosen, atr=4.0).exposure() == pytest.approx(1_250)


@pytest.mark.parametrize(
    ("tag", "share"),
    [
        (None, 1.0),
        ("rsi_sma 0.70", 0.7),
        ("rsi_sma 1.00", 1.0),
        ("force_entry", 1.0),
        ("by hand", 1.0),
        ("plan 9", 1.0),
        ("ema 0.2", 1.0),
        ("fib 0.62", 1.0),
    ],
)
def test_confidence_scales_the_size_and_a_foreign_tag_counts_as_sure(tag, share):
    assert Case().exposure(tag=tag) == pytest.approx(2_000 * share)


@pytest.mark.parametrize(
    ("decision", "leverage", "exposure"),
    [
        (Decision(size_factor=0.5), 3, 1_000),
        (Decision(max_leverage=2.0), 2, 2_000),
        (Decision(max_leverage=2.9), 2, 2_000),
        (Decision(size_factor=0.25, max_leverage=1.0), 1, 500),
    ],
)
def test_breakers_scale_the_size_and_cap_the_leverage(decision, leverage, exposure):
    got, stake = Case().enter(decision=decision)
    assert (got, got * stake) == (leverage, pytest.approx(exposure))


@pytest.mark.parametrize(
    ("fixed", "proposed", "asked", "stake"),
    [
        # "unlimited": the proposal is a share of the balance, and does not count
        (False, 500, {}, 2_000 / 3),
        (False, 500, {"decision": Decision(max_leverage=1.0)}, 2_000),
        # a number: the smaller of it and the stake by risk
        (True, 5_000, {}, 2_000 / 3),
        (True, 500, {}, 500),
        (True, 500, {"is_short": True}, 500),
        (True, 10, {}, 10),
        # it is margin, not exposure
        (True, 500, {"decision": Decision(max_leverage=1.0)}, 500),
        (True, 1_500, {"decision": Decision(max_leverage=1.0)}, 1_500),
        (True, 1_500, {"decision": Decision(max_leverage=2.0)}, 1_000),
        # breakers make it smaller as they do the stake by risk
        (True, 500, {"decision": Decision(size_factor=0.5)}, 250),
        (True, 5_000, {"decision": Decision(size_factor=0.5)}, 1_000 / 3),
        # confidence is a part of the stake by risk
        (True, 500, {"tag": "rsi_sma 0.90"}, 500),
        (True, 500, {"tag": "rsi_sma 0.70"}, 1_400 / 3),
        # what the exchange allows still counts
        (True, 500, {"most": 400.0}, 400),
    ],
)
def test_a_fixed_stake_is_the_most_that_an_entry_gets(fixed, proposed, asked, stake):
    got = Case(fixed_stake=fixed).enter(proposed=proposed, **asked)[1]
    assert got == pytest.approx(stake)


@pytest.mark.parametrize(
    ("columns", "maximum", "expected"),
    [
        ({"range_24h": 0.02}, 20, 9),  # liquidation twice as far as the stop
        ({"range_24h": 0.07}, 20, 5),
        ({"range_24h": 0.12}, 20, 2),
        ({"range_24h": nan}, 20, 2),
        ({"range_24h": 0.02}, 4, 4),
    ],
)
def test_the_leverage_is_the_smallest_of_its_caps(columns, maximum, expected):
    chosen = replace(SETTINGS, leverage=LeverageLimit(max_leverage=20))
    assert Case(chosen, **columns).enter(maximum=maximum)[0] == expected


# Everything that refuses: (the case, what is asked, the reason).
REFUSED = [
    ({}, {"decision": Decision(Trading.REDUCING, 0.0, reason="a crash")}, "a crash"),
    ({}, {"decision": Decision(Trading.HALTED, 0.5, reason="lost 20%")}, "lost 20%"),
    ({}, {"decision": Decision(Trading.REDUCING)}, "the breakers are reducing"),
    ({}, {"decision": Decision(size_factor=0.0, reason="calm down")}, "calm down"),
    ({}, {"decision": Decision(max_leverage=0.5)}, "even 1x is more than 0.5x"),
    ({"profit": nan}, {}, "stake is nan"),
    ({"capital": nan}, {}, "stake is nan"),
    ({"profit": -10_000.0}, {}, "stake is 0"),
    ({"profit": nan, "chosen": replace(SETTINGS, use=Switches(liquidation=False))}, {},
     "equity must be above 0 for an entry, got nan"),
    ({"chosen": replace(SETTINGS, stop=EntryStop("atr")), "atr": nan}, {}, "stop distance nan%"),
    ({"chosen": replace(SETTINGS, stop=EntryStop("atr"), use=Switches(liquidation=False)),
      "atr": nan}, {}, "stop distance must be above 0 for an entry, got nan"),
    ({"chosen": replace(SETTINGS, stop=EntryStop(distance=0.5)),
      }, {"is_short": True}, "even 1x is more than"),
    ({"chosen": replace(SETTINGS, sizing=SizingRule(Basis.VOLATILITY)), "vol_1h": nan}, {},
     "volatility must be above 0 for an entry, got nan"),
    ({"funding_rate_8h": 0.01, "funding_mean_8h": 0.01}, {}, "funding is predicted to cost"),
    ({"cost": 2_000.0}, {}, "order of 2000.00 is below the smallest of 3000.00"),
    ({}, {"most": 0.0}, "balance or exchange maximum is 0.00 x equity"),
    ({}, {"tag": "rsi_sma 0.00"}, "confidence must be above 0"),
    ({"fixed_stake": True}, {"proposed": 2.0},
     "order of 6.00 is below the smallest of 7.50 (cut from 2000.00 to 6.00: stake_amount allows "
     "2.00 of margin)"),
    ({"fixed_stake": True}, {"proposed": 0.0}, "stake_amount allows 0.00 of margin"),
]  # fmt: skip


@pytest.mark.parametrize(("case", "asked", "reason"), REFUSED)
def test_a_refusal_opens_nothing_and_says_why(caplog, case, asked, reason):
    caplog.set_level("INFO")
    leverage, stake = Case(**case).enter(**asked)
    assert stake == 0
    assert leverage >= 1
    side = "short" if asked.get("is_short") else "long"
    (said,) = [r.getMessage() for r in caplog.records if r.name == "perpkit.bot.refusals"]
    assert said.startswith(f"No entry: {BTC} {side}. ")
    assert reason in said


def test_tiers_nobody_knows_refuse(caplog):
    caplog.set_level("INFO")
    case = Case()
    case.exchange._leverage_tiers[BTC] = []
    assert case.enter() == (1.0, 0.0)
    assert "the exchange has told no maintenance margin of the pair" in caplog.text


def test_a_pair_without_candles_has_neither_leverage_nor_size():
    case = Case(replace(SETTINGS, stop=EntryStop("atr")))
    del case.candles[BTC]
    assert case.enter() == (1.0, 0.0)


def test_an_entry_in_full_says_nothing(caplog):
    caplog.set_level("INFO")
    assert Case().enter()[1] > 0
    assert caplog.text == ""


def test_a_refusal_is_of_its_own_entry_only():
    case = Case()
    case.exchange._leverage_tiers[ETH] = []
    assert case.enter(ETH)[1] == 0
    entry = candidate()
    # Freqtrade asks nobody for the leverage of a forced entry that brings its own.
    assert case.entries.stake(entry, FREE, 3.0, 500.0, 1e9) > 0
    forced = candidate(ETH, now=NOW + timedelta(minutes=2))
    assert case.entries.stake(forced, FREE, 3.0, 500.0, 1e9) > 0
    assert case.enter(ETH, after=timedelta(seconds=59))[1] == 0


# Three at once, unless something says no.
def test_at_most_three_positions(caplog):
    caplog.set_level("INFO")
    loose = replace(
        SETTINGS,
        exposure=ExposureLimits(max_cluster_risk=1.0, max_open_risk=1.0, max_gross=9, max_side=9),
    )
    case = Case(loose)
    case.candles["XRP/USDT:USDT"] = stack.flat(40)
    held(ETH, 1)
    held(LTC, 2)
    assert case.enter()[1] > 0
    held("XRP/USDT:USDT", 3)
    assert case.enter()[1] == 0
    assert "open positions 3 of 3" in caplog.text


def test_a_third_position_that_moves_with_the_others_is_cut_or_refused():
    alike = {ETH: 0.95, LTC: 0.95}
    exposures = []
    for correlations in (dict.fromkeys(alike, 0.1), alike, dict.fromkeys(alike, nan)):
        case = Case()
        for pair, correlation in correlations.items():
            case.candles[pair] = stack.flat(40, btc_correlation=correlation)
        case.candles[BTC] = stack.flat(40, btc_correlation=1.0)
        for number, pair in enumerate(correlations):
            held(pair, number, amount=20.0)  # 2,000 each
        exposures.append(case.exposure())
        Trade.reset_trades()
    apart, together, unknown = exposures
    assert 0 < apart <= 2_000
    assert together == unknown == 0


def test_a_position_whose_stop_is_past_the_entry_risks_nothing():
    case = Case(replace(SETTINGS, exposure=ExposureLimits(max_cluster_risk=0.01)))
    trade = held(ETH, amount=20.0)
    assert case.exposure() == 0
    trade.stop_loss = 100.0
    assert case.exposure() == pytest.approx(2_000)


def test_an_entry_order_that_may_still_fill_counts():
    case = Case(replace(SETTINGS, exposure=ExposureLimits(max_cluster_risk=0.01)))
    trade = held(ETH, amount=0.0)
    assert case.exposure() == pytest.approx(2_000)
    trade.orders.append(stack.order(trade, "buy", 20.0, 100.0, NOW, filled=False))
    assert case.exposure() == 0


def test_a_position_without_a_price_refuses(caplog):
    caplog.set_level("INFO")
    case = Case()
    held(ETH)
    del case.candles[ETH]
    assert case.enter()[1] == 0
    assert "No entry" in caplog.text


def test_what_is_switched_off_leaves_freqtrades_own():
    off = Switches(sizing=False, liquidation=False)
    case = Case(replace(SETTINGS, use=off, leverage=LeverageLimit(max_leverage=20)))
    assert case.enter() == (10, 500)  # the volatility tier, and the proposed stake
    assert case.enter(decision=Decision(size_factor=0.5, max_leverage=2.5)) == (2, 250)


def test_without_exposure_limits_the_risk_alone_decides():
    wide = replace(SETTINGS, stop=EntryStop(distance=0.005))
    assert Case(wide).exposure() == pytest.approx(10_000)  # once the account in a pair
    off = replace(wide, use=Switches(exposure=False))
    assert Case(off).exposure() == pytest.approx(20_000)


def test_without_carry_funding_refuses_nothing():
    dear = {"funding_rate_8h": 0.01, "funding_mean_8h": 0.01}
    assert Case(replace(SETTINGS, use=Switches(carry=False)), **dear).enter()[1] > 0
    assert Case(**dear).enter(is_short=True)[1] > 0  # is paid


@pytest.mark.parametrize(("held_hours", "dear"), [(0, True), (47, True), (0.5, True)])
def test_a_position_is_left_for_its_funding(held_hours, dear):
    case = Case(
        replace(SETTINGS, carry=CarryRule(48, 0.01, 0.5)),
        funding_rate_8h=0.01,
        funding_mean_8h=0.01,
    )
    reason = case.entries.carry_reason(BTC, False, NOW, held_hours)
    assert (reason is not None) is dear
    assert case.entries.carry_reason(BTC, True, NOW, held_hours) is None
    assert case.entries.carry_reason("NEW/USDT:USDT", False, NOW, held_hours) is None


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, 11_000),
        ({"tradable_balance_ratio": 0.5}, 6_000),
        ({"tradable_balance_ratio": 0.5, "available_capital": 10_000}, 11_000),
    ],
)
def test_equity_is_what_may_be_traded_with_marked_to_market(config, expected):
    assert Case(profit=1_000.0, config=config).entries.equity(NOW) == expected
    assert Case(profit=1_000.0, config=config).exposure() == pytest.approx(expected / 5)


def test_a_volatility_target_sizes_by_the_pairs_volatility():
    chosen = replace(SETTINGS, sizing=SizingRule(Basis.VOLATILITY, vol_target_annual=0.12))
    hourly = 0.60 / sqrt(365 * 24)
    assert Case(chosen, vol_1h=hourly).exposure() == pytest.approx(2_000)
    assert Case(chosen, vol_1h=2 * hourly).exposure() == pytest.approx(1_000)


def closed(number: int, r: float, part: float = 0.0) -> None:
    """A closed trade of 10 x 100 with R of 5 and a result of `r`, `part` of it sold before."""
    trade = stack.simulated(BTC, amount=10.0, number=number)
    rate = 100.0 + 5.0 * r
    if part:
        stack.fill(trade, "sell", part * 10.0, rate, NOW)
    trade.orders.append(stack.order(trade, "sell", trade.amount, rate, NOW))
    trade.close_date = NOW
    LocalTrade.add_bt_trade(trade)
    trade.close(rate, show_msg=False)
    LocalTrade.close_bt_trade(trade)


@pytest.mark.parametrize("part", [0.0, 0.75])
@pytest.mark.parametrize(
    ("wins", "factor"),
    [
        (5, 1.0),  # too few trades yet
        (8, 1.0),
        (6, 0.75),
    ],
)
def test_kelly_follows_the_strategys_own_trades(wins, factor, part):
    """Wins and losses of 1R: p - q of the account at risk, a twentieth of it taken."""
    rule = KellyRule(fraction=0.0375, window=20, least_trades=20, cap=1.0)
    case = Case(replace(SETTINGS, use=Switches(kelly=True), kelly=rule))
    total = 10 if wins == 5 else 20
    for number in range(total):
        closed(number, 1.0 if number % 10 < wins else -1.0, part)
    assert case.exposure() == pytest.approx(2_000 * factor, rel=0.15)


def test_kelly_is_off_unless_asked_for():
    case = Case()
    for number in range(100):
        closed(number, -1.0)
    assert case.exposure() == pytest.approx(2_000)


def test_cross_margin_is_carried_by_what_the_wallet_has_left():
    chosen = replace(
        SETTINGS,
        leverage=LeverageLimit(max_leverage=20),
        sizing=SizingRule(risk_per_trade=0.1),
        use=Switches(exposure=False),
    )
    account = {"capital": 1_000_000.0, "profit": -985_000.0}
    held(ETH, amount=20_000.0)

    def leverage(config) -> float:
        case = Case(chosen, config=config, **account)
        case.candles[ETH] = flat(40, price=70.0)
        return case.enter()[0]

    # Of the 15,000 left, half is the maintenance margin of the 1.4 million.
    assert leverage({}) == 9
    assert leverage(CROSS) == 4


def test_cross_margin_with_a_position_nobody_can_price_refuses():
    case = Case(config=CROSS)
    held(ETH)
    del case.candles[ETH]
    assert case.enter()[1] == 0


@cases(400)
@given(
    capital=st.floats(20, 5e6),
    profit=st.floats(-0.9, 2),
    distance=st.floats(0.001, 0.5),
    risk=st.floats(0.0001, 0.1),
    confidence=st.floats(0.01, 1),
    factor=st.floats(0.01, 1),
    cap=st.floats(1, 20),
    range_24h=st.floats(0, 0.3) | st.just(nan),
    is_short=st.booleans(),
    most=st.floats(0, 1e6),
    others=st.lists(
        st.tuples(st.sampled_from([ETH, LTC]), st.floats(0.01, 200), st.booleans()),
        max_size=2, unique_by=lambda other: other[0],
    ),
)  # fmt: skip
def test_no_entry_risks_more_than_its_share_or_exceeds_a_limit(
    capital, profit, distance, risk, confidence, factor, cap, range_24h, is_short, most, others
):
    chosen = Settings(
        stop=EntryStop(distance=distance),
        sizing=SizingRule(risk_per_trade=risk),
        leverage=LeverageLimit(max_leverage=20),
    )
    equity = capital * (1 + profit)
    case = Case(chosen, capital=capital, profit=capital * profit, range_24h=range_24h)
    Trade.reset_trades()
    for number, (pair, amount, short) in enumerate(others):
        held(pair, number, amount=round(amount, 3), is_short=short)
    decision = Decision(size_factor=factor, max_leverage=cap)
    leverage, stake = case.enter(
        tag=f"rsi_sma {confidence:.2f}", is_short=is_short, decision=decision, most=most
    )
    exposure = leverage * stake
    dust = 1 + 1e-9
    assert 1 <= leverage <= min(floor(cap), 10) or stake == 0
    assert exposure * distance <= equity * risk * round(confidence, 2) * factor * dust
    assert stake <= most * dust
    assert exposure <= equity * 1.0 * dust
    sides = [round(amount, 3) * (-100 if short else 100) for _, amount, short in others]
    own = -exposure if is_short else exposure
    if exposure:
        same = sum(abs(side) for side in sides if (side < 0) is is_short)
        assert same + exposure <= equity * 1.5 * dust
        assert sum(map(abs, sides)) + exposure <= equity * 2.0 * dust
        assert abs(own) >= 5


def test_the_widest_decision_is_no_cap():
    assert Decision().max_leverage == inf
    assert Case().enter()[0] == 3


# Additions


@pytest.mark.parametrize("is_short", [False, True])
@pytest.mark.parametrize(
    ("stake", "allowed"),
    [
        (500.0, 500.0),
        # 2,000 at risk of 1% are held: another 1% fits below 2% of cluster risk, at a stop 5% away.
        (5_000.0, 2_000.0 / 3),
    ],
)
def test_an_addition_gets_what_the_limits_leave(is_short, stake, allowed):
    case = Case()
    trade = held(BTC, is_short=is_short, amount=20.0)
    trade.stop_loss = 105.0 if is_short else 95.0
    got = case.entries.addition(trade, stake, 100.0, NOW, FREE)
    assert got.stake == pytest.approx(allowed)
    assert bool(got.reason) is (allowed < stake)


@pytest.mark.parametrize(
    ("settings", "given", "reason"),
    [
        ({}, {"decision": Decision(Trading.REDUCING, 0.5, reason="-4%")}, "-4%"),
        ({}, {"decision": Decision(Trading.HALTED, 0.0, reason="-9%")}, "-9%"),
        ({"exposure": ExposureLimits(max_pair=0.2)}, {}, "exposure in the pair 0.20 of 0.20"),
        ({"exposure": ExposureLimits(max_side=0.2)}, {}, "exposure on the side 0.20 of 0.20"),
        # Less than an order is left.
        ({"exposure": ExposureLimits(max_pair=0.2001)}, {}, "exposure in the pair"),
    ],
)
def test_an_addition_that_is_refused(settings, given, reason):
    case = Case(replace(SETTINGS, **settings))
    trade = held(BTC, amount=20.0)
    trade.stop_loss = 95.0
    got = case.entries.addition(trade, 100.0, 100.0, NOW, given.get("decision", FREE))
    assert got.stake == 0
    assert reason in got.reason


@pytest.mark.parametrize("exposure", [True, False])
@pytest.mark.parametrize(
    ("factor", "sized", "expected"),
    [(0.5, False, 50.0), (0.5, True, 100.0), (1.0, False, 100.0), (0.001, False, 0.0)],
)
def test_the_breakers_cut_an_addition_but_not_what_they_have_cut(exposure, factor, sized, expected):
    case = Case(replace(SETTINGS, use=replace(SETTINGS.use, exposure=exposure)))
    decision = Decision(Trading.ACTIVE, factor, reason="a test")
    got = case.entries.addition(held(BTC), 100.0, 100.0, NOW, decision, sized=sized)
    assert got.stake == pytest.approx(expected)
    assert got.reason == ("a test" if expected < 100.0 else "")


def test_an_addition_of_unknown_equity_is_refused():
    case = Case(profit=nan)
    assert case.entries.addition(held(BTC), 100.0, 100.0, NOW, FREE).stake == 0


@pytest.mark.parametrize("off", ["sizing", "exposure"])
def test_without_limits_an_addition_is_what_it_is(off):
    case = Case(replace(SETTINGS, use=replace(Switches(), **{off: False})))
    assert case.entries.addition(held(BTC), 9_000.0, 100.0, NOW, FREE).stake == 9_000

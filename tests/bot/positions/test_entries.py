"""Leverage and stake of an entry, or the reason why there is none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import floor, inf, nan

import pytest
from freqtrade.persistence import Trade
from hypothesis import given
from hypothesis import strategies as st

from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.breakers.breaker import Decision, Trading
from perpkit.risk.exposure import ExposureLimits
from perpkit.risk.leverage import LeverageLimit
from perpkit.risk.sizing import Basis, SizingRule
from perpkit.risk.stops import EntryStop
from tests.bot import stack
from tests.bot.positions.entering import FREE, SETTINGS, Case, held
from tests.bot.stack import BTC, ETH, LTC, NOW, candidate
from tests.cases import cases

pytestmark = pytest.mark.usefixtures("trades_in_memory")


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

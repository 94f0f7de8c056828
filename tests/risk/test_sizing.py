"""Sizing: how much, what bound it, and a reason for every refusal."""

import math
import re
from dataclasses import replace

import pytest
from ccxt import TICK_SIZE
from freqtrade.exchange import amount_to_contract_precision
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.exposure import ExposureLimits, Holding, Limit, PlannedEntry, Room
from perpkit.risk.sizing import (
    Basis,
    Size,
    SizingRule,
    Terms,
    floor_to_step,
    least_notional,
    size,
)
from tests.cases import cases

NAN = math.nan
RULE = SizingRule()
LIMITS = ExposureLimits()
ENTRY = PlannedEntry("BTC", False, 0.05, 2.0)
TERMS = Terms(price=100.0, amount_step=0.01, min_stake=5.0, max_stake=1000.0)
HELD = (Holding("ETH", 500.0, 10.0, 250.0),)


def unrelated(first: str, second: str) -> float:
    return float(first == second)


def sized(rule=RULE, limits=LIMITS, equity=1000.0, holdings=(), entry=ENTRY, **terms) -> Size:
    return size(rule, limits, equity, holdings, entry, TERMS._replace(**terms), unrelated)


@pytest.mark.parametrize(
    ("given", "notional"),
    [
        ({}, 200),  # 1% of 1000 lost over 5%
        ({"equity": 500}, 100),
        ({"entry": ENTRY._replace(stop_distance=0.02)}, 500),
        ({"entry": ENTRY._replace(leverage=4.0)}, 200),
        ({"entry": ENTRY._replace(is_short=True)}, 200),
        ({"confidence": 0.7}, 140),
        ({"confidence": 3.0}, 200),
        ({"size_factor": 0.5, "confidence": 0.7}, 70),
        ({"size_factor": 2.0}, 200),
        ({"fixed_stake": 100.0}, 200),
        ({"kelly": 1.5}, 300),
        ({"share": 0.25}, 50),
        ({"share": 0.5, "confidence": 0.7, "size_factor": 0.5}, 35),
        ({"share": 2.0}, 200),
        ({"rule": SizingRule(risk_per_trade=0.02)}, 400),
        ({"rule": SizingRule(Basis.VOLATILITY), "vol_annual": 0.6}, 200),
        ({"rule": SizingRule(Basis.VOLATILITY), "vol_annual": 1.2, "confidence": 0.5}, 50),
    ],
)
def test_the_size_in_full(given, notional):
    answer = sized(**given)
    assert answer.stake * given.get("entry", ENTRY).leverage == pytest.approx(notional)
    assert answer[1:] == (None, "")


@pytest.mark.parametrize(
    ("given", "stake", "limit", "reason"),
    [
        (
            {"entry": ENTRY._replace(stop_distance=0.005)},
            500,
            Limit.PAIR,
            "cut from 2000.00 to 1000.00: exposure in the pair 0.00 of 1.00 x equity in use",
        ),
        (
            {"fixed_stake": 60.0},
            60,
            Limit.STAKE,
            "cut from 200.00 to 120.00: stake_amount allows 60.00 of margin",
        ),
        (
            {"fixed_stake": 60.0, "size_factor": 0.5},
            30,
            Limit.STAKE,
            "cut from 100.00 to 60.00: stake_amount allows 30.00 of margin",
        ),
        ({"fixed_stake": NAN}, 0, Limit.STAKE, "stake_amount allows nan of margin"),
        (
            {"max_stake": 80.0},
            80,
            Limit.BALANCE,
            "cut from 200.00 to 160.00: balance or exchange maximum is 0.16 x equity",
        ),
        (
            {"limits": replace(LIMITS, max_open_risk=0.015), "holdings": HELD},
            50,
            Limit.OPEN_RISK,
            "cut from 200.00 to 100.00: open risk 1.00% of 1.50% of equity in use",
        ),
        (
            {"limits": replace(LIMITS, max_gross=0.5), "holdings": HELD},
            0,
            Limit.GROSS,
            "gross exposure 0.50 of 0.50 x equity in use",
        ),
        (
            {"limits": replace(LIMITS, max_positions=1), "holdings": HELD},
            0,
            Limit.POSITIONS,
            "open positions 1 of 1",
        ),
        (
            {"min_stake": 100.01},
            0,
            Limit.MINIMUM,
            "order of 200.00 is below the smallest of 200.02",
        ),
        (
            {"amount_step": 1.5, "min_stake": 76.0},
            0,
            Limit.MINIMUM,
            "order of 150.00 is below the smallest of 152.00",
        ),
        (
            {"amount_step": 3.0, "min_stake": 0.0},
            0,
            Limit.MINIMUM,
            "order of 0.00 is below the smallest of 0.00",
        ),
        (
            {"max_stake": 4.0},
            0,
            Limit.MINIMUM,
            "order of 8.00 is below the smallest of 10.00 (cut from 200.00 to 8.00: "
            "balance or exchange maximum is 0.01 x equity)",
        ),
        ({"max_stake": 0.0}, 0, Limit.BALANCE, "balance or exchange maximum is 0.00 x equity"),
        ({"max_stake": NAN}, 0, Limit.BALANCE, "balance or exchange maximum is nan x equity"),
        ({"min_stake": NAN}, 0, Limit.MINIMUM, "order of 200.00 is below the smallest of nan"),
        ({"equity": NAN}, 0, None, "equity must be above 0 for an entry, got nan"),
        ({"equity": -3.0}, 0, None, "equity must be above 0 for an entry, got -3"),
        ({"size_factor": 0.0}, 0, None, "size factor must be above 0 for an entry, got 0"),
        ({"confidence": NAN}, 0, None, "confidence must be above 0 for an entry, got nan"),
        ({"kelly": math.inf}, 0, None, "Kelly factor must be above 0 for an entry, got inf"),
        ({"price": NAN}, 0, None, "price must be above 0 for an entry, got nan"),
        ({"amount_step": 0.0}, 0, None, "amount step must be above 0 for an entry, got 0"),
        (
            {"entry": ENTRY._replace(stop_distance=0.0)},
            0,
            None,
            "stop distance must be above 0 for an entry, got 0",
        ),
        (
            {"rule": SizingRule(Basis.VOLATILITY)},
            0,
            None,
            "volatility must be above 0 for an entry, got nan",
        ),
    ],
)
def test_what_bounds_a_size_and_what_refuses_it(given, stake, limit, reason):
    answer = sized(**given)
    assert answer == (pytest.approx(stake), limit, reason)


@pytest.mark.parametrize("field", ["notional", "risk", "margin"])
def test_a_holding_of_unknown_size_refuses(field):
    answer = sized(holdings=(HELD[0]._replace(**{field: NAN}),))
    assert answer.stake == 0
    assert "nan" in answer.reason


def test_only_the_order_not_the_stake_has_to_reach_the_minimum():
    assert sized(min_stake=100.0).stake == pytest.approx(100)
    assert sized(amount_step=1.9, min_stake=95.0).stake == pytest.approx(100)


situations = st.fixed_dictionaries(
    {
        "equity": st.floats(50, 1e6),
        "stop_distance": st.floats(0.002, 0.3),
        "leverage": st.floats(1, 20),
        "is_short": st.booleans(),
        "price": st.floats(0.001, 1e5),
        "step_digits": st.integers(0, 4),
        "min_stake": st.floats(0, 50),
        "max_stake": st.floats(0, 1e6),
        "confidence": st.floats(0.01, 1),
        "size_factor": st.floats(0.01, 1),
        "kelly": st.floats(0.25, 1.5),
        "vol_annual": st.floats(0.05, 3),
        "basis": st.sampled_from(Basis),
        "held": st.lists(
            st.tuples(st.floats(-0.8, 0.8), st.floats(0, 0.015), st.floats(0, 0.3)), max_size=3
        ),
        "correlation": st.floats(-0.5, 1),
    }
)


def answer_to(case: dict, **changed) -> Size:
    """`held` is stated over the equity of the case as drawn."""
    c = {**case, **changed}
    holdings = [
        Holding(f"P{i}", *(x * case["equity"] for x in row)) for i, row in enumerate(c["held"])
    ]
    return size(
        SizingRule(c["basis"]),
        LIMITS,
        c["equity"],
        holdings,
        PlannedEntry("BTC", c["is_short"], c["stop_distance"], c["leverage"]),
        Terms(
            c["price"],
            10.0 ** -c["step_digits"],
            c["min_stake"],
            c["max_stake"],
            c["confidence"],
            c["size_factor"],
            c["kelly"],
            c["vol_annual"],
        ),
        lambda a, b: 1.0 if a == b else c["correlation"],
    )


@cases(1000)
@given(situations, st.floats(0, 1))
def test_a_riskier_entry_never_gets_more(case, by):
    now = answer_to(case).stake
    less, more = 0.1 + 0.9 * by, 1 + 3 * by
    riskier = [
        {"stop_distance": case["stop_distance"] * more},
        {"confidence": case["confidence"] * less},
        {"size_factor": case["size_factor"] * less},
        {"kelly": case["kelly"] * less},
        {"vol_annual": case["vol_annual"] * more},
        {"equity": case["equity"] * less},
        {"max_stake": case["max_stake"] * less},
        {"min_stake": case["min_stake"] * more},
    ]
    for change in riskier:
        assert answer_to(case, **change).stake <= now * (1 + 1e-9), change


@cases(1000)
@given(situations)
def test_no_size_is_above_what_was_meant_and_every_refusal_has_its_reason(case):
    answer = answer_to(case)
    if answer.stake == 0:
        assert answer.reason
        assert re.search(r"\d|nan", answer.reason)
        return
    notional = answer.stake * case["leverage"]
    assert (answer.limit is None) == (answer.reason == "")
    assert case["min_stake"] <= answer.stake <= case["max_stake"] * (1 + 1e-9)
    if case["basis"] is Basis.RISK:
        factor = case["confidence"] * case["size_factor"] * case["kelly"]
        loss = notional * case["stop_distance"]
        assert loss <= 0.01 * case["equity"] * factor * (1 + 1e-9)
    exposures = [row[0] for row in case["held"]]
    side = -1 if case["is_short"] else 1
    own = notional / case["equity"]
    same = own + sum(abs(x) for x in exposures if x * side > 0)
    assert own <= LIMITS.max_pair + 1e-9
    assert same <= LIMITS.max_side + 1e-9
    assert own + sum(map(abs, exposures)) <= LIMITS.max_gross + 1e-9
    assert own * side + sum(exposures) <= LIMITS.max_net + 1e-9 or side < 0
    risks = own * case["stop_distance"] + sum(row[1] for row in case["held"])
    assert risks <= LIMITS.max_open_risk + 1e-9
    margin = own / case["leverage"] + sum(row[2] for row in case["held"])
    assert margin <= 1 - LIMITS.free_margin + 1e-9
    assert len(case["held"]) < LIMITS.max_positions


@cases(500)
@given(situations)
def test_freqtrade_makes_an_order_of_at_least_the_minimum_of_the_stake(case):
    """Its own arithmetic: amount = stake / rate * leverage, cut to the step."""
    answer = answer_to(case)
    if answer.stake:
        step = 10.0 ** -case["step_digits"]
        raw = answer.stake / case["price"] * case["leverage"]
        # A raw amount within rounding of a step may fall to either side of it.
        amount = amount_to_contract_precision(raw * (1 + 1e-9), step, TICK_SIZE, 1)
        assert amount > 0
        assert amount * case["price"] >= case["min_stake"] * case["leverage"] * (1 - 1e-5)


@pytest.mark.parametrize(
    ("amount", "step", "expected"),
    [(0.3, 0.1, 0.3), (0.29, 0.1, 0.2), (7.0, 1.0, 7.0), (0.0009, 0.001, 0.0), (5.0, 3.0, 3.0)],
)
def test_cut_to_the_step(amount, step, expected):
    assert floor_to_step(amount, step) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("min_cost", "min_amount", "expected"),
    [(5.0, 0.001, 7.5), (5.0, 1.0, 150.0), (None, 0.001, 0.15), (5.0, None, 7.5), (None, None, 0)],
)
def test_the_least_order_value(min_cost, min_amount, expected):
    assert least_notional(min_cost, min_amount, 100.0) == pytest.approx(expected)


@pytest.mark.parametrize("stoploss", [0.0, -0.05, -0.1, -0.6, -0.99])
@pytest.mark.parametrize("leverage", [1.0, 3.0, 20.0])
@pytest.mark.parametrize("price", [0.5, 100.0, 60_000.0])
def test_the_least_order_value_covers_every_minimum_of_freqtrade(
    futures_exchange, stoploss, leverage, price
):
    for pair in ("BTC/USDT:USDT", "ADA/USDT:USDT"):
        limits = futures_exchange.markets[pair]["limits"]
        least = least_notional(limits["cost"]["min"], limits["amount"]["min"], price)
        theirs = futures_exchange.get_min_pair_stake_amount(pair, price, stoploss, leverage)
        assert theirs * leverage <= least


@pytest.mark.parametrize(
    "bad", [{"risk_per_trade": 0}, {"risk_per_trade": 0.11}, {"vol_target_annual": NAN}]
)
def test_a_bad_parameter_is_named(bad):
    with pytest.raises(ValueError, match=f"{next(iter(bad))} must be"):
        SizingRule(**bad)


def test_a_bad_basis_is_named():
    with pytest.raises(ValueError, match="basis must be one of risk, volatility, got 'mood'"):
        SizingRule("mood")


@pytest.mark.parametrize(
    ("room", "stake", "limit"),
    [(300.0, 100.0, None), (50.0, 25.0, Limit.BUDGET), (0.0, 0.0, Limit.BUDGET),
     (NAN, 0.0, Limit.BUDGET)],
)  # fmt: skip
def test_further_limits_count_as_all_others(room, stake, limit):
    further = [Room(Limit.BUDGET, room, 0.01, 0.015, whose="trend")]
    found = size(RULE, LIMITS, 1000.0, (), ENTRY, TERMS, unrelated, further)
    assert (found.stake, found.limit) == (stake, limit)
    assert ("open risk in the budget of trend 1.00% of 1.50%" in found.reason) is bool(limit)

"""What may be added to an open trade."""

from __future__ import annotations

from dataclasses import replace
from math import nan

import pytest

from perpkit.bot.positions.parameters import Switches
from perpkit.breakers.breaker import Decision, Trading
from perpkit.risk.exposure import ExposureLimits
from tests.bot.positions.entering import FREE, SETTINGS, Case, held
from tests.bot.stack import BTC, NOW

pytestmark = pytest.mark.usefixtures("trades_in_memory")


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
    got = case.additions.allowed(trade, stake, 100.0, NOW, FREE)
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
    got = case.additions.allowed(trade, 100.0, 100.0, NOW, given.get("decision", FREE))
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
    got = case.additions.allowed(held(BTC), 100.0, 100.0, NOW, decision, sized=sized)
    assert got.stake == pytest.approx(expected)
    assert got.reason == ("a test" if expected < 100.0 else "")


def test_an_addition_of_unknown_equity_is_refused():
    case = Case(profit=nan)
    assert case.additions.allowed(held(BTC), 100.0, 100.0, NOW, FREE).stake == 0


@pytest.mark.parametrize("off", ["sizing", "exposure"])
def test_without_limits_an_addition_is_what_it_is(off):
    case = Case(replace(SETTINGS, use=replace(Switches(), **{off: False})))
    assert case.additions.allowed(held(BTC), 9_000.0, 100.0, NOW, FREE).stake == 9_000

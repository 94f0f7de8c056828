"""Funding where it was settled, and only where it adds up to what was booked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from perpkit.research.settlements import funding_per_unit, settlements
from perpkit.research.trades import Trade, TradeFill
from perpkit.risk.equity import Settlement, profit_curve

PAIR = "BTC/USDT:USDT"
HOUR = 3600.0
EIGHT = pd.date_range("1970-01-01", periods=10, freq="8h", tz="UTC")
PER_UNIT = pd.Series([0.1, 0.2, 0.4, 0.8] + [1.6] * 6, EIGHT)


def trade(*fills: TradeFill, booked: float, is_short: bool = False, closed: float | None = None):
    return Trade(PAIR, is_short, 1.0, fills[0].at, closed, 0.0, 0.0, 0.0, 0.0, booked, tuple(fills))


def enter(hour: float, amount: float) -> TradeFill:
    return TradeFill(hour * HOUR, amount, 100.0, True)


def leave(hour: float, amount: float) -> TradeFill:
    return TradeFill(hour * HOUR, amount, 100.0, False)


@pytest.mark.parametrize(
    ("fills", "booked", "expected"),
    [
        ((enter(1, 2), leave(17, 2)), -1.2, [(8, -0.4), (16, -0.8)]),
        # A settlement at the moment of an entry, and at that of an exit, is paid.
        ((enter(8, 2), leave(16, 2)), -1.2, [(8, -0.4), (16, -0.8)]),
        # Half is sold between the settlements.
        ((enter(1, 2), leave(9, 1), leave(17, 1)), -0.8, [(8, -0.4), (16, -0.4)]),
        ((enter(1, 2), enter(9, 3), leave(17, 5)), -2.4, [(8, -0.4), (16, -2.0)]),
        # As Freqtrade books it: for what was held before, and for what is left.
        ((enter(1, 2), leave(8, 1), leave(17, 1)), -1.0, [(8, -0.4), (8, -0.2), (16, -0.4)]),
        ((enter(1, 2), leave(7, 2)), 0.0, []),
    ],
)
@pytest.mark.parametrize("is_short", [False, True])
def test_each_settlement_pays_for_what_was_held(fills, booked, expected, is_short):
    sign = -1 if is_short else 1
    held = trade(*fills, booked=sign * booked, is_short=is_short, closed=fills[-1].at)
    found = settlements(held, PER_UNIT, until=0.0)
    assert [at / HOUR for at, _ in found] == [at for at, _ in expected]
    assert [funding for _, funding in found] == pytest.approx([sign * f for _, f in expected])


def test_an_open_trade_is_settled_until_the_end():
    held = trade(enter(1, 1), booked=-0.6)
    assert [one.at / HOUR for one in settlements(held, PER_UNIT, until=17 * HOUR)] == [8, 16]


@pytest.mark.parametrize("booked", [0.0, 1.2, -1.5, -0.4])
def test_what_does_not_add_up_is_not_used(booked):
    held = trade(enter(1, 2), leave(17, 2), booked=booked, closed=17 * HOUR)
    assert settlements(held, PER_UNIT, until=0.0) == ()


@pytest.mark.parametrize("column", ["funding_rate", "open"])
def test_what_a_unit_pays(column):
    rates = pd.DataFrame({"date": EIGHT[:3], column: [0.001, -0.002, 0.003]})
    marks = pd.DataFrame({"date": EIGHT[1:5], "open": [200.0, 300.0, 1.0, 1.0]})
    found = funding_per_unit(rates, marks)
    assert found.tolist() == pytest.approx([-0.4, 0.9])
    assert list(found.index) == list(EIGHT[1:3])


def test_equity_has_funding_when_it_is_settled_and_no_later():
    held = replace(trade(enter(1, 1), leave(17, 1), booked=-0.6, closed=17 * HOUR), profit=-0.6)
    times = np.array([7.0, 8, 15, 16, 17]) * HOUR
    closes = {PAIR: np.full(5, 100.0)}
    settled = held.ledger([Settlement(8 * HOUR, -0.2), Settlement(16 * HOUR, -0.4)])
    booked = held.ledger()
    assert profit_curve(times, closes, [settled]) == pytest.approx([0, -0.2, -0.2, -0.6, -0.6])
    assert profit_curve(times, closes, [booked]) == pytest.approx([0, 0, 0, 0, -0.6])

"""Equity marked to market: equal to Freqtrade's own arithmetic, at any rate and any past time."""

from __future__ import annotations

import numpy as np
import pytest
from freqtrade.persistence import LocalTrade
from hypothesis import given
from hypothesis import strategies as st

from perpkit.risk.equity import Fill, SteadyReading, TradeLedger, open_profit, profit_curve

NAN = float("nan")
BTC = "BTC/USDT:USDT"


@pytest.mark.parametrize(
    ("rate", "is_short", "fee", "funding", "expected"),
    [
        (110.0, False, 0.0, 0.0, 20.0),
        (90.0, False, 0.0, 0.0, -20.0),
        (110.0, True, 0.0, 0.0, -20.0),
        (90.0, True, 0.0, 0.0, 20.0),
        (100.0, False, 0.001, 0.0, -0.4),  # both sides pay
        (100.0, True, 0.001, 0.0, -0.4),
        (100.0, False, 0.0, -3.0, -3.0),  # funding paid
        (100.0, True, 0.0, 3.0, 3.0),  # and received
        (NAN, False, 0.0, 0.0, NAN),
    ],
)
def test_what_closing_would_bring(rate, is_short, fee, funding, expected):
    profit = open_profit(rate, 2.0, 100.0, is_short, fee, fee, funding)
    assert profit == pytest.approx(expected, nan_ok=True)


@given(
    rate=st.floats(0.01, 1e5),
    open_rate=st.floats(0.01, 1e5),
    amount=st.floats(0.001, 1e3),
    is_short=st.booleans(),
    fee_open=st.floats(0, 0.01),
    fee_close=st.floats(0, 0.01),
    funding=st.floats(-100, 100),
)
def test_equal_to_freqtrade(rate, open_rate, amount, is_short, fee_open, fee_close, funding):
    trade = LocalTrade(
        pair=BTC,
        trading_mode="futures",
        leverage=3.0,
        amount=amount,
        open_rate=open_rate,
        is_short=is_short,
        fee_open=fee_open,
        fee_close=fee_close,
        funding_fees=funding,
        realized_profit=0.0,
    )
    trade.recalc_open_trade_value()
    ours = open_profit(rate, amount, open_rate, is_short, fee_open, fee_close, funding)
    assert ours == pytest.approx(trade.calc_profit(rate), rel=1e-9, abs=2e-8)


# 2 bought at 100, 1 more at 130, 1 sold at 120, the other 2 sold at 90; 1% fees, funding of -1, -2.
LONG = (
    Fill(0, 2, 100, 0.01),
    Fill(10, 1, 130, 0.01, -1.0),
    Fill(20, -1, 120, 0.01, -2.0),
    Fill(30, -2, 90, 0.01),
)
SPENT = [-202.0, -202 - 131.3 - 1, -202 - 131.3 - 1 + 118.8 - 2]


@pytest.mark.parametrize(
    ("at", "price", "expected"),
    [
        (-5.0, 100, 0.0),
        (0.0, 100, SPENT[0] + 2 * 99),
        (5.0, 150, SPENT[0] + 2 * 148.5),
        (10.0, 150, SPENT[1] + 3 * 148.5),
        (25.0, 110, SPENT[2] + 2 * 108.9),
        (25.0, NAN, SPENT[2] + 2 * 118.8),  # no price: as at the last fill
        (30.0, 999, -39.3),
        (99.0, NAN, -39.3),
    ],
)
@pytest.mark.parametrize("direction", [1, -1])
def test_a_trade_of_several_fills(at, price, expected, direction):
    """A short is the mirror of it, but for the fees, which a ledger without any shows."""
    fills = LONG
    if direction == -1:
        fills = tuple(f._replace(amount=-f.amount, fee=0.0, funding=0.0) for f in LONG)
        free = tuple(f._replace(fee=0.0, funding=0.0) for f in LONG)
        expected = -curve_at(at, price, TradeLedger(BTC, free, 0.0))
        assert curve_at(at, price, TradeLedger(BTC, fills, 0.0)) == pytest.approx(expected)
    else:
        ledger = TradeLedger(BTC, fills, 0.01, closed_at=30.0, profit=-39.3)
        assert curve_at(at, price, ledger) == pytest.approx(expected)


def curve_at(at: float, price: float, ledger: TradeLedger) -> float:
    return float(profit_curve(np.array([at]), {BTC: np.array([price])}, [ledger])[0])


def test_trades_add_up_and_closed_ones_keep_their_profit():
    times = np.array([0.0, 1, 2, 3])
    first = TradeLedger(BTC, (Fill(0, 1, 10, 0), Fill(2, -1, 13, 0)), 0.0, closed_at=2, profit=3.5)
    second = TradeLedger("ETH/USDT:USDT", (Fill(1, -2, 20, 0),), 0.0)
    closes = {BTC: np.array([10.0, 11, 12, 13]), "ETH/USDT:USDT": np.array([20.0, 20, 21, 18])}
    assert profit_curve(times, closes, [first, second]).tolist() == [0.0, 1.0, 1.5, 7.5]


def test_no_trades_no_profit():
    assert profit_curve(np.array([0.0, 1.0]), {}, []).tolist() == [0.0, 0.0]


@st.composite
def histories(draw: st.DrawFn) -> tuple[np.ndarray, list[TradeLedger], dict[str, np.ndarray]]:
    times = np.arange(30.0)
    fills = draw(
        st.lists(
            st.builds(
                Fill,
                st.integers(0, 29).map(float),
                st.integers(-5, 5).map(float),
                st.integers(50, 150).map(float),
                st.just(0.0005),
                st.integers(-2, 2).map(float),
            ),
            min_size=1,
            max_size=8,
        )
    )
    prices = draw(st.lists(st.integers(50, 150).map(float), min_size=30, max_size=30))
    return times, [TradeLedger(BTC, tuple(sorted(fills)), 0.0005)], {BTC: np.array(prices)}


@given(histories(), st.integers(1, 29))
def test_what_comes_later_changes_no_past_value(history, known):
    times, [ledger], closes = history
    whole = profit_curve(times, closes, [ledger])[:known]
    seen = TradeLedger(BTC, tuple(f for f in ledger.fills if f.at <= known - 1), 0.0005)
    part = profit_curve(times[:known], {BTC: closes[BTC][:known]}, [seen] if seen.fills else [])
    assert whole == pytest.approx(part)


@pytest.mark.parametrize(
    ("readings", "used"),
    [
        ([(0, 100.0)], [100.0]),
        # a stake that has left the balance, and is not yet known to be lost or won
        ([(0, 100.0), (5, 67.0), (10, 100.05), (15, 67.0)], [100.0, 100.0, 100.05, 100.05]),
        ([(0, 100.0), (5, 67.0), (64, 67.0), (65, 67.0)], [100.0, 100.0, 100.0, 67.0]),
        # it must stand still all the time
        ([(0, 100.0), (5, 67.0), (40, 60.0), (70, 60.0)], [100.0, 100.0, 100.0, 100.0]),
        ([(0, 100.0), (5, 67.0), (40, 100.0), (70, 67.0)], [100.0, 100.0, 100.0, 100.0]),
    ],
)
def test_a_figure_that_jumps_is_believed_when_it_has_stood_still(readings, used):
    reading = SteadyReading(steady=60)
    assert [reading.read(at, value) for at, value in readings] == used

"""What entries are decided by: equity, other positions, volatility, Kelly, cross margin."""

from __future__ import annotations

from dataclasses import replace
from math import nan, sqrt

import pytest
from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.positions.parameters import Switches
from perpkit.risk.exposure import ExposureLimits
from perpkit.risk.kelly import KellyRule
from perpkit.risk.leverage import LeverageLimit
from perpkit.risk.sizing import Basis, SizingRule
from tests.bot import stack
from tests.bot.positions.entering import SETTINGS, Case, flat, held
from tests.bot.stack import BTC, ETH, LTC, NOW

pytestmark = pytest.mark.usefixtures("trades_in_memory")

CROSS = {"margin_mode": "cross"}


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


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, 11_000),
        ({"tradable_balance_ratio": 0.5}, 6_000),
        ({"tradable_balance_ratio": 0.5, "available_capital": 10_000}, 11_000),
    ],
)
def test_equity_is_what_may_be_traded_with_marked_to_market(config, expected):
    assert Case(profit=1_000.0, config=config).figures.equity(NOW) == expected
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

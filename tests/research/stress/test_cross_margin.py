"""An account in cross margin: when all of it is liquidated, worked out by hand."""

from __future__ import annotations

import pytest

from perpkit.research.stress.cross_margin import CrossMargin
from perpkit.risk.liquidation import MaintenanceTier, MaintenanceTiers
from tests.research.stress.handmade import OTHER, PAIR, Prices, at, fill, results, trade

TIERS = MaintenanceTiers((MaintenanceTier(0, 0.01, 0, 50),))
NO_FEE = CrossMargin(liquidation_fee=0.0)
FALLING = [100.0, 100.0, 95.0, 90.0, 85.0, 85.0, 85.0, 85.0, 85.0, 85.0]
BTC_LONG = trade(fill(1, 100, 100, True), fill(8, 100, 85, False), profit=-1500.0)
NEXT = trade(fill(8, 1, 85, True), fill(9, 1, 85, False))


def after(model, *trades, tiers=TIERS, balance=1000.0, **closes):
    return model.account(results(*trades, balance=balance), Prices(**closes), lambda _: tiers)


def test_a_long_that_the_wallet_can_no_longer_carry():
    # 1000 + 100 (p - 100) = 0.01 x 100 p, at 9000 / 99 = 90.909: within the candle of hour 3,
    # which goes from 90 to 89.1 and so begins below it: closed at its open.
    found = after(NO_FEE, BTC_LONG, NEXT, BTC=FALLING)
    (cut,) = found.trades
    assert (cut.exit_reason, cut.closed) == ("liquidation", pytest.approx(at(4), abs=0.01))
    assert cut.fills[-1].rate == pytest.approx(90.0)
    assert cut.profit == pytest.approx(-1000.0)


@pytest.mark.parametrize(
    ("balance", "rate"),
    [
        # b + 100 (p - 100) = p, at (10,000 - b) / 99, if that is in a candle's way down.
        (1090.0, 90.0),
        (1130.0, (10_000 - 1130) / 99),
        (1160.0, (10_000 - 1160) / 99),
    ],
)
def test_it_is_closed_where_the_equity_meets_the_margin(balance, rate):
    (cut,) = after(NO_FEE, BTC_LONG, balance=balance, BTC=FALLING).trades
    assert cut.fills[-1].rate == pytest.approx(rate)
    # What is left is the maintenance margin.
    assert balance + cut.profit == pytest.approx(rate, abs=1e-3)


def test_the_fee_is_paid_by_the_margin_at_most():
    (cut,) = after(CrossMargin(0.0125), BTC_LONG, balance=1130.0, BTC=FALLING).trades
    assert 1130 + cut.profit == pytest.approx(0, abs=1e-3)
    (cut,) = after(CrossMargin(0.004), BTC_LONG, balance=1130.0, BTC=FALLING).trades
    rate = (10_000 - 1130) / 99
    assert 1130 + cut.profit == pytest.approx(rate * 0.6, abs=1e-3)


def test_another_position_that_wins_carries_it():
    winner = trade(fill(1, 100, 50, True), fill(8, 100, 65, False), profit=1500.0, pair=OTHER)
    rising = [50.0, 50.0, 55.0, 60.0, 65.0, 65.0, 65.0, 65.0, 65.0, 65.0]
    found = after(NO_FEE, BTC_LONG, winner, BTC=FALLING, ETH=rising)
    assert [one.exit_reason for one in found.trades] == ["", ""]


def test_another_position_that_loses_takes_it_along():
    loser = trade(fill(1, 100, 50, True), fill(8, 100, 45, False), profit=-500.0, pair=OTHER)
    level = [50.0, 50.0, 47.5, 45.0, 42.5, 45.0, 45.0, 45.0, 45.0, 45.0]
    found = after(NO_FEE, BTC_LONG, loser, balance=2000.0, BTC=FALLING, ETH=level)
    # Alone, it would have been carried: 2000 - 1500 is left, and the margin 85.
    assert {one.exit_reason for one in found.trades} == {"liquidation"}
    alone = after(NO_FEE, BTC_LONG, balance=2000.0, BTC=FALLING)
    assert alone.trades == (BTC_LONG,)


def test_a_short_is_liquidated_by_a_rise():
    rising = [100.0, 100.0, 100.0, 109.0, 109.0, 109.0, 109.0, 109.0, 109.0, 109.0]
    short = trade(fill(1, 100, 100, True), fill(8, 100, 109, False), profit=-900.0, is_short=True)
    (cut,) = after(NO_FEE, short, BTC=rising).trades
    # 1000 + 100 (100 - p) = p at 11,000 / 101 = 108.91; the candle opens at 109.
    assert (cut.exit_reason, cut.fills[-1].rate) == ("liquidation", pytest.approx(109.0))


def test_what_was_closed_before_stays():
    before = trade(fill(1, 1, 100, True), fill(2, 1, 95, False), profit=-5.0)
    late = trade(fill(2, 100, 95, True), fill(8, 100, 85, False), profit=-1000.0)
    found = after(NO_FEE, before, late, NEXT, BTC=[*FALLING[:4], 80.0, *FALLING[5:]])
    assert found.trades[0] == before
    assert [one.exit_reason for one in found.trades] == ["", "liquidation"]


def test_only_the_candles_in_which_it_is_held_can_hit_it():
    """From 02:00 to 04:00: the candles of hours 2 and 3, of which one falls to a tenth."""
    held = trade(fill(2, 100, 100, True), fill(4, 100, 100, False))
    for hour in range(6):
        closes = [10.0 if hour == each else 100.0 for each in range(6)]
        found = after(NO_FEE, held, BTC=closes).trades[0]
        assert (found.exit_reason == "liquidation") is (hour in (2, 3)), hour


def test_without_tiers_or_candles_it_is_refused():
    with pytest.raises(ValueError, match=f"needs leverage tiers of every pair, got none of {PAIR}"):
        after(NO_FEE, BTC_LONG, tiers=None, BTC=FALLING)
    with pytest.raises(ValueError, match=f"needs candles of every pair, got none of {PAIR}"):
        after(NO_FEE, BTC_LONG, ETH=FALLING)

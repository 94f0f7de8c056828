"""Limits of contracts: those on record are kept, and scaled ones come near them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.venue.market.contract_rules import instrument
from perpkit.venue.market.instruments import ContractType, decimals_of
from perpkit.venue.market.limits import decade, scaled
from perpkit.venue.market.recorded_contracts import RECORDED
from perpkit.venue.market.underlyings import Underlying

# Prices and daily turnovers, rounded, of about the time the filters were recorded.
TRADED = {
    "BTC/USDT": (37_000, 12e9),
    "ETH/USDT": (2_000, 6e9),
    "LTC/USDT": (70, 3e8),
    "XRP/USDT": (0.6, 8e8),
    "ADA/USDT": (0.38, 3e8),
    "BNB/USDT": (550, 1e9),
    "SOL/USDT": (190, 5e9),
    "DOGE/USDT": (0.16, 2.5e9),
    "TRX/USDT": (0.1, 1e8),
    "ATOM/USDT": (11, 1.5e8),
    "VET/USDT": (0.04, 1e8),
    "NEO/USDT": (15, 1e8),
    "KEY/USDT": (0.007, 3e7),
    "COMBO/USDT": (1, 3e7),
    "NMR/USDT": (30, 3e7),
    "MAV/USDT": (0.7, 5e7),
    "VANRY/USDT": (0.3, 3e7),
    "ETHFI/USDT": (4, 2e8),
    "XAU/USDT": (4_500, 3e9),
    "ETH/USDC": (2_600, 1e9),
}
ISSUE = ("BTC/USDT", "ETH/USDT", "LTC/USDT", "XRP/USDT", "ADA/USDT")

prices = st.floats(math.log(0.0005), math.log(100_000)).map(math.exp)
turnovers = st.floats(math.log(1e5), math.log(3e10)).map(math.exp)


def apart(one: float, other: float) -> float:
    return max(one / other, other / one)


@pytest.mark.parametrize("name", TRADED)
def test_the_scaled_market_lot_is_within_a_factor_of_five_of_the_recorded(name):
    recorded, mine = RECORDED[name].limits, scaled(*TRADED[name])
    assert apart(mine.max_market_quantity, recorded.max_market_quantity) <= 5


@pytest.mark.parametrize("name", ISSUE)
def test_the_scaled_lot_is_within_a_factor_of_five_of_the_recorded(name):
    recorded, mine = RECORDED[name].limits, scaled(*TRADED[name])
    assert apart(mine.max_quantity, recorded.max_quantity) <= 5


def test_half_of_all_scaled_lots_are_within_a_factor_of_five():
    """Contracts of 2020 and 2021 may take far more at a limit than others."""
    factors = [
        apart(scaled(*TRADED[name]).max_quantity, RECORDED[name].limits.max_quantity)
        for name in TRADED
    ]
    assert sorted(factors)[len(factors) // 2] <= 5
    assert max(factors) <= 60


@pytest.mark.parametrize("name", TRADED)
def test_scaled_grids_are_within_a_decimal_of_the_recorded(name):
    recorded, mine = RECORDED[name].limits, scaled(*TRADED[name])
    assert apart(mine.tick_size, recorded.tick_size) <= 10.01
    assert apart(mine.step_size, recorded.step_size) <= 10.01


@pytest.mark.parametrize("name", TRADED)
def test_scaled_fees_and_bounds_are_near_the_recorded(name):
    recorded = RECORDED[name].limits
    mine = scaled(*TRADED[name], tradfi=name == "XAU/USDT")
    assert abs(mine.liquidation_fee - recorded.liquidation_fee) <= 0.0051
    assert apart(mine.bound, recorded.bound) <= 3.01


@pytest.mark.parametrize(
    ("name", "lots"),
    [
        ("BTC/USDT", (1_000, 120)),
        ("ETH/USDT", (10_000, 2_000)),
        ("LTC/USDT", (10_000, 5_000)),
        ("XRP/USDT", (10_000_000, 2_000_000)),
        ("ADA/USDT", (2_000_000, 300_000)),
    ],
)
def test_known_contracts_have_the_lots_on_record(name, lots):
    base, quote = name.split("/")
    made = instrument(base, *TRADED[name], quote=quote)
    assert (made.max_quantity, made.max_market_quantity) == lots


@given(prices, turnovers)
def test_every_scaled_contract_can_be_traded(price, turnover):
    limits = scaled(price, turnover)
    assert limits.min_price <= limits.tick_size
    assert limits.tick_size <= price * 4e-4
    assert limits.max_price >= 20 * price
    assert limits.step_size <= limits.max_market_quantity <= limits.max_quantity
    # The least order is no more than about 5 USDT, or one step of what is dear.
    assert limits.step_size * price <= max(5, price / 999)
    # 121 USDT at market, but not a day's turnover.
    assert limits.max_market_quantity * price >= 121
    assert limits.max_market_quantity * price <= max(turnover, 10_000)
    assert decimals_of(limits.tick_size) <= limits.price_precision <= 8
    for value in (limits.max_quantity, limits.max_market_quantity, limits.max_price):
        assert f"{value:.0e}"[0] in "125"
        assert float(f"{value:.0e}") == value


@given(prices, turnovers, st.floats(2.1, 100))
def test_lots_grow_with_turnover_and_shrink_with_price(price, turnover, factor):
    limits = scaled(price, turnover)
    richer, dearer = scaled(price, turnover * factor), scaled(price * factor, turnover)
    assert richer.max_market_quantity >= limits.max_market_quantity
    assert dearer.max_market_quantity <= limits.max_market_quantity
    assert richer.liquidation_fee <= limits.liquidation_fee
    assert richer.bound <= limits.bound


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1), (1.4, 1), (1.5, 2), (3.1, 2), (3.2, 5), (7, 5), (7.2, 10), (99, 100), (0.0033, 0.005),
     (6e9, 5e9), (1e-8, 1e-8)],
)  # fmt: skip
def test_decades(value, expected):
    assert decade(value) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 1e6), "price must be positive, got 0"),
        ((math.inf, 1e6), "price must be positive, got inf"),
        ((1, -1), "turnover must not be negative, got -1"),
        ((1, math.nan), "turnover must not be negative, got nan"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        scaled(*arguments)


@pytest.mark.parametrize(
    ("base", "underlying", "kind"),
    [
        ("ABC", Underlying.COIN, ContractType.PERPETUAL),
        ("BTCDOM", Underlying.INDEX, ContractType.PERPETUAL),
        ("XAG", Underlying.COMMODITY, ContractType.TRADIFI_PERPETUAL),
        ("TSLA", Underlying.EQUITY, ContractType.TRADIFI_PERPETUAL),
        ("SAMSUNG", Underlying.KR_EQUITY, ContractType.TRADIFI_PERPETUAL),
        ("OPENAI", Underlying.PREMARKET, ContractType.TRADIFI_PERPETUAL),
        ("龙虾", Underlying.COIN, ContractType.PERPETUAL),
    ],
)
def test_what_a_contract_is_on_says_its_type(base, underlying, kind):
    made = instrument(base, 10, 1e8)
    assert (made.underlying, made.contract_type) == (underlying, kind)
    assert made.bound == (0.02 if underlying.tradfi else 0.1)


def test_prices_of_other_times_are_not_refused_by_the_bounds_on_record():
    """BTC was at 300 once; its least price on record is 556.80."""
    made = instrument("BTC", 300, 1e8)
    assert (made.min_price, made.max_quantity) == (0.1, 1_000)
    assert made.max_price > 300 * 20


def test_stored_grids_finer_than_those_on_record_are_kept():
    made = instrument("BTC", 60_000, 9e9, grids=(0.01, 0.001))
    assert (made.tick_size, made.price_decimals, made.step_size) == (0.01, 3, 0.001)
    coarser = instrument("BTC", 60_000, 9e9, grids=(1.0, 1.0))
    assert (coarser.tick_size, coarser.price_decimals, coarser.step_size) == (0.1, 2, 0.001)

"""Values and profits of trades: equal to Freqtrade's to the last bit, for any trade."""

from __future__ import annotations

import math

import numpy as np
import pytest
from freqtrade.enums import TradingMode
from freqtrade.exchange import price_to_precision
from freqtrade.exchange.exchange_utils import ROUND, ROUND_DOWN, ROUND_UP, TICK_SIZE
from freqtrade.optimize import backtesting
from freqtrade.persistence import LocalTrade, trade_model
from freqtrade.util import FtPrecise
from hypothesis import assume, given
from hypothesis import strategies as st

from perpkit.bot.acceleration import exact, profits
from perpkit.bot.acceleration.profits import PROFITS
from tests.bot.acceleration.conftest import both_ways
from tests.cases import cases
from tests.factories import START

# As exchanges have them, as arithmetic makes them, and as nobody does.
AMOUNTS = st.one_of(
    st.integers(1, 10**9).map(lambda each: each / 1000),
    st.floats(1e-9, 1e12),
    st.sampled_from([1e-7, 3e-5, 0.1, 1.0, 1e16, 1e22, 123456789.123456]),
)
RATES = st.one_of(st.integers(1, 10**9).map(lambda each: each / 10**5), AMOUNTS)
FEES = st.sampled_from([0.0, 0.0005, 0.0004, 0.001, 1e-5, 0.00045000000000000004, 0.1 + 0.2])
FUNDING = st.one_of(st.none(), st.just(0), st.floats(-1e6, 1e6))
STOCK = {
    name: getattr(LocalTrade, name)
    for name in ("calc_close_trade_value", "calc_profit_ratio", "_calc_open_trade_value")
}


@st.composite
def trades(draw):
    found = LocalTrade(
        id=1,
        pair="BTC/USDT:USDT",
        amount=draw(AMOUNTS),
        open_rate=draw(RATES),
        stake_amount=1.0,
        open_date=START,
        fee_open=draw(FEES),
        fee_close=draw(FEES),
        is_short=draw(st.booleans()),
        leverage=draw(st.sampled_from([1, 1.0, 3.0, 7.5])),
        trading_mode=draw(st.sampled_from([TradingMode.FUTURES, TradingMode.SPOT])),
    )
    found.funding_fees = draw(FUNDING)
    return found


def same(ours, stock):
    assert type(ours) is type(stock)
    assert ours.hex() == stock.hex()


@cases(200)
@given(trades(), RATES, st.one_of(st.none(), AMOUNTS), st.one_of(st.none(), RATES))
def test_values_and_profits_are_freqtrades(trade, rate, amount, open_rate):
    same(
        profits.close_value(trade, rate, amount),
        STOCK["calc_close_trade_value"](trade, rate, amount),
    )
    ours = profits.profit_ratio(trade, rate, amount, open_rate)
    same(ours, STOCK["calc_profit_ratio"](trade, rate, amount, open_rate))


@cases(200)
@given(trades(), RATES, AMOUNTS, st.booleans())
def test_the_value_at_the_entry_is_freqtrades(trade, rate, amount, precise):
    size, price = (FtPrecise(amount), FtPrecise(rate)) if precise else (amount, rate)
    same(
        profits.open_value(trade, size, price), STOCK["_calc_open_trade_value"](trade, size, price)
    )


@pytest.mark.parametrize("rate", [None, math.nan, math.inf, "x"])
def test_what_is_no_price_fails_as_in_freqtrade(rate):
    trade = LocalTrade(
        amount=1.0, open_rate=1.0, open_date=START, trading_mode=TradingMode.FUTURES, fee_close=0.0
    )
    outcomes = []
    for function in (profits.close_value, STOCK["calc_close_trade_value"]):
        try:
            outcomes.append(function(trade, rate))
        except Exception as error:
            outcomes.append(repr(error))
    assert outcomes[0] == outcomes[1]


@cases(200)
@given(
    st.one_of(RATES, st.floats(1e-9, 1e9)).filter(lambda price: price < 1e12),
    st.sampled_from([0.1, 0.01, 1e-5, 1e-8, 0.5, 5.0, 1]),
    st.sampled_from([ROUND, ROUND_UP, ROUND_DOWN]),
)
def test_a_price_on_a_tick_is_freqtrades(price, tick, rounding):
    ours = profits.price_to_precision(price, tick, TICK_SIZE, rounding_mode=rounding)
    same(ours, price_to_precision(price, tick, TICK_SIZE, rounding_mode=rounding))


@pytest.mark.parametrize(
    ("precision", "mode", "rounding"),
    [(None, TICK_SIZE, {}), (0.1, None, {}), (2, 2, {"rounding_mode": ROUND_UP}), (0.1, 4, {})],
)
def test_other_precisions_are_left_to_freqtrade(precision, mode, rounding):
    ours = profits.price_to_precision(1.2345, precision, mode, **rounding)
    same(ours, price_to_precision(1.2345, precision, mode, **rounding))


@pytest.mark.parametrize("module", [backtesting, trade_model], ids=lambda each: each.__name__)
@cases(60)
@given(
    RATES.filter(lambda price: 1e-4 < price < 1e9),
    st.sampled_from([float, np.float64, np.array]),
    st.sampled_from([0.1, 0.01, 1e-5]),
)
def test_a_price_or_an_amount_of_any_kind_is_freqtrades(module, number, kind, precision):
    """An array that holds one price is what `np.where` makes of single prices."""

    def both():
        return (
            module.price_to_precision(kind(number), precision, TICK_SIZE, rounding_mode=ROUND_UP),
            module.amount_to_contract_precision(kind(number), precision, TICK_SIZE, 1.0),
        )

    for ours, stock in zip(*both_ways(PROFITS, both), strict=True):
        assert type(ours) is type(stock)
        assert float(ours).hex() == float(stock).hex()


@pytest.mark.parametrize("kinds", [(float, np.float32), (np.float32, float)])
def test_a_number_of_32_bits_and_of_64_are_told_apart(kinds):
    """They are equal, and Python prints them with different digits."""
    trade = LocalTrade(
        amount=1.0, open_rate=17.0, open_date=START, trading_mode=TradingMode.FUTURES,
        fee_open=0.0005, fee_close=0.0005, is_short=False, leverage=1.0,
    )  # fmt: skip
    rate = float(np.float32(17.1))
    exact.scaled.cache_clear()
    for kind in kinds:
        stock = STOCK["calc_close_trade_value"](trade, kind(rate))
        same(profits.close_value(trade, kind(rate)), stock)
    exact.with_fee.cache_clear()
    for kind in kinds:
        stock = STOCK["calc_close_trade_value"](trade, 100.0, kind(rate))
        same(profits.close_value(trade, 100.0, kind(rate)), stock)


PRECISE = st.one_of(AMOUNTS, RATES, st.integers(-5, 5), st.just("0.25"))


@given(PRECISE, PRECISE, st.sampled_from(["__mul__", "__add__", "__sub__", "__truediv__"]))
def test_a_precise_number_is_freqtrades(one, other, operation):
    assume(other != 0)
    stock = getattr(FtPrecise(one), operation)(FtPrecise(other))
    ours = []
    for number in (one, other):
        made = FtPrecise.__new__(FtPrecise)
        profits.precise(made, number)
        ours.append(made)
    found = getattr(ours[0], operation)(ours[1])
    same(profits.precise_as_float(found), float(stock))
    assert str(found) == str(stock)


@pytest.mark.parametrize("number", [math.nan, math.inf, None, "x"])
def test_what_is_no_number_fails_as_in_freqtrade(number):
    with pytest.raises((ValueError, TypeError)) as stock:
        FtPrecise(number)
    with pytest.raises((ValueError, TypeError)) as ours:
        profits.precise(FtPrecise.__new__(FtPrecise), number)
    assert str(ours.value) == str(stock.value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_what_python_prints(number):
    integer, decimals = exact.scaled(number)
    precise = FtPrecise(number)
    assert integer * 10**precise.decimals == precise.integer * 10**decimals or decimals < 0
    same(exact.as_float(integer, decimals), float(precise))

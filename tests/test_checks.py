"""Checks of single values, and the enumerations that public functions of the core are given."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from math import nan

import numpy as np
import pandas as pd
import pytest

from perpkit.breakers.breaker import Decision, Trading
from perpkit.checks import check_range, is_number, one_of, shown
from perpkit.execution.book import Book, Side
from perpkit.execution.entry_price import Pricing, entry_price
from perpkit.execution.fills import fill_slippage
from perpkit.execution.slippage import amount_of, shortfall_bps, slippage_of
from perpkit.market.volatility import Estimator, HourlyCandles, memory_hours, vol_annual
from perpkit.risk.sizing import Basis, SizingRule
from perpkit.signals.funding_tide import ExitOn, exits

BOOK = Book(bids=((99.0, 5.0), (98.0, 5.0)), asks=((101.0, 5.0), (103.0, 5.0)))
FRAME = pd.DataFrame({"funding_rank": [0.6, 0.4, nan, 0.6], "stretch": [1.0, 1.0, 1.0, -1.0]})


class OtherSide(StrEnum):
    BUY = "buy"


def hours() -> HourlyCandles:
    close = np.linspace(100, 140, 800)
    date = pd.date_range(datetime(2024, 1, 1, tzinfo=UTC), periods=800, freq="h")
    prices = {"open": close, "high": close + 2, "low": close - 1, "close": close + 1}
    return HourlyCandles.from_frame(pd.DataFrame({"date": date, **prices}))


CALLS = [
    (Side, lambda side: BOOK.offers(side)),
    (Side, lambda side: BOOK.depth(side, 0.015)),
    (Side, lambda side: slippage_of(BOOK, side, 6.0, vol_1h=0.0)),
    (Side, lambda side: amount_of(BOOK, side, 700.0)),
    (Side, lambda side: shortfall_bps(side, 100.0, 101.0)),
    (Side, lambda side: fill_slippage(side, 100.0, 101.0, 1.0)),
    (Side, lambda side: entry_price(BOOK, side, Pricing.JOIN)),
    (Pricing, lambda pricing: entry_price(BOOK, Side.BUY, pricing)),
    (Estimator, lambda estimator: vol_annual(hours(), estimator, 24.0).tolist()[-1]),
    (Estimator, lambda estimator: memory_hours(estimator, 24.0)),
    (Trading, lambda trading: Decision(trading).trading is Trading.HALTED),
    (ExitOn, lambda on: [side.tolist() for side in exits(FRAME, on)]),
]


@pytest.mark.parametrize(("kind", "call"), CALLS)
def test_a_word_does_what_the_member_does(kind, call):
    for member in kind:
        assert call(str(member.value)) == call(member)


@pytest.mark.parametrize(("kind", "call"), CALLS)
@pytest.mark.parametrize("value", ["nonsense", None, True, 1, ["buy"], OtherSide.BUY])
def test_what_is_no_member_is_refused(kind, call, value):
    with pytest.raises(ValueError, match=r"must be one of .*, got "):
        call(value)


def test_sizes_by_volatility_when_a_word_says_so():
    """It sized by risk, with twice the stake."""
    assert SizingRule(basis="volatility").basis is Basis.VOLATILITY


@pytest.mark.parametrize(
    ("value", "whole", "number"),
    [
        (1, True, True),
        (1.0, True, False),
        (1.0, False, True),
        (True, False, False),
        ("1", False, False),
        (None, False, False),
        (np.float64(1), False, True),
    ],
)
def test_what_counts_as_a_number(value, whole, number):
    assert is_number(value, whole=whole) is number


@pytest.mark.parametrize(("value", "allowed"), [(0, True), (1, True), (1.01, False), (nan, False)])
def test_ranges_include_their_ends(value, allowed):
    if allowed:
        check_range("share", value, 0, 1)
        return
    with pytest.raises(ValueError, match=f"^share must be a number from 0 to 1, got {value}$"):
        check_range("share", value, 0, 1)


def test_one_of_several_words_or_numbers():
    assert one_of("levels", 10, (5, 10)) == 10
    assert one_of("period", "5m", {"5m": 1, "1h": 2}) == "5m"
    with pytest.raises(ValueError, match=r"^period must be one of 5m, 1h, got 5$"):
        one_of("period", 5, {"5m": 1, "1h": 2})


def test_a_long_value_is_cut():
    assert len(shown("x" * 1000)) < 250
    assert shown(10**5000) == "a very large int"


@pytest.mark.parametrize("side", ["both", None, 1, ["long"]])
def test_a_decision_about_a_side_that_does_not_exist_is_refused(side):
    with pytest.raises(ValueError, match=r"^side must be one of long, short, \*, got "):
        Decision(Trading.HALTED, side=side)

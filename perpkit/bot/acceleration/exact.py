"""Decimal arithmetic of Freqtrade's prices and amounts, in integers instead of strings.

Freqtrade computes values of trades with `FtPrecise`: the decimal number that Python prints for each
float, multiplied exactly, and the result rounded once, to the nearest float. The same number is an
integer with a count of decimals, and Python divides integers to the nearest float, too.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ccxt import Precise

# An integer and its number of decimals: (123, 2) is 1.23.
Scaled = tuple[int, int]

# Rates of a candle are asked for several times in a row, amounts and fees as long as a trade lasts.
_REMEMBERED = 4096


@lru_cache(maxsize=_REMEMBERED, typed=True)  # a number of 32 bits prints other digits
def scaled(number: Any) -> Scaled:
    """Returns the decimal number that Python prints for a float.

    :raises ValueError: if it is not a finite number
    """
    text = str(number)
    if "e" in text:
        precise = Precise(text)
        return precise.integer, precise.decimals
    before, _, after = text.partition(".")
    return int(before + after), len(after)


@lru_cache(maxsize=_REMEMBERED, typed=True)  # a number of 32 bits prints other digits
def with_fee(amount: float, fee: float, added: bool) -> Scaled:
    """Returns `amount` times one plus or minus `fee`.

    :raises ValueError: if one of them is not a finite number
    """
    (size, decimals), (part, digits) = scaled(amount), scaled(fee)
    if digits < 0:
        part, digits = part * 10**-digits, 0
    return size * (10**digits + (part if added else -part)), decimals + digits


def value(amount: float, rate: float, fee: float, added: bool) -> float:
    """Returns what an amount is worth at a rate, with the fee added or taken off.

    :raises ValueError: if one of them is not a finite number
    """
    factor, digits = with_fee(amount, fee, added)
    integer, decimals = scaled(rate)
    return as_float(factor * integer, digits + decimals)


def as_float(integer: int, decimals: int) -> float:
    """Returns the float that is nearest to a decimal number."""
    if decimals <= 0:
        return float(integer * 10**-decimals)
    return integer / (_POWERS[decimals] if decimals < len(_POWERS) else 10**decimals)


_POWERS = tuple(10**exponent for exponent in range(128))


def on_tick(price: float, tick: float, up: bool) -> float:
    """Returns the next price on a tick, rounded to 14 decimals as Freqtrade does.

    :raises ValueError, ZeroDivisionError: if one of them is not a finite number, or no tick is
    """
    (integer, decimals), (step, digits) = scaled(price), scaled(tick)
    common = max(decimals, digits)
    integer *= 10 ** (common - decimals)
    step *= 10 ** (common - digits)
    missing = integer % step
    if missing == 0:
        return price
    return round(as_float(integer - missing + (step if up else 0), common), 14)

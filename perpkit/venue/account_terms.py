"""What an account may be opened with, from the command line and by the control API."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_ACCOUNTS = 100
MAX_WALLET = Decimal(10**12)  # USDT: sums and products of it stay exact

_KEY = re.compile(r"[!-~]{1,128}")
_LEAST = Decimal("1E-8")


def is_key(text: str) -> bool:
    """An API key or a secret: visible ASCII."""
    return _KEY.fullmatch(text) is not None


def checked_key(name: str, text: str) -> str:
    """:raises ValueError: naming the field and what is allowed, and not the secret itself"""
    if not is_key(text):
        raise ValueError(f"{name} must be 1 to 128 visible ASCII characters")
    return text


def checked_wallet(value: Any) -> Decimal:
    """USDT, from text or a number.

    :raises ValueError: naming the field, the value and what is allowed
    """
    text = str(value)
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    # In this order: what is not within bounds may be too large to be rounded.
    if not (amount.is_finite() and 0 <= amount <= MAX_WALLET and amount == amount.quantize(_LEAST)):
        raise ValueError(
            f"wallet must be 0 to {MAX_WALLET} USDT with at most eight decimals, got {text[:50]!r}"
        )
    return amount + 0  # no minus before zero

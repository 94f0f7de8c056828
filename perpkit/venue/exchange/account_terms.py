"""What an account may be opened with, on the command line and through the control API."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from perpkit.venue.engine import CREDITS, USDT

MAX_ACCOUNTS = 100
MAX_WALLET = Decimal(10**12)  # per asset, so that sums and products stay exact
MARGIN_ASSETS = (USDT, "USDC")  # of the venue's contracts
# What an account in credits mode may have beside its credits: coins count as collateral.
COINS = ("BTC", "ETH", "BNB")

_KEY = re.compile(r"[!-~]{1,128}")
_LEAST = Decimal("1E-8")
_PART = re.compile(r"(?P<amount>[^A-Z]*)(?P<asset>[A-Z][A-Z0-9]*)?")


def is_key(text: str) -> bool:
    """Returns whether a text can be an API key or a secret: visible ASCII."""
    return _KEY.fullmatch(text) is not None


def checked_key(name: str, text: str) -> str:
    """Returns a key or secret that is valid.

    :raises ValueError: naming the field and what is allowed, but not the secret itself
    """
    if not is_key(text):
        raise ValueError(f"{name} must be 1 to 128 visible ASCII characters")
    return text


def checked_wallets(value: Any) -> dict[str, Decimal]:
    """Returns wallets by asset, from a USDT amount, text such as "10000USDT+500USDC" or a mapping.

    An amount of BNFCR, even 0, opens an account in credits mode.

    :raises ValueError: naming the field, the value and what is allowed
    """
    if isinstance(value, Mapping):
        parts = [(str(asset), amount) for asset, amount in value.items()]
    else:
        found = [_PART.fullmatch(part) for part in str(value).split("+")]
        parts = [(m["asset"] or USDT, m["amount"]) if m else (USDT, value) for m in found]
    wallets: dict[str, Decimal] = {}
    credited = any(asset == CREDITS for asset, _ in parts)
    allowed = (CREDITS, *MARGIN_ASSETS, *(COINS if credited else ()))
    for asset, amount in parts:
        if asset not in allowed or asset in wallets:
            more = "" if credited else f" (and {', '.join(COINS)} beside {CREDITS})"
            raise ValueError(
                f"wallet must name each of {', '.join(allowed)}{more} once at most, such as "
                f"10000USDT+500USDC, got {asset[:50]!r}"
            )
        wallets[asset] = _checked_amount(amount)
    return wallets


def _checked_amount(value: Any) -> Decimal:
    text = str(value)
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    # In this order, because an amount out of bounds may be too large to be rounded.
    if not (amount.is_finite() and 0 <= amount <= MAX_WALLET and amount == amount.quantize(_LEAST)):
        raise ValueError(
            f"wallet must be 0 to {MAX_WALLET} with at most eight decimals, got {text[:50]!r}"
        )
    return amount + 0  # turns -0 into 0

"""Numbers as the exchange writes them: with a fixed count of decimals or without trailing zeros.

Nothing is ever "-0": a value that rounds to zero has no sign.
"""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.market.instruments import Instrument

Number = float | Decimal

MONEY_DECIMALS = 8  # decimals of the exchange's accounts


def fixed(value: Number, decimals: int) -> str:
    """Exactly that many decimals: `fixed(1.5, 3)` is "1.500"."""
    text = f"{value:.{decimals}f}"
    return text[1:] if text[0] == "-" and not text.strip("-0.") else text


def plain(value: Number, decimals: int = MONEY_DECIMALS) -> str:
    """At most that many decimals, without trailing zeros: "1.5", "-20", "0"."""
    text = fixed(value, decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(value: Number) -> str:
    """Eight decimals: "31.02261200", "0.00000000"."""
    return fixed(value, MONEY_DECIMALS)


def money_or_zero(value: Number) -> str:
    """Eight decimals, but "0" for zero."""
    text = money(value)
    return text if text.strip("-0.") else "0"


def decimal_or_point(value: Number) -> str:
    """No trailing zeros, but "0.0" for zero: the form of entry prices."""
    text = plain(value)
    return "0.0" if text == "0" else text


def price_text(instrument: Instrument, value: Number) -> str:
    return fixed(value, instrument.price_decimals)


def quantity_text(instrument: Instrument, value: Number) -> str:
    return fixed(value, instrument.quantity_decimals)


def quote_text(instrument: Instrument, value: Number) -> str:
    """A price times a quantity, with the decimals of both together."""
    return fixed(value, instrument.price_decimals + instrument.quantity_decimals)

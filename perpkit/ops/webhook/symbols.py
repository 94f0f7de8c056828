"""Translates the symbols of charting services into Freqtrade's pairs."""

from __future__ import annotations

import re

# The margin currencies of Binance's USD-M perpetuals, longer ones first.
QUOTES = ("FDUSD", "USDT", "USDC", "USD1", "BTC")
_PAIR = re.compile(rf"(?P<base>[^\s/:]+)/(?P<quote>{'|'.join(QUOTES)})(:(?P=quote))?")
_SYMBOL = re.compile(rf"(BINANCE:)?(?P<base>[^\s/:.]+?)(?P<quote>{'|'.join(QUOTES)})(\.P|PERP)?")


def pair_of(symbol: str) -> str:
    """Returns the pair of a symbol.

    :param symbol: `BTCUSDT.P`, `BINANCE:BTCUSDT.P`, `BTCUSDT`, `BTCUSDTPERP`, `BTC/USDT:USDT` or
        `BTC/USDT`, in any case
    :raises ValueError: for anything else, symbols of another exchange included; it does not repeat
        what was given, which may be a secret in the wrong field

    >>> pair_of("BINANCE:1000PEPEUSDT.P")
    '1000PEPE/USDT:USDT'
    """
    given = symbol.strip().upper()
    found = _PAIR.fullmatch(given) or _SYMBOL.fullmatch(given)
    if found is None:
        raise ValueError(
            "must be a perpetual of Binance as BTCUSDT.P, BINANCE:BTCUSDT.P, BTCUSDT or "
            f"BTC/USDT:USDT, in {', '.join(QUOTES)}"
        )
    base, quote = found["base"], found["quote"]
    return f"{base}/{quote}:{quote}"

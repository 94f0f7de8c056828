"""What ccxt raises, in words that may be printed."""

from __future__ import annotations

import ccxt
import pytest

from perpkit.ops.refusals import RefusalCause, refusal_of
from tests.bench.planted import KEY, MARK

URL = f"https://fapi.binance.com/fapi/v1/order?symbol=X&timestamp=1&apiKey={KEY}&signature=abc123"


@pytest.mark.parametrize(
    ("error", "why", "text"),
    [
        (
            ccxt.InvalidNonce('binance {"code":-1021,"msg":"Ahead."}'),
            RefusalCause.CLOCK,
            "Ahead (-1021)",
        ),
        (
            ccxt.AuthenticationError('binance {"code":-1022,"msg":"Bad signature."}'),
            RefusalCause.SIGNATURE,
            "Bad signature (-1022)",
        ),
        (
            ccxt.AuthenticationError('binance {"code":-2014,"msg":"F"}'),
            RefusalCause.FORMAT,
            "F (-2014)",
        ),
        (
            ccxt.AuthenticationError('x {"code":-2008,"msg":"U"}'),
            RefusalCause.UNKNOWN_KEY,
            "U (-2008)",
        ),
        (ccxt.AuthenticationError('x {"code":-2015,"msg":"R"}'), RefusalCause.RIGHTS, "R (-2015)"),
        # ccxt takes a key that has worked before for banned.
        (ccxt.DDoSProtection('x {"code":-2015,"msg":"R"}'), RefusalCause.RIGHTS, "R (-2015)"),
        (
            ccxt.RateLimitExceeded('x {"code":-1003,"msg":"Slow"}'),
            RefusalCause.TOO_MANY,
            "Slow (-1003)",
        ),
        (
            ccxt.DDoSProtection(f"binance GET {URL} 429 "),
            RefusalCause.TOO_MANY,
            "too many requests",
        ),
        (ccxt.RequestTimeout(f"binance GET {URL}"), RefusalCause.UNANSWERED, "no answer in time"),
        (
            ccxt.ExchangeNotAvailable(f"binance GET {URL} 503 <html>{URL}</html>"),
            RefusalCause.UNANSWERED,
            "no answer (ExchangeNotAvailable)",
        ),
        (ccxt.ExchangeError('x {"code":-4061,"msg":"Side."}'), RefusalCause.OTHER, "Side (-4061)"),
        (ccxt.BadResponse(f"binance {URL} {{not json}}"), RefusalCause.OTHER, "BadResponse"),
        (ccxt.ExchangeError('x {"code":"a","msg":"b"}'), RefusalCause.OTHER, "ExchangeError"),
        (ccxt.ExchangeError("x []"), RefusalCause.OTHER, "ExchangeError"),
    ],
    ids=range(14),
)
def test_words(error, why, text):
    refusal = refusal_of(error)
    assert (refusal.why, str(refusal)) == (why, text)
    assert "signature=" not in text
    assert MARK not in text


def test_long_words_are_cut():
    assert len(refusal_of(ccxt.ExchangeError(f'{{"code":-1,"msg":"{"x" * 9999}"}}')).words) == 300

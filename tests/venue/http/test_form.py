"""Parameters by their letters: what the exchange reads, and what it refuses to."""

from __future__ import annotations

from decimal import Decimal

import pytest
from fastapi.testclient import TestClient

from perpkit.venue.errors import VenueError
from perpkit.venue.http.app import create_app
from perpkit.venue.http.form import MAX_PARAMETERS, decimal, integer, read_parameters

FORM = "application/x-www-form-urlencoded"
MANY = "&".join(f"p{number}=1" for number in range(MAX_PARAMETERS)).encode()


@pytest.mark.parametrize(
    ("query", "body", "kind", "expected"),
    [
        (b"", b"", "", {}),
        (b"a=1&b=2", b"", "", {"a": "1", "b": "2"}),
        (b"", b"a=1&b=", FORM, {"a": "1", "b": ""}),
        (b"", b"a=1", f"{FORM}; charset=utf-8", {"a": "1"}),
        (b"", b"a=1", "", {"a": "1"}),
        (b"a=query", b"a=body&b=body", FORM, {"a": "query", "b": "body"}),
        (b"a=1", b'{"a": 2}', "application/json", {"a": "1"}),
        (b"a=1", b"a=2&b=3", "text/plain", {"a": "1"}),
        ("symbol=币安USDT".encode(), b"", "", {"symbol": "币安USDT"}),
        (b"symbol=%E5%B8%81%E5%AE%89USDT", b"", "", {"symbol": "币安USDT"}),
        (b"a=%zz&b=%", b"", "", {"a": "%zz", "b": "%"}),
        (MANY, b"", "", {f"p{number}": "1" for number in range(MAX_PARAMETERS)}),
    ],
)
def test_what_is_read(query, body, kind, expected):
    assert read_parameters(query, body, kind) == expected


@pytest.mark.parametrize(
    ("query", "body", "code", "text"),
    [
        (b"a=1&a=1", b"", -1101, "Duplicate values for parameter 'a'."),
        (b"", b"a=1&b=2&a=", -1101, "Duplicate values for parameter 'a'."),
        (MANY + b"&more=1", b"", -1101, "Too many parameters"),
        (b"", b"&" * 60_000, -1101, "Too many parameters"),
        (b"a=\xff", b"", -1100, "Illegal characters found in a parameter."),
        (b"", b"\xfe\xff=1", -1100, "Illegal characters"),
        (b"a=%ff", b"", -1100, "Illegal characters"),
        (b"a=%00", b"", -1100, "Illegal characters"),
        (b"a%00=1", b"", -1100, "Illegal characters"),
        (b"a=\x7f", b"", -1100, "Illegal characters"),
    ],
)
def test_what_is_not(query, body, code, text):
    with pytest.raises(VenueError, match=text) as caught:
        read_parameters(query, body, FORM)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("007", 7),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", -1130),
        ("9" * 20, -1130),
        ("9" * 21, -1100),
        ("9" * 5000, -1100),
        *((text, -1100) for text in ("", "-1", "+1", " 1", "1\n", "1_0", "1.0", "1e3", "0x1", "x")),
        *((text, -1100) for text in ("\uff11", "\u0661", "\u00b2", "true")),
    ],
)
def test_integers(text, expected):
    if expected >= 0:
        assert integer("limit", text) == expected
        return
    with pytest.raises(VenueError) as caught:
        integer("limit", text)
    assert caught.value.code == expected
    assert "'limit'" in caught.value.msg


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", "0"),
        ("1.50", "1.50"),
        ("9" * 20 + "." + "9" * 20, "9" * 20 + "." + "9" * 20),
        ("9" * 21, None),
        ("1." + "9" * 21, None),
        *((text, None) for text in ("", "-1", "+1", " 1", "1 ", "1_0", "1.", ".1", "1.2.3", "1,5")),
        *((text, None) for text in ("1e5", "1e999999", "NaN", "Infinity", "-Infinity", "sNaN")),
        *((text, None) for text in ("\uff11", "\u0661.5", "0x1")),
    ],
)
def test_decimals(text, expected):
    if expected is not None:
        assert decimal("price", text) == Decimal(expected)
        return
    with pytest.raises(VenueError) as caught:
        decimal("price", text)
    assert caught.value.code == -1100
    assert caught.value.msg == (
        "Illegal characters found in parameter 'price'; "
        "legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'."
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((text, -1100) for text in ("-1", "+5", "%205", "5%20", "1_000", "5.0", "1e3", "9" * 21)),
        *((text, -1100) for text in ("%EF%BC%91", "%D9%A1", "0x1", "NaN", "true")),
        *((text, -1130) for text in ("9" * 20, "9223372036854775808")),
    ],
)
@pytest.mark.parametrize(
    "asked",
    [
        "fapi/v1/klines?symbol=BTCUSDT&interval=1h&startTime=",
        "fapi/v1/klines?symbol=BTCUSDT&interval=1h&limit=",
        "fapi/v1/depth?symbol=BTCUSDT&limit=",
        "fapi/v1/fundingRate?endTime=",
        "futures/data/openInterestHist?symbol=BTCUSDT&period=1h&limit=",
    ],
)
def test_market_data_reads_numbers_alike(market, asked, text, code):
    answer = TestClient(create_app(market)).get(asked + text)
    assert (answer.status_code, answer.json()["code"]) == (400, code)

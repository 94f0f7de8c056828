"""What an error of ccxt says of the request: the words are those of recorded answers."""

from __future__ import annotations

import ccxt
import pytest

from perpkit.ops.stop.answers import FailureKind, failure_of, unreadable

NOW = 1_700_000_000_000
URL = "binance POST https://fapi.binance.com/fapi/v1/order?signature=abc"


def body(code: int, msg: str = "words") -> str:
    return f'binance {{"code":{code},"msg":"{msg}"}}'


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (ccxt.RequestTimeout(URL), FailureKind.UNKNOWN, None),
        (ccxt.NetworkError(URL), FailureKind.UNKNOWN, None),
        (ccxt.ExchangeNotAvailable(f"{URL} 502 Bad Gateway <html>"), FailureKind.UNKNOWN, None),
        (ccxt.ExchangeError(URL), FailureKind.UNKNOWN, None),  # as of a body that breaks off
        (ccxt.OperationFailed(body(-1000)), FailureKind.UNKNOWN, -1000),
        (ccxt.OperationFailed(body(-1001)), FailureKind.UNKNOWN, -1001),
        (ccxt.OperationFailed(body(-1006)), FailureKind.UNKNOWN, -1006),
        (ccxt.RequestTimeout(body(-1007)), FailureKind.UNKNOWN, -1007),
        (ccxt.OperationFailed(body(-1008)), FailureKind.BUSY, -1008),
        (ccxt.OnMaintenance('binance {"code":1,"msg":"maintenance"}'), FailureKind.BUSY, None),
        (ccxt.InvalidNonce(body(-1021)), FailureKind.CLOCK, -1021),
        (ccxt.AuthenticationError(body(-2015)), FailureKind.KEY, -2015),
        # As ccxt has it once the key has worked: "on a temporary ban".
        (ccxt.DDoSProtection(body(-2015)), FailureKind.KEY, -2015),
        (ccxt.AuthenticationError(body(-2014)), FailureKind.KEY, -2014),
        (ccxt.AuthenticationError(body(-1022)), FailureKind.KEY, -1022),
        (ccxt.InvalidOrder(body(-2022)), FailureKind.REFUSED, -2022),
        (ccxt.OperationRejected(body(-4131)), FailureKind.REFUSED, -4131),
        (ccxt.PermissionDenied(body(-4400)), FailureKind.REFUSED, -4400),
        # ccxt knows these codes of other interfaces as limits of requests.
        (ccxt.RateLimitExceeded(body(-4005)), FailureKind.REFUSED, -4005),
        (ccxt.ArgumentsRequired("binance createOrder() requires"), FailureKind.UNKNOWN, None),
    ],
)
def test_what_became_of_the_request(error, kind, code):
    failure = failure_of(error, {}, NOW)
    assert (failure.kind, failure.code) == (kind, code)
    assert "signature" not in failure.words


@pytest.mark.parametrize(
    ("error", "headers", "seconds"),
    [
        (f"binance 429 Too Many Requests {body(-1003)}", {"Retry-After": "17"}, 17),
        (f"binance 429 Too Many Requests {body(-1003)}", {}, 5),
        (f"binance 429 Too Many Requests {body(-1015)}", {"Retry-After": "8"}, 8),
        (f"binance 418 I'm a teapot {body(-1003)}", {}, 120),
        (f"binance 418 I'm a teapot {body(-1003)}", {"Retry-After": "300"}, 300),
        (
            f"binance 418 I'm a teapot {body(-1003, f'banned until {NOW + 90_000}.')}",
            {},
            90,
        ),
        (
            f"binance 418 I'm a teapot {body(-1003, f'banned until {NOW + 90_000}.')}",
            {"Retry-After": "91"},
            91,
        ),
        (f"binance 418 I'm a teapot {body(-1003)}", {"Retry-After": "soon"}, 120),
    ],
)
def test_how_long_the_exchange_is_to_be_left_alone(error, headers, seconds):
    failure = failure_of(ccxt.DDoSProtection(error), headers, NOW)
    assert (failure.kind, failure.wait) == (FailureKind.LIMITED, seconds)


def test_what_is_not_json_may_have_been_carried_out():
    assert unreadable('{"orderId": 12').kind is FailureKind.UNKNOWN

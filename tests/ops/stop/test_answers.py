"""What an error of ccxt says of the request: the words are those of recorded answers."""

from __future__ import annotations

import ccxt
import pytest

from perpkit.ops.stop.answers import FailureKind, failure_of, is_the_exchanges, unreadable

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


ORDER = {"orderId": 1, "status": "NEW", "executedQty": "0.000"}
ALGO = {"algoId": 1, "algoStatus": "NEW"}
ROW = {**ORDER, "clientOrderId": "a", "side": "BUY", "time": 1}
FORBIDDEN = {"message": "Forbidden"}


@pytest.mark.parametrize(
    ("endpoint", "answer", "missing"),
    [
        ("fapiPublicGetTime", {"serverTime": NOW}, "serverTime"),
        ("fapiPublicGetExchangeInfo", {"symbols": []}, "symbols"),
        ("fapiPublicGetDepth", {"bids": [], "asks": []}, "asks"),
        ("fapiPrivatePostOrder", ORDER, "status"),
        ("fapiPrivateGetOrder", ORDER, "executedQty"),
        ("fapiPrivateGetAlgoOrder", ALGO, "algoStatus"),
        ("fapiPrivateDeleteOrder", ORDER, "orderId"),
        ("fapiPrivateDeleteAlgoOrder", {"algoId": 1, "code": "200"}, "algoId"),
        ("fapiPrivateDeleteAllOpenOrders", {"code": 200, "msg": "done"}, "code"),
    ],
)
def test_an_object_is_the_exchanges_with_all_that_is_read_of_it(endpoint, answer, missing):
    assert is_the_exchanges(endpoint, answer)
    without = {name: value for name, value in answer.items() if name != missing}
    for odd in (without, {**answer, missing: None}, FORBIDDEN, [answer], [], "Forbidden", None):
        assert not is_the_exchanges(endpoint, odd), odd


@pytest.mark.parametrize("amount", ["", "much", "NaN", "Infinity", {}, []])
def test_an_order_without_a_filled_amount_is_not_the_exchanges(amount):
    assert not is_the_exchanges("fapiPrivatePostOrder", {**ORDER, "executedQty": amount})


@pytest.mark.parametrize("answer", [FORBIDDEN, {}, [FORBIDDEN], [ROW, ORDER], ["order"], None])
def test_a_history_is_the_exchanges_with_every_row(answer):
    assert is_the_exchanges("fapiPrivateGetAllOrders", [])
    assert is_the_exchanges("fapiPrivateGetAllOrders", [ROW, ROW])
    assert not is_the_exchanges("fapiPrivateGetAllOrders", answer)

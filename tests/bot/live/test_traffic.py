"""What is read of the exchange's answers: weight, counts of orders, and orders that failed."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import ccxt
import pytest
import time_machine

from perpkit.bot.live.stop_latch import LatchedError
from perpkit.bot.live.traffic import Traffic
from tests.factories import START as NOW

SECOND = timedelta(seconds=1)
MARGIN = ccxt.InsufficientFunds('binanceusdm {"code":-2019,"msg":"Margin is insufficient."}')


class Api:
    """ccxt's client. `error` is raised by the next order; None as `headers` is no answer."""

    def __init__(self) -> None:
        self.last_response_headers: dict[str, str] | None = None
        self.lastRestRequestTimestamp = 0
        self.error: Exception | None = None
        self.headers: dict[str, str] | None = None

    def answer(self, at, headers) -> None:
        self.last_response_headers = headers
        self.lastRestRequestTimestamp = int(at.timestamp() * 1000)

    def create_order(self, *_args):
        if self.headers is not None:
            self.last_response_headers = self.headers
        if self.error:
            raise self.error
        return {"id": "1"}


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def traffic(api):
    exchange = SimpleNamespace(_api=api, _api_async=Api())
    return Traffic(SimpleNamespace(exchange=exchange), live=True)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], None),
        ([(0, {})], None),
        ([(0, {"X-MBX-USED-WEIGHT-1M": "?"})], None),
        ([(0, {"X-MBX-USED-WEIGHT-1M": "17"})], 17),
        ([(0, {"x-mbx-used-weight-1m": "17"})], 17),
        ([(60, {"X-MBX-USED-WEIGHT-1M": "17"})], 17),
        ([(61, {"X-MBX-USED-WEIGHT-1M": "17"})], None),
        ([(9, {"X-MBX-USED-WEIGHT-1M": "90"}), (3, {"X-MBX-USED-WEIGHT-1M": "7"})], 90),
        ([(70, {"X-MBX-USED-WEIGHT-1M": "90"}), (3, {"X-MBX-USED-WEIGHT-1M": "7"})], 7),
    ],
)
def test_the_weight_is_the_highest_of_the_last_minute(traffic, api, answers, expected):
    for age, headers in answers:
        api.answer(NOW - age * SECOND, headers)
        found = traffic.report(NOW)
    assert traffic.report(NOW).used_weight == expected
    if answers:
        assert found.used_weight == expected


def test_orders_are_counted_by_the_answers_to_orders(traffic, api):
    with time_machine.travel(NOW, tick=False) as clock:
        for ten, minute in ((1, 1), (2, 2)):
            api.headers = {"X-MBX-ORDER-COUNT-10S": str(ten), "X-MBX-ORDER-COUNT-1M": str(minute)}
            api.create_order()
        api.answer(NOW, {})
        found = traffic.report(NOW)
        assert (found.orders_10s, found.orders_1m) == (2, 2)
        clock.shift(61)
        api.error, api.headers = ccxt.RequestTimeout("no answer"), None
        with pytest.raises(ccxt.RequestTimeout):
            api.create_order()  # the headers of an answer before are no answer to this one
        found = traffic.report(NOW + 61 * SECOND)
        assert (found.orders_10s, found.orders_1m) == (None, None)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MARGIN, {"-2019": 2}),
        (ccxt.RequestTimeout("binanceusdm POST https://x/fapi/v1/order"), {"RequestTimeout": 2}),
        (LatchedError("the stop latch is set"), {}),  # nothing was sent
    ],
)
def test_orders_that_fail_are_counted_by_code(traffic, api, error, expected):
    assert traffic.report(NOW).order_errors == {}
    api.error = error
    for _ in range(2):
        with pytest.raises(type(error)):
            api.create_order()
    assert traffic.report(NOW).order_errors == expected

"""Requests are sent once, and none while the exchange has asked to wait."""

from __future__ import annotations

import ccxt
import pytest

from perpkit.ops.stop.action_log import ActionLog
from perpkit.ops.stop.answers import FailureKind
from perpkit.ops.stop.requests import GaveUpError, Requests

BOOK = {"bids": [], "asks": []}
ORDER = {"orderId": 1, "status": "FILLED", "executedQty": "1"}
FORBIDDEN = {"message": "Forbidden"}
BANNED = "binance 418 I'm a teapot "
CLOCK = ccxt.InvalidNonce('binance {"code":-1021,"msg":"Timestamp is outside."}')
KEY = ccxt.AuthenticationError('binance {"code":-2015,"msg":"Invalid API-key."}')


class Client:
    """Answers what it is given, one after the other, and then always the last."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[float, str]] = []
        self.seconds = 1_700_000_000.0
        self.timeout, self.enableRateLimit = 30_000, True
        self.options = {"timeDifference": 0}
        self.last_response_headers: dict[str, str] = {}

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def milliseconds(self) -> int:
        return int(self.seconds * 1000)

    def __getattr__(self, endpoint: str):
        def ask(sent):
            self.asked.append((self.seconds, endpoint))
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return ask


def requests_of(client: Client, seconds: float = 60.0) -> Requests:
    return Requests(client, ActionLog(None), seconds, client)


def test_ccxts_throttle_is_off_and_a_request_does_not_hang_for_long():
    client = Client({})
    requests_of(client)
    assert (client.enableRateLimit, client.timeout) == (False, 5_000)


def test_an_answer_and_its_weight():
    client = Client(BOOK)
    requests = requests_of(client)
    assert requests.call("fapiPublicGetDepth", 5).data == BOOK
    requests.call("fapiPublicGetDepth", 5)
    assert (requests.count, requests.weight) == (2, 10)
    client.sleep(61)
    assert requests.weight == 0


@pytest.mark.parametrize("answer", ['{"orderId"', FORBIDDEN, [ORDER], ValueError("AccessDenied")])
def test_what_is_not_of_the_exchange_is_no_answer(answer):
    reply = requests_of(Client(answer)).call("fapiPrivatePostOrder", 0)
    assert reply.failure.kind is FailureKind.UNKNOWN


def test_what_fails_is_not_sent_again():
    client = Client(ccxt.RequestTimeout("binance POST"))
    assert requests_of(client).call("fapiPrivatePostOrder", 0).failure.kind is FailureKind.UNKNOWN
    assert len(client.asked) == 1


def test_the_time_is_asked_for_where_it_was_wrong():
    client = Client(CLOCK, {"serverTime": 1_700_000_030_000}, ORDER)
    assert requests_of(client).call("fapiPrivatePostOrder", 0).data == ORDER
    assert client.options["timeDifference"] == -30_000
    assert [name for _, name in client.asked] == [
        "fapiPrivatePostOrder",
        "fapiPublicGetTime",
        "fapiPrivatePostOrder",
    ]


def test_a_time_that_is_not_of_the_exchange_sets_no_clock():
    client = Client(CLOCK, FORBIDDEN, ORDER)
    assert requests_of(client).call("fapiPrivatePostOrder", 0).data == ORDER
    assert client.options["timeDifference"] == 0


def test_a_limit_holds_for_all_requests_to_its_end():
    client = Client(ccxt.DDoSProtection(BANNED), [])
    client.last_response_headers = {"Retry-After": "30"}
    requests = requests_of(client)
    assert requests.call("fapiPrivatePostOrder", 0).failure.kind is FailureKind.LIMITED
    assert requests.has_to_wait
    requests.call("fapiPublicGetDepth", 5)
    (first, _), (second, _) = client.asked
    assert second - first == pytest.approx(30)


def test_a_limit_beyond_the_end_is_the_end():
    client = Client(ccxt.DDoSProtection(BANNED), [])
    client.last_response_headers = {"Retry-After": "61"}
    requests = requests_of(client)
    requests.call("fapiPrivatePostOrder", 0)
    with pytest.raises(GaveUpError, match="takes no request for 61 s"):
        requests.call("fapiPublicGetDepth", 5)
    assert client.seconds < 1_700_000_001


def test_nothing_is_sent_after_the_end():
    client = Client([])
    requests = requests_of(client)
    requests.pause(1000)
    assert requests.elapsed == 60
    with pytest.raises(GaveUpError, match="time for it is over"):
        requests.call("fapiPublicGetDepth", 5)
    assert client.asked == []


def test_a_key_that_has_worked_is_tried_on():
    client = Client([], KEY)
    requests = requests_of(client)
    requests.call("fapiPrivateGetOpenOrders", 40)
    client.sleep(30)
    assert requests.call("fapiPrivateGetOpenOrders", 40).failure.kind is FailureKind.KEY


def test_a_key_that_has_never_worked_is_tried_for_a_while():
    client = Client(KEY)
    requests = requests_of(client)
    requests.call("fapiPrivateGetOpenOrders", 40)
    client.sleep(16)
    with pytest.raises(GaveUpError, match="does not take the key"):
        requests.call("fapiPrivateGetOpenOrders", 40)


@pytest.mark.parametrize("code", [-2014, -1022])
def test_a_key_that_is_none_is_given_up_at_once(code):
    client = Client(ccxt.AuthenticationError(f'binance {{"code":{code},"msg":"words"}}'))
    with pytest.raises(GaveUpError, match="does not take the key"):
        requests_of(client).call("fapiPrivateGetOpenOrders", 40)

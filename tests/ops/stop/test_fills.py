"""Which look-ups count as hanging, and are left out for a round."""

from __future__ import annotations

from types import SimpleNamespace

import ccxt
import pytest

from perpkit.ops.stop.answers import failure_of
from perpkit.ops.stop.fills import OwnFills, UnknownError
from perpkit.ops.stop.requests import Reply


class Slow:
    """Every request takes two seconds, and fails with this error."""

    def __init__(self, error: Exception) -> None:
        self.error, self.sent, self.at = error, 0, 0.0
        self.clock = SimpleNamespace(now=lambda: self.at)

    def call(self, *_: object, **__: object) -> Reply:
        self.sent += 1
        self.at += 2.0
        return Reply(failure=failure_of(self.error, {}, 0))


def test_an_exchange_that_slowly_has_no_such_order_has_answered():
    slow = Slow(ccxt.OrderNotFound('binance {"code":-2013,"msg":"Order does not exist."}'))
    fills = OwnFills(slow)
    assert [fills.find("BTCUSDT", origClientOrderId=one) for one in "ab"] == [None, None]
    assert slow.sent == 2


def test_what_hangs_is_left_out_of_this_round_and_the_next():
    slow = Slow(ccxt.RequestTimeout("no answer"))
    fills = OwnFills(slow)
    for _ in range(2):
        for one in "ab":
            with pytest.raises(UnknownError):
                fills.find("BTCUSDT", origClientOrderId=one)
        fills.next_round()
    assert slow.sent == 1
    with pytest.raises(UnknownError):
        fills.find("BTCUSDT", origClientOrderId="a")
    assert slow.sent == 2

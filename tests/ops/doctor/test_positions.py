"""Positions against trades: how much there is, what stops it, and on which side."""

from __future__ import annotations

import pytest

from perpkit.ops.doctor.positions import ExchangePosition, compare, held
from perpkit.ops.level import Level
from perpkit.record.trade_books import BookedOrder, TradeBook

BTC = "BTC/USDT:USDT"
SYMBOL = "BTCUSDT"


def order(kind: str = "entry", filled: float = 2.0, left: float = 0.0) -> BookedOrder:
    return BookedOrder("1", kind, filled, 100.0, left, 0.0, 1, 1)


def trade(*orders: BookedOrder, is_short: bool = False) -> TradeBook:
    own = orders or (order(),)
    return TradeBook(7, BTC, is_short, True, 3.0, 90.0, 0.0, 0.0, 0.0, 0.0, 1, own)


def position(
    amount: float, stopped: float = 2.0, leverage: float = 3.0, margin="ISOLATED"
) -> ExchangePosition:
    return ExchangePosition(SYMBOL, amount, stopped, leverage, margin)


@pytest.mark.parametrize(
    ("positions", "trades", "words"),
    [
        ([], [], []),
        ([position(2)], [trade()], []),
        ([position(-2)], [trade(is_short=True)], []),
        ([position(2, stopped=5)], [trade()], []),
        ([], [trade()], ["2 long in the database, 0 at the exchange"]),
        ([position(1)], [trade()], ["2 long in the database, 1 at the exchange"]),
        ([position(-2)], [trade()], ["2 long in the database, -2 at the exchange"]),
        ([position(2)], [trade(order(), order("exit", 0.5))], ["1.5 long in the database, 2"]),
        ([position(1.5, 1.5)], [trade(order(), order("exit", 0.5))], []),
        # What rests may have filled by now.
        ([position(2)], [trade(order(filled=0.5, left=3))], []),
        ([position(1.2, 1.2)], [trade(order(), order("exit", 0, left=1))], []),
        ([position(0.8, 0.8)], [trade(order(), order("exit", 0, left=1))], ["2 long in"]),
        ([position(2, stopped=1.5)], [trade()], ["no stop at the exchange for 0.5 of 2"]),
        ([position(2, leverage=20)], [trade()], ["leverage is 20x at the exchange, 3x"]),
        ([position(2, margin="CROSSED")], [trade()], ["margin is crossed at the exchange"]),
        ([position(5, stopped=0)], [], ["BTCUSDT: 5 at the exchange, and no open trade"]),
        # In hedge mode, the other side is somebody else's.
        ([position(-4), position(2)], [trade()], ["BTCUSDT: -4 at the exchange, and no open"]),
    ],
)
def test_what_differs(positions, trades, words):
    found = [f for f in compare(positions, trades, "isolated") if f.level is not Level.OK]
    assert len(found) == len(words), found
    for each, said in zip(found, words, strict=True):
        assert said in each.words


STOP = {
    "symbol": SYMBOL,
    "side": "SELL",
    "positionSide": "BOTH",
    "orderType": "STOP_MARKET",
    "quantity": "1.5",
    "reduceOnly": True,
    "closePosition": False,
}


@pytest.mark.parametrize(
    ("algos", "stopped"),
    [
        ([], 0.0),
        ([STOP], 1.5),
        ([STOP, STOP], 3.0),
        ([{**STOP, "closePosition": True, "quantity": "0"}], 2.0),
        ([{**STOP, "reduceOnly": "true"}], 1.5),
        ([{**STOP, "reduceOnly": False}], 0.0),
        ([{**STOP, "side": "BUY"}], 0.0),
        ([{**STOP, "symbol": "ETHUSDT"}], 0.0),
        ([{**STOP, "orderType": "TAKE_PROFIT_MARKET"}], 0.0),
        ([{**STOP, "orderType": "TRAILING_STOP_MARKET"}], 1.5),
        ([{**STOP, "positionSide": "LONG"}], 0.0),
    ],
)
def test_what_counts_as_its_stop(algos, stopped):
    row = {"symbol": SYMBOL, "positionAmt": "2.0", "positionSide": "BOTH"}
    assert held(row, algos, {}).stopped == stopped

"""What a look at the exchange right before an entry refuses."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from freqtrade.exceptions import TemporaryError

from perpkit.bot.live.last_look import LastLook
from tests import factories

BTC = "BTC/USDT:USDT"


def position(contracts, side="long", pair=BTC):
    return {"symbol": pair, "contracts": contracts, "side": side, "entryPrice": 50_000.0}


def looking(answer):
    """:param answer: positions, or an error"""
    asked = []

    def fetch_positions(pair):
        asked.append(pair)
        if isinstance(answer, Exception):
            raise answer
        return answer

    exchange = SimpleNamespace(
        fetch_positions=fetch_positions, _contracts_to_amount=lambda _, contracts: contracts
    )
    return LastLook(exchange), asked


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([], None),
        ([position(0.0)], None),
        ([position(0.5, pair="ETH/USDT:USDT")], None),
        ([position(0.002)], "the exchange holds 0.002 that no trade has"),
        ([position(0.002, "short")], "the exchange holds -0.002 that no trade has"),
        ([position(1.0), position(2.0, "short")], "the exchange holds 1 and -2 that no trade has"),
        (TemporaryError("no answer"), "whether the exchange holds a position is not known: no"),
        (KeyError("contracts"), "whether the exchange holds a position is not known"),
    ],
)
def test_only_a_pair_without_a_position_may_be_entered(trade_database, answer, expected):
    look, asked = looking(answer)
    refusal = look.refusal(BTC)
    assert refusal is None if expected is None else expected in refusal
    assert asked == [BTC]


def test_an_addition_to_an_open_trade_asks_for_nothing(trade_database):
    trade = factories.trade()
    look, asked = looking([position(trade.amount)])
    assert look.refusal(trade.pair) is None
    assert asked == []

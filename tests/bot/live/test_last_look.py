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


@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize(
    ("own", "other", "refused"),
    [
        (0.01, 0.0, False),
        (0.02, 0.0, False),  # the trader has added to it: nothing of that is at risk
        (0.01 - 1e-12, 0.0, False),
        (0.009, 0.0, True),
        (0.0, 0.0, True),
        (0.0, 0.01, True),
        (0.01, 0.001, True),
    ],
)
def test_an_addition_needs_the_whole_position_of_its_trade(
    trade_database, side, own, other, refused
):
    trade = factories.trade(amount=0.01, is_short=side == "short")
    against = "long" if side == "short" else "short"
    look, asked = looking([position(own, side, trade.pair), position(other, against, trade.pair)])
    refusal = look.refusal(trade.pair)
    assert ("the exchange holds" in (refusal or "")) is refused
    assert asked == [trade.pair]


def test_no_addition_while_the_exchange_does_not_answer(trade_database):
    look, _ = looking(TemporaryError("no answer"))
    assert "is not known: no answer" in look.refusal(factories.trade().pair)


def test_an_entry_that_has_not_filled_may_be_moved(trade_database):
    """Freqtrade moves it as an addition to its trade, which has nothing yet."""
    look, _ = looking([])
    assert look.refusal(factories.trade(amount=0.0).pair) is None

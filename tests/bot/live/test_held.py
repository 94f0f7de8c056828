"""Positions at the exchange, by pair and side."""

from __future__ import annotations

import pytest

from perpkit.bot.live.held import NOTHING, Sides, held_of

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


class Exchange:
    """An exchange where one contract of ether is 10 coins."""

    def _contracts_to_amount(self, pair: str, contracts: float) -> float:
        return contracts * 10 if pair == ETH else contracts


def row(pair: str, side: str | None, contracts: float, price: float | None) -> dict:
    return {"symbol": pair, "side": side, "contracts": contracts, "entryPrice": price}


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], {}),
        ([row(BTC, None, 0.0, None)], {}),
        ([row(BTC, "long", 0.5, 50_000.0)], {BTC: (0.5, 0.0, 50_000.0, 0.0)}),
        ([row(ETH, "short", 2.0, 2_500.0)], {ETH: (0.0, 20.0, 0.0, 2_500.0)}),
        ([row(BTC, "long", 0.5, None)], {BTC: (0.5, 0.0, 0.0, 0.0)}),
        # In hedge mode, in either order.
        (
            [row(BTC, "long", 0.5, 50_000.0), row(BTC, "short", 0.2, 51_000.0)],
            {BTC: (0.5, 0.2, 50_000.0, 51_000.0)},
        ),
        (
            [row(BTC, "short", 0.2, 51_000.0), row(BTC, "long", 0.5, 50_000.0)],
            {BTC: (0.5, 0.2, 50_000.0, 51_000.0)},
        ),
    ],
)
def test_both_sides_of_each_pair(rows, expected):
    held = held_of(Exchange(), rows)
    assert {
        pair: (at.long, at.short, at.long_price, at.short_price) for pair, at in held.items()
    } == expected


@pytest.mark.parametrize(
    ("held", "is_short", "amount", "price"),
    [
        (Sides(2.0, 1.0, 50.0, 60.0), False, 2.0, 50.0),
        (Sides(2.0, 1.0, 50.0, 60.0), True, 1.0, 60.0),
        (NOTHING, True, 0.0, 0.0),
    ],
)
def test_one_side(held, is_short, amount, price):
    assert (held.of(is_short), held.price_of(is_short)) == (amount, price)


def test_the_same_amounts_are_the_same_whatever_they_were_entered_at():
    assert Sides(2.0, 1.0, 50.0, 60.0) == Sides(2.0, 1.0)
    assert Sides(2.0) != Sides(short=2.0)

"""What the operator hears when restrictions change."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perpkit.bot.watching.restrictions import Restrictions, changes
from perpkit.breakers.breaker import Decision, Trading
from tests.factories import START

HOUR = timedelta(hours=1)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def held(*decisions: Decision) -> Restrictions:
    return {("Scripted", each.pair, each.side): each for each in decisions}


def messages(before: Restrictions, after: Restrictions) -> list[str]:
    return list(changes(before, after, standing={}))


CRASH = [
    Decision(Trading.REDUCING, 0.0, START + 9 * HOUR, "a crash", pair=pair) for pair in (ETH, BTC)
]
LONGS = Decision(Trading.REDUCING, 0.0, reason="longs", side="long")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (
            [],
            CRASH,
            f"REDUCING: Scripted on {BTC}, {ETH}: a crash. Until 2023-01-01 09:00 UTC at the "
            "earliest. Exits and stops go on.",
        ),
        (
            CRASH,
            CRASH[:1],
            f"ACTIVE: Scripted has released on {BTC}. Entries, exits and stops as usual.",
        ),
        # A pair that the market takes along has not been released.
        (
            [Decision(Trading.REDUCING, 0.0, reason="one", pair=ETH)],
            [Decision(Trading.REDUCING, 0.0, reason="all")],
            "REDUCING: Scripted: all. Exits and stops go on.",
        ),
        # A cap on leverage alone is a restriction, too.
        (
            [],
            [Decision(max_leverage=2.0, reason="leverage at most 2x")],
            "ACTIVE: Scripted: leverage at most 2x. Entries, exits and stops as usual.",
        ),
        # What the market still holds.
        (
            [LONGS, Decision(Trading.HALTED, 0.0, START + 9 * HOUR, "one", pair=ETH)],
            [LONGS],
            f"ACTIVE: Scripted has released on {ETH}. Entries, exits and stops as usual.",
        ),
        # Each pair has its own figure.
        (
            [],
            [
                Decision(Trading.REDUCING, 0.0, START + hours * HOUR, reason, pair=pair)
                for pair, hours, reason in ((ETH, 9, "fell 12.3%"), (BTC, 8, f"{BTC} fell 10.1%"))
            ],
            f"REDUCING: Scripted on {BTC}, {ETH}: {BTC} fell 10.1%; {ETH}: fell 12.3%. "
            "Until 2023-01-01 08:00 to 2023-01-01 09:00 UTC at the earliest. Exits and stops go "
            "on.",
        ),
    ],
)
def test_pairs_that_change_together_share_a_message(before, after, message):
    assert messages(held(*before), held(*after)) == [message]
    assert messages(held(*after), held(*after)) == []


def test_a_message_for_very_many_pairs_can_be_sent():
    fell = [
        Decision(Trading.REDUCING, 0.0, reason=f"fell {n}%" + 90 * ".", pair=f"C{n}/USDT:USDT")
        for n in range(100)
    ]
    (message,) = messages({}, held(*fell))
    assert "C10/USDT:USDT: fell 10%" in message
    assert "more, see /locks" in message
    assert len(message) < 4096

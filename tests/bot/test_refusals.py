"""Refused entries: each is logged when it begins, repeated ones are kept once."""

from __future__ import annotations

import logging
from datetime import timedelta

import pytest

from perpkit.bot.refusals import KEPT, SAME, RefusalKind, Refusals, Refused, Why
from tests.factories import START as NOW

BTC = "BTC/USDT:USDT"
SECOND = timedelta(seconds=1)


def test_what_is_refused_again_and_again_is_kept_once(caplog):
    caplog.set_level(logging.INFO)
    refusals = Refusals()
    for number in range(3):
        refusals.add(Why(RefusalKind.BOOK, f"{number}% deep"), BTC, "long", NOW + number * SECOND)
    refusals.add(Why(RefusalKind.BREAKER, "lost 9%"), BTC, "short", NOW, what="No entry")
    assert refusals.newest == [
        Refused(RefusalKind.BREAKER, BTC, "short", "lost 9%", NOW, NOW, 1),
        Refused(RefusalKind.BOOK, BTC, "long", "2% deep", NOW, NOW + 2 * SECOND, 3),
    ]
    assert refusals.by_kind == {"book": 3, "breaker": 1}
    assert caplog.messages == [
        f"Entry refused: {BTC} long. 0% deep",  # the figure changes, the reason goes on
        f"No entry: {BTC} short. lost 9%",
    ]


def test_what_was_refused_last_comes_first():
    refusals = Refusals()
    for pair in ("A", "B", "A"):
        refusals.add(Why(RefusalKind.SIZE, "no room"), pair, "long", NOW)
    assert [each.pair for each in refusals.newest] == ["A", "B"]


def test_the_oldest_are_forgotten_but_counted():
    refusals = Refusals()
    for number in range(3 * KEPT):
        refusals.add(Why(RefusalKind.SIZE, "no room"), str(number), "long", NOW)
    assert [each.pair for each in refusals.newest] == [
        str(number) for number in reversed(range(2 * KEPT, 3 * KEPT))
    ]
    assert refusals.by_kind == {"size": 3 * KEPT}


def test_without_a_time_it_is_now():
    refusals = Refusals()
    refusals.add(Why(RefusalKind.OVERTAKEN, "gone"), BTC, "long", level=logging.WARNING)
    assert refusals.newest[0].at.tzinfo is not None


@pytest.mark.parametrize(
    ("after", "reason", "logged"),
    [
        (5 * SECOND, "open positions 3 of 3", 1),
        (5 * SECOND, "open positions 4 of 4", 1),
        (5 * SECOND, "open risk 3% of 3%", 2),
        (SAME, "open positions 3 of 3", 1),
        (SAME + SECOND, "open positions 3 of 3", 2),
        (-5 * SECOND, "open positions 3 of 3", 2),  # another backtest
    ],
)
def test_a_refusal_that_goes_on_is_logged_once(after, reason, logged, caplog):
    caplog.set_level(logging.INFO)
    refusals = Refusals()
    refusals.add(Why(RefusalKind.SIZE, "open positions 3 of 3"), BTC, "long", NOW)
    refusals.add(Why(RefusalKind.SIZE, reason), BTC, "long", NOW + after)
    assert len(caplog.messages) == logged
    assert refusals.by_kind == {"size": 2}

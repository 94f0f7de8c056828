"""The locks of a running bot, as stretches of a chart."""

from __future__ import annotations

from datetime import timedelta

import pytest
from freqtrade.persistence import PairLocks

from perpkit.bot.watching.displayed import locked_stretches
from tests.factories import START

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
FLASH = "FlashCrashBreaker reducing: "


@pytest.fixture(autouse=True)
def own_locks(trade_database):
    PairLocks.timeframe = "1h"


def lock(begin, end, reason, pair="*", side="*"):
    # Freqtrade rounds the end up to the next candle.
    PairLocks.lock_pair(
        pair, START + end * HOUR - SECOND, reason, now=START + begin * HOUR, side=side
    )


def drawn(begin=0, end=100):
    return [
        (one.breaker, one.level, one.reason, one.where,
         (one.start - START) / HOUR, (one.until - START) / HOUR)
        for one in locked_stretches(START + begin * HOUR, START + end * HOUR)
    ]  # fmt: skip


def test_each_lock_says_whose_it_is_and_where():
    lock(2, 5, FLASH + "BTC fell 10.3%")
    lock(3, 6, FLASH + "fell 12%", ETH, "long")
    lock(7, 9, "DrawdownBreaker halted: 15% lost: a lot")
    lock(8, 9, "by hand", BTC)
    assert drawn() == [
        ("FlashCrashBreaker", "reducing", "BTC fell 10.3%", "all pairs", 2, 5),
        ("FlashCrashBreaker", "reducing", "fell 12%", f"{ETH} long", 3, 6),
        ("DrawdownBreaker", "halted", "15% lost: a lot", "all pairs", 7, 9),
        ("Lock", "reducing", "by hand", BTC, 8, 9),
    ]


def test_locks_that_follow_each_other_are_one():
    for hour in (2, 3, 4, 8):
        lock(hour, hour + 1, FLASH + f"hour {hour}")
    lock(3, 4, FLASH + "alone", ETH)
    assert drawn() == [
        ("FlashCrashBreaker", "reducing", "hour 2", "all pairs", 2, 5),
        ("FlashCrashBreaker", "reducing", "alone", ETH, 3, 4),
        ("FlashCrashBreaker", "reducing", "hour 8", "all pairs", 8, 9),
    ]


def test_only_what_the_chart_shows_is_drawn():
    lock(2, 5, FLASH + "early")
    lock(20, 50, FLASH + "late")
    assert [(begin, end) for *_, begin, end in drawn(3, 30)] == [(3, 5), (20, 30)]
    assert drawn(5, 20) == []

from __future__ import annotations

from datetime import timedelta

import pytest

from perpkit.breakers.breaker import Trading
from perpkit.breakers.loss_streak import ClosedTrade, StreakLimit, decide, observe
from tests.bench.ranges import has_range
from tests.factories import START

HOUR = timedelta(hours=1)
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
ACCOUNT, PAIR, OFF = StreakLimit(3, 6), StreakLimit(2, 10), StreakLimit(0, 1)


def blocked(account: StreakLimit, pair: StreakLimit, trades: str, hours_later: float) -> list[str]:
    """What is blocked after one trade an hour: "b-" a loss in BTC, "e+" a win in ETH."""
    results = [trades[i : i + 2] for i in range(0, len(trades), 2)]
    streaks = {}
    for i, (where, how) in enumerate(results):
        profit = {"-": -5.0, "+": 5.0, "0": 0.0}[how]
        trade = ClosedTrade({"b": BTC, "e": ETH}[where], START + i * HOUR, profit)
        streaks = observe(streaks, [trade])
    now = START + (len(results) - 1 + hours_later) * HOUR
    decisions = list(decide(account, pair, streaks, now))
    assert all(d.trading is Trading.REDUCING and d.release > now for d in decisions)
    assert all(d.size_factor == 0 for d in decisions)
    return [d.pair for d in decisions]


@pytest.mark.parametrize(
    ("account", "pair", "trades", "hours_later", "expected"),
    [
        (ACCOUNT, OFF, "", 0, []),
        (ACCOUNT, OFF, "b-b-", 0, []),
        (ACCOUNT, OFF, "b-e-b-", 0, ["*"]),
        (ACCOUNT, OFF, "b-e-b-", 5.9, ["*"]),
        (ACCOUNT, OFF, "b-e-b-", 6, []),
        (ACCOUNT, OFF, "b-b+e-b-", 0, []),
        (ACCOUNT, OFF, "b-b0e-b-", 0, []),  # breaking even is no loss
        (ACCOUNT, OFF, "b-e-b-b-", 5, ["*"]),  # each loss more counts anew
        (OFF, PAIR, "b-e-b-", 0, [BTC]),
        (OFF, PAIR, "b-e-e+b-", 9, [BTC]),
        (OFF, PAIR, "b-e-b-e-", 9.5, [ETH]),
        (ACCOUNT, PAIR, "b-e-b-", 0, ["*", BTC]),
        (OFF, OFF, "b-b-b-b-b-", 0, []),
    ],
)
def test_streaks(account, pair, trades, hours_later, expected):
    assert blocked(account, pair, trades, hours_later) == expected


def test_the_reason_names_the_figures():
    trades = [ClosedTrade(BTC, START, -1.0)] * 3
    account, pair = decide(ACCOUNT, PAIR, observe({}, trades), START)
    assert account.reason == "3 losses in a row (limit 3): no new entries"
    assert pair.reason == "3 losses in a row on BTC/USDT:USDT (limit 2): no new entries"
    assert account.release == START + 6 * HOUR


@pytest.mark.parametrize(
    ("losses", "hours", "message"),
    [
        (1, 1, "losses must be 0 or at least 2"),
        (-1, 1, "losses"),
        (2.5, 1, "losses"),
        (3, 0, "hours"),
    ],
)
def test_a_bad_parameter_is_named(losses, hours, message):
    with pytest.raises(ValueError, match=message):
        StreakLimit(losses, hours)


def test_both_ends_of_a_range_are_allowed():
    has_range(lambda hours: StreakLimit(3, hours), 0.1, 8760)
    assert StreakLimit(0, 1).losses == 0
    assert StreakLimit(1000, 1).losses == 1000
    with pytest.raises(ValueError, match="losses must be a whole number from 0 to 1000, got 1001"):
        StreakLimit(1001, 1)

"""What `--enable-protections` changes in a stock backtest, and that nothing else changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.cases import SLOW
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.integration

HOUR = timedelta(hours=1)
# One slot a pair and a fixed stake, so that pairs do not influence each other.
INDEPENDENT = {
    "max_open_trades": 5,
    "stake_amount": 100,
    "tradable_balance_ratio": 1.0,
    "perpkit": {"use": {"sizing": False, "scale_out": False, "trailing": False}},
}

# With one breaker, and its effect on sizes taken out, to compare trade by trade.
ONLY_LOCKS = """
from strategies.RsiSmaSwing import RsiSmaSwing


class OnlyLocks(RsiSmaSwing):
    @property
    def protections(self):
        return [{{**super().protections[0], {parameters}}}]
"""


@pytest.fixture
def strategy(bot, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))

    def write(parameters: str = '"elevated_size_factor": 1.0') -> None:
        folder = bot.userdir / "strategies"
        folder.mkdir(exist_ok=True)
        (folder / "OnlyLocks.py").write_text(ONLY_LOCKS.format(parameters=parameters))

    return write


def moment(text: str) -> datetime:
    """Freqtrade exports trades with a time zone, and locks without."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def entries(stats: dict[str, Any]) -> dict[tuple[str, str], tuple]:
    """(pair, opening time) -> what became of it"""
    return {
        (trade["pair"], trade["open_date"]): (
            trade["close_date"],
            trade["stake_amount"],
            trade["profit_abs"],
        )
        for trade in stats["trades"]
    }


def locks(stats: dict[str, Any]) -> list[tuple[datetime, datetime]]:
    return [(moment(lock["lock_time"]), moment(lock["lock_end_time"])) for lock in stats["locks"]]


def test_the_difference_is_what_the_breaker_did(bot, strategy):
    strategy()
    without = bot.backtest("OnlyLocks", **INDEPENDENT)
    with_breaker = bot.backtest("OnlyLocks", "--enable-protections", **INDEPENDENT)
    locked = locks(with_breaker)
    assert without["locks"] == []
    assert len(locked) > 5

    def is_locked(entry: tuple[str, str]) -> bool:
        opened = moment(entry[1])
        return any(since <= opened < until for since, until in locked)

    free, guarded = entries(without), entries(with_breaker)
    refused = set(free) - set(guarded)
    assert not any(map(is_locked, guarded))
    assert any(map(is_locked, refused))
    # Same entries, same ends. A pair goes its own way only after an entry of it was refused.
    for pair, opened in set(free) | set(guarded):
        earlier = [entry for entry in refused if entry[0] == pair and entry[1] <= opened]
        if not earlier:
            assert free[pair, opened] == guarded[pair, opened]
        else:
            assert is_locked(min(earlier, key=lambda entry: entry[1]))


@SLOW
def test_a_breaker_that_never_trips_changes_nothing(bot, strategy):
    strategy('"elevated_size_factor": 1.0, "floor_annual": 9.0')
    spring = "--timerange=20250401-20250531"
    without = bot.backtest("OnlyLocks", spring, **INDEPENDENT)
    with_breaker = bot.backtest("OnlyLocks", spring, "--enable-protections", **INDEPENDENT)
    assert with_breaker["locks"] == []
    assert entries(with_breaker) == entries(without) != {}


def test_a_lock_appears_with_no_trade_closing_around_it(bot, strategy):
    strategy()
    stats = bot.backtest("OnlyLocks", "--enable-protections")
    closed = [moment(trade["close_date"]) for trade in stats["trades"]]
    alone = [
        since
        for since, _ in locks(stats)
        if not any(abs(since - time) <= 3 * HOUR for time in closed)
    ]
    assert alone
    reasons = [lock["reason"] for lock in stats["locks"]]
    assert all(reason.startswith("CryptoVixBreaker reducing: BTC") for reason in reasons)


def test_elevated_volatility_halves_the_stake(bot, strategy):
    strategy("")
    stats = bot.backtest(
        "OnlyLocks", "--enable-protections", **{**INDEPENDENT, "stake_amount": 1000}
    )
    # To the step of the quantity, which is worth up to 3% of such a stake.
    stakes = {round(trade["stake_amount"] / 100) * 100 for trade in stats["trades"]}
    assert stakes == {500, 1000}

"""The account in the state file: sums over positions, what is unknown, and the peak.

With a whole bot: tests/integration/test_state_account.py."""

from __future__ import annotations

from math import nan

import pytest

from perpkit.bot.live.state_account import AccountNow
from perpkit.bot.positions.account import AccountStanding, Balance
from perpkit.record.state_holdings import Position
from tests.bench.states import BTC
from tests.factories import START as NOW

LIVE = {"stake_currency": "USDT", "dry_run": False}


class Books:
    """An account with these figures."""

    def __init__(self, capital=1_000.0, profit=10.0, open_profit=5.0) -> None:
        self.now, self.standing = capital, AccountStanding(profit, open_profit)

    def capital(self, _now) -> float:
        return self.now

    def at(self, _now) -> AccountStanding:
        return self.standing

    def balance(self) -> Balance:
        return Balance(990.0, NOW)


def position(side="long", **more) -> Position:
    known = {"notional": 300.0, "at_risk": 6.0, "funding": -0.1}
    return Position(
        trade_id=1, pair=BTC, side=side, amount=0.01, open_rate=30_000.0, opened_at=NOW,
        leverage=3.0, liquidation_price=None, stop_price=None, covered=True, since=NOW,
        covered_by=(), risk=None, **{**known, **more},
    )  # fmt: skip


def test_sums_are_over_all_positions():
    found = AccountNow(LIVE, Books()).report((position(), position("short", notional=100.0)), NOW)
    assert (found.currency, found.equity, found.unrealised) == ("USDT", 1_010.0, 5.0)
    assert (found.gross, found.net, found.open_risk) == (400.0, 200.0, 12.0)
    assert found.funding == pytest.approx(-0.2)
    assert (found.balance, found.balance_at) == (990.0, NOW)


def test_without_positions_nothing_is_held_and_nothing_at_risk():
    found = AccountNow(LIVE, Books()).report((), NOW)
    assert (found.gross, found.net, found.open_risk, found.funding) == (0.0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("books", "positions", "unknown"),
    [
        (Books(), None, {"gross", "net", "open_risk", "funding"}),
        (Books(), (position(), position(notional=None)), {"gross", "net"}),
        (Books(), (position(at_risk=None),), {"open_risk"}),
        (Books(capital=nan), (), {"equity", "unexplained"}),
        (Books(profit=nan, open_profit=nan), (), {"equity", "unrealised"}),
    ],
)
def test_what_is_not_known_is_null_and_not_nought(books, positions, unknown):
    found = AccountNow(LIVE, books).report(positions, NOW).model_dump()
    always = {"peak", "drawdown"}  # without a breaker that follows them
    assert {name for name, value in found.items() if value is None} == unknown | always


@pytest.mark.parametrize(
    ("highest", "capital", "peak", "drawdown"),
    [
        (110.0, 1_000.0, 1_110.0, 100 / 1_110),
        (5.0, 1_000.0, 1_010.0, 0.0),  # the breaker has not seen this cycle's profit yet
        (None, 1_000.0, None, None),
        (110.0, nan, None, None),
        (5_000.0, -20.0, 4_980.0, 1.0),  # never more than all of it
    ],
)
def test_the_drawdown_is_from_the_highest_that_the_breaker_knows(highest, capital, peak, drawdown):
    account = AccountNow(LIVE, Books(capital=capital))
    account.highest_profit = lambda: highest
    found = account.report((), NOW)
    assert (found.peak, found.drawdown) == (peak, drawdown and pytest.approx(drawdown))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (LIVE, [0.0, -7.0, None, 3.0]),
        (LIVE | {"dry_run": True}, [None] * 4),
        (LIVE | {"available_capital": 500}, [None] * 4),
    ],
)
def test_what_the_books_do_not_explain_is_counted_from_the_start(config, expected):
    books = Books()
    account, found = AccountNow(config, books), []
    for capital in (1_000.0, 993.0, nan, 1_003.0):
        books.now = capital
        found.append(account.report((), NOW).unexplained)
    assert found == expected

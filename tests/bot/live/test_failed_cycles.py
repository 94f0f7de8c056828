"""One error must not affect other trades, or keep the bot from starting."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from perpkit.bot.live.failed_cycles import FailedCycles
from perpkit.bot.positions.trade_lock import TradeLock


class Bot:
    """A bot that raises `odd` for the trade of that name, and in the updates at its start."""

    def __init__(self) -> None:
        self._exit_lock = TradeLock()
        self.exchange = SimpleNamespace()
        self.looked_at: list[str] = []
        self.said: list[str] = []
        self.odd: Exception | None = None

    def exit_positions(self, trades) -> int:
        for trade in trades:
            if trade == "odd" and self.odd is not None:
                raise self.odd
            self.looked_at.append(trade)
        return len(trades)

    def _at_the_start(self) -> None:
        if self.odd is not None:
            raise self.odd

    startup_update_open_orders = update_funding_fees = _at_the_start
    update_all_liquidation_prices = _at_the_start

    def notify_status(self, message: str, _type: object) -> None:
        self.said.append(message)


@pytest.fixture
def bot(trade_database) -> Bot:
    made = Bot()
    FailedCycles(made)
    return made


TRADES = ["first", "odd", "last"]


def test_exits_of_all_trades_are_looked_at(bot):
    with bot._exit_lock:
        assert bot.exit_positions(TRADES) == 3
    assert bot.looked_at == TRADES


def test_one_that_fails_keeps_no_other_from_its_exit(bot):
    bot.odd = TypeError("an answer without its fields")
    with bot._exit_lock, pytest.raises(TypeError, match="without its fields"):
        bot.exit_positions(TRADES)
    assert bot.looked_at == ["first", "last"]


@pytest.mark.parametrize(
    "name",
    ["startup_update_open_orders", "update_funding_fees", "update_all_liquidation_prices"],
)
def test_what_fails_at_the_start_is_reported_once_and_the_bot_starts(bot, name):
    bot.odd = TypeError("an answer without its fields")
    for _ in range(2):
        getattr(bot, name)()
    [message] = bot.said
    assert "an answer without its fields" in message

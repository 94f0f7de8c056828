"""Keeps the bot running when a cycle fails, so that open positions stay managed.

Freqtrade repeats a cycle after a `TemporaryError` and stops the bot at an `OperationalException`,
which it also raises for ccxt errors without a better class. Any other error, such as a missing
field in an answer, ends the process. In addition, an error with one trade must not keep the others
from their exits, nor may an error in the updates at the start keep the bot from its first cycle.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import ccxt
from freqtrade.exceptions import OperationalException, TemporaryError
from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.running_bot import message_of, warn
from perpkit.durations import HOUR

logger = logging.getLogger(__name__)

# Called when the bot starts, outside of any cycle, and by its schedule.
_SHIELDED = (
    "bot.startup_update_open_orders",
    "bot.update_funding_fees",
    "bot.update_all_liquidation_prices",
)
# An error is reported again if it last occurred longer ago than this.
_AGAIN = HOUR


class FailedCycles:
    """Handles failed cycles; made once for a running live bot."""

    def __init__(self, bot: Any) -> None:
        self._bot = bot
        self._seen: dict[tuple[str, str], datetime] = {}
        self._in_a_row = 0
        for attribute in _SHIELDED:
            self._shield(attribute)
        self._exit_positions = replace(bot, "bot.exit_positions", self.exit_positions)

    def _shield(self, attribute: str) -> None:
        def shielded() -> None:
            try:
                update()
            except Exception as error:
                self.report(error, datetime.now(UTC))

        update = replace(self._bot, attribute, shielded)

    def exit_positions(self, trades: list[Trade]) -> int:
        """Replaces Freqtrade's method and handles each trade by itself; afterwards it raises the
        first error that Freqtrade does not expect."""
        closed, errors = 0, []
        for trade in trades:
            try:
                closed += self._exit_positions([trade])
            except Exception as error:
                errors.append(error)
        if errors:
            raise errors[0]
        return closed

    @property
    def is_first(self) -> bool:
        """Whether the cycle before the one that has just failed had succeeded."""
        return self._in_a_row == 1

    def succeeded(self) -> None:
        self._in_a_row = 0

    def failed(self, error: Exception, now: datetime) -> TemporaryError | None:
        """Returns the error to raise, or None for Freqtrade's own, which stops the bot."""
        self._in_a_row += 1
        if isinstance(error, TemporaryError):
            return error
        if isinstance(error, OperationalException) and not self._can_continue(error):
            return None
        self.report(error, now)
        return TemporaryError(message_of(error))

    def report(self, error: Exception, now: datetime) -> None:
        """Logs an error that Freqtrade does not expect, and notifies the operator if it is new."""
        kind = type(error).__name__, message_of(error)
        last, self._seen[kind] = self._seen.get(kind), now
        if last is not None and now - last < _AGAIN:
            return
        logger.error(f"A cycle ended early: {kind[0]}: {kind[1]}", exc_info=error)
        warn(
            self._bot,
            f"A cycle ended early: {kind[0]}: {kind[1]}. The bot continues: stops stay, and "
            "the cycle is repeated. The log shows where it failed.",
        )

    def _can_continue(self, error: OperationalException) -> bool:
        """An invalid configuration or strategy still stops a bot without open trades."""
        return isinstance(error.__cause__, ccxt.BaseError) or Trade.get_open_trade_count() > 0

"""What ended a cycle must not end the bot: what is open would be left unmanaged.

Freqtrade repeats a cycle after a `TemporaryError`, stops the bot at an `OperationalException`,
which it makes of errors that ccxt has no better word for, and lets everything else, of an answer
without its fields for example, end the process. Nor must one trade keep the others from their
exits, or what is brought up to date as a bot starts keep it from its first cycle.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import ccxt
from freqtrade.exceptions import OperationalException, TemporaryError
from freqtrade.persistence import Trade

from perpkit.bot.live.replaced import replace
from perpkit.bot.running_bot import warn, words
from perpkit.durations import HOUR

logger = logging.getLogger(__name__)

# Called as the bot starts, outside of any cycle, and from its schedule.
_SHIELDED = (
    "bot.startup_update_open_orders",
    "bot.update_funding_fees",
    "bot.update_all_liquidation_prices",
)
# An error is reported again when it has not come for so long.
_AGAIN = HOUR


class FailedCycles:
    """Made once for a running live bot."""

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
        """Freqtrade's, for one trade after the other; raises, after all of them, the first error
        that it does not expect."""
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
        """Whether the cycle before the one that has failed now had not."""
        return self._in_a_row == 1

    def succeeded(self) -> None:
        self._in_a_row = 0

    def failed(self, error: Exception, now: datetime) -> TemporaryError | None:
        """The error to go on with; None where Freqtrade is to have its own, and stops."""
        self._in_a_row += 1
        if isinstance(error, TemporaryError):
            return error
        if isinstance(error, OperationalException) and not self._goes_on(error):
            return None
        self.report(error, now)
        return TemporaryError(words(error))

    def report(self, error: Exception, now: datetime) -> None:
        """An error that Freqtrade does not expect; to the operator when it is new."""
        kind = type(error).__name__, words(error)
        last, self._seen[kind] = self._seen.get(kind), now
        if last is not None and now - last < _AGAIN:
            return
        logger.error(f"A cycle ended early: {kind[0]}: {kind[1]}", exc_info=error)
        warn(
            self._bot,
            f"A cycle ended early: {kind[0]}: {kind[1]}. The bot goes on: stops stay, and the "
            "cycle is repeated. The log says where it failed.",
        )

    def _goes_on(self, error: OperationalException) -> bool:
        """What is wrong with the configuration or a strategy stops a bot that holds nothing."""
        return isinstance(error.__cause__, ccxt.BaseError) or Trade.get_open_trade_count() > 0

"""Trades, or parts of them, that are in the database and not at the exchange.

No stop and no exit is placed for what is not there: the exchange would refuse them, cycle by cycle,
or they would act on a position that is not the bot's. A position that the first look of a bot does
not see may be gone: it waits for the second look, which decides.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

from freqtrade.enums import ExitType
from freqtrade.exceptions import ExchangeError
from freqtrade.persistence import LocalTrade, Trade

from perpkit.bot.live.held import DUST
from perpkit.bot.live.price_band import refusal_code
from perpkit.bot.live.replaced import replace
from perpkit.execution.refusals import NO_POSITION

logger = logging.getLogger(__name__)

# A second look is due after three seconds; where none succeeds, exits and stops wait no longer.
_AT_MOST = timedelta(seconds=10)
# What the exchange shows of positions may be older than a fill.
_FRESH = timedelta(seconds=5)


class Absent:
    """Made once for a running live bot."""

    def __init__(self, bot: Any) -> None:
        self._missing: dict[str, float] = {}
        self._unseen: frozenset[str] = frozenset()  # at the first look, and since
        self._looked_at = datetime.min.replace(tzinfo=UTC)
        self._said: set[str] = set()
        # An exit was refused since it was asked last, for there is no such position.
        self.doubtful = False
        self._exit = replace(bot, "bot.execute_trade_exit", self.execute_trade_exit)

    def __contains__(self, pair: str) -> bool:
        return pair in self._missing

    def set(self, missing: dict[str, float]) -> None:
        """:param missing: by pair, of its open trade"""
        self._missing = missing
        self._unseen -= missing.keys()
        self._said &= missing.keys()

    def wait(self, pairs: Collection[str], now: datetime) -> None:
        """The first look has not seen the positions of these: let them wait for the second one."""
        self._unseen, self._looked_at = frozenset(pairs), now
        if pairs:
            names = ", ".join(sorted(pairs))
            logger.warning(
                f"{names}: the exchange shows no position. No exit is tried and no stop is placed "
                "there before the exchange has been looked at once more."
            )

    def seen_but(self, pairs: Collection[str]) -> None:
        """Another look has seen the positions of all that wait, but for these."""
        self._unseen &= frozenset(pairs)

    @property
    def waits_for_look(self) -> bool:
        """Whether an exit or a stop waits for the next look."""
        return bool(self._unseen) and datetime.now(UTC) - self._looked_at < _AT_MOST

    def waits(self, trade: LocalTrade) -> bool:
        """Whether the trade's exits and stops wait for the next look."""
        return (
            trade.pair in self._unseen
            and self.waits_for_look
            and trade.date_last_filled_utc < self._looked_at - _FRESH
        )

    def there(self, trade: LocalTrade) -> float:
        """What the exchange holds of the trade's amount, as far as is known."""
        if self.waits(trade):
            return 0.0
        left: float = trade.amount - self._missing.get(trade.pair, 0.0)
        return left if left > DUST else 0.0

    def execute_trade_exit(self, trade: Trade, limit: float, exit_check: Any, **how: Any) -> bool:
        """Freqtrade's, for what is there. What an operator forces waits for no look: the bot would
        not try it again."""
        if self.waits(trade) and exit_check.exit_type is not ExitType.FORCE_EXIT:
            return False
        if trade.pair in self._missing:
            there = self.there(trade)
            if not there:
                if trade.pair not in self._said:
                    logger.warning(f"{trade.pair}: no exit is placed, for there is no position.")
                self._said.add(trade.pair)
                return False
            how["sub_trade_amt"] = min(how.get("sub_trade_amt") or there, there)
        try:
            placed: bool = self._exit(trade, limit, exit_check, **how)
        except ExchangeError as error:
            self.doubtful = self.doubtful or refusal_code(error) == NO_POSITION
            raise
        return placed

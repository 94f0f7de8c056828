"""Trades, or parts of them, that the database has but the exchange does not.

No stop and no exit is placed for a missing position: the exchange would refuse them in every cycle,
or they would act on a position that is not the bot's. A position that is missing in the first
snapshot of a bot may have been closed; its exits and stops wait for the second snapshot.
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
from perpkit.execution.refusals import CANNOT_REDUCE

logger = logging.getLogger(__name__)

# The second snapshot is due after 3 s; if none succeeds, exits and stops wait at most this long.
_AT_MOST = timedelta(seconds=10)
# Snapshots of positions may lag behind a fill by this much.
_FRESH = timedelta(seconds=5)


class Absent:
    """Holds back exits and stops of missing positions; made once for a running live bot."""

    def __init__(self, bot: Any) -> None:
        self._missing: dict[str, float] = {}
        self._unseen: frozenset[str] = frozenset()  # missing in the first snapshot and since
        self._first_at = datetime.min.replace(tzinfo=UTC)
        self._reported: set[str] = set()
        # An exit was refused, since this was last reset, because there is no such position, or
        # because an order rests that closes it already.
        self.doubtful = False
        self._exit = replace(bot, "bot.execute_trade_exit", self.execute_trade_exit)

    def __contains__(self, pair: str) -> bool:
        return pair in self._missing

    def set(self, missing: dict[str, float]) -> None:
        """Sets the amounts that are confirmed as missing.

        :param missing: missing part of the open trade, by pair
        """
        self._missing = missing
        self._unseen -= missing.keys()
        self._reported &= missing.keys()

    def wait(self, pairs: Collection[str], now: datetime) -> None:
        """Makes pairs wait for the second snapshot; the first one did not show their positions."""
        self._unseen, self._first_at = frozenset(pairs), now
        if pairs:
            names = ", ".join(sorted(pairs))
            logger.warning(
                f"{names}: the exchange shows no position. No exit and no stop is placed there "
                "before a second snapshot of the exchange."
            )

    def keep_waiting(self, pairs: Collection[str]) -> None:
        """Ends the wait of all other pairs, whose positions a later snapshot has shown."""
        self._unseen &= frozenset(pairs)

    @property
    def is_waiting(self) -> bool:
        """Whether any exit or stop waits for the next snapshot."""
        return bool(self._unseen) and datetime.now(UTC) - self._first_at < _AT_MOST

    def waits(self, trade: LocalTrade) -> bool:
        """Whether the exits and stops of this trade wait for the next snapshot."""
        return (
            trade.pair in self._unseen
            and self.is_waiting
            and trade.date_last_filled_utc < self._first_at - _FRESH
        )

    def there(self, trade: LocalTrade) -> float:
        """Returns the part of the trade's amount that the exchange holds, as far as known."""
        if self.waits(trade):
            return 0.0
        left: float = trade.amount - self._missing.get(trade.pair, 0.0)
        return left if left > DUST else 0.0

    def execute_trade_exit(self, trade: Trade, limit: float, exit_check: Any, **how: Any) -> bool:
        """Replaces Freqtrade's method; exits only from the part that exists.

        A forced exit does not wait, because the bot would not try it again.
        """
        if self.waits(trade) and exit_check.exit_type is not ExitType.FORCE_EXIT:
            return False
        if trade.pair in self._missing:
            there = self.there(trade)
            if not there:
                if trade.pair not in self._reported:
                    logger.warning(f"{trade.pair}: no exit is placed because there is no position.")
                self._reported.add(trade.pair)
                return False
            how["sub_trade_amt"] = min(how.get("sub_trade_amt") or there, there)
        try:
            placed: bool = self._exit(trade, limit, exit_check, **how)
        except ExchangeError as error:
            self.doubtful = self.doubtful or refusal_code(error) in CANNOT_REDUCE
            raise
        return placed

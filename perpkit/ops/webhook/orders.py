"""Carries an alert out: the bot's own forced entries and exits, which pass its checks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Protocol

from perpkit.ops.stop.rest import RefusedError, RestError
from perpkit.ops.webhook.alert import Alert, Wish
from perpkit.record.trade_database import StoredTrade

# Until what is reversed must be closed, and between looks at it.
_TO_CLOSE_SECONDS = 30.0
_LOOK_SECONDS = 0.5
_EXPLAINED = {
    "Force_entry not enabled.": 'the bot takes no forced entries: "force_entry_enable": true in '
    "its configuration allows them, after a restart or /reload_config",
    "trader is not running": "the bot is stopped: /start lets it enter",
}


class Rest(Protocol):
    """The bot's REST API, as `perpkit.ops.stop.rest.BotRest` has it."""

    def open_trades(self) -> list[StoredTrade]: ...

    def force_exit(self, trade_id: int | str) -> None: ...

    def force_enter(
        self,
        pair: str,
        side: str,
        *,
        stake: float | None = None,
        leverage: float | None = None,
        tag: str | None = None,
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Outcome:
    """What became of an alert.

    :param result: entered, exited, nothing, refused or unknown
    :param words: for the operator
    :param trades: ids of the trades that it was about
    """

    result: str
    words: str
    trades: tuple[int, ...] = ()


# The newest reason for which the bot refused a pair since a time, if it has one.
Reasons = Callable[[str, datetime], str]


@dataclass
class Orders:
    """One at a time, so that two alerts of a pair meet each other's trades.

    :param reasons: of the bot's refusals
    :param check: raises a `RestError` unless the bot that is meant answers; called before the
        orders of an alert until it has succeeded once
    :param checked: whether it has
    """

    rest: Rest
    reasons: Reasons = lambda _pair, _since: ""
    check: Callable[[], None] = lambda: None
    checked: bool = False
    _lock: Lock = field(default_factory=Lock)

    def carry_out(self, alert: Alert) -> Outcome:
        with self._lock:
            try:
                if not self.checked:
                    self.check()
                    self.checked = True
            except RestError as error:
                return Outcome("refused", f"{error}. Nothing was ordered")
            try:
                if alert.wish.is_entry:
                    return self._enter(alert)
                return self._exit(alert.pair, alert.wish.closes)
            except RefusedError as error:
                return Outcome("refused", str(error))
            except RestError as error:
                return Outcome("unknown", f"{error}; whether something was ordered is not known")

    def _enter(self, alert: Alert) -> Outcome:
        pair, side = alert.pair, alert.wish
        is_short = side is Wish.SHORT
        there = self._open(pair)
        # Freqtrade would add to an open trade, on the side of that trade.
        if same := [trade.id for trade in there if trade.is_short == is_short]:
            return Outcome("refused", f"{pair} is {side.value} already", tuple(same))
        if there:
            self._exit(pair, (not is_short,))
            if not self._is_closed(pair):
                return Outcome(
                    "refused",
                    f"{pair} is on the other side, and its exit has not filled within "
                    f"{_TO_CLOSE_SECONDS:g} s: the entry is given up",
                    tuple(trade.id for trade in there),
                )
        since = datetime.now(UTC)
        tag = f"webhook {alert.tag}" if alert.tag else "webhook"
        try:
            trade = self.rest.force_enter(
                pair, side.value, stake=alert.stake, leverage=alert.leverage, tag=tag
            )
        except RefusedError as error:
            why = self.reasons(pair, since) or _EXPLAINED.get(_bare(error.words), error.words)
            return Outcome("refused", f"{pair} {side.value}: {why}")
        if "trade_id" not in trade:
            return Outcome("refused", f"{pair} {side.value}: {trade.get('status', 'no trade')}")
        return Outcome(
            "entered",
            f"{pair} {side.value}: {trade['stake_amount']:g} at {trade['leverage']:g}x",
            (trade["trade_id"],),
        )

    def _exit(self, pair: str, sides: tuple[bool, ...]) -> Outcome:
        """Closes what is open; one that fails keeps no other from its exit."""
        trades = [trade for trade in self._open(pair) if trade.is_short in sides]
        failed = []
        for trade in trades:
            try:
                self.rest.force_exit(trade.id)
            except RestError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        if not trades:
            return Outcome("nothing", f"nothing is open in {pair} to exit")
        return Outcome("exited", f"{pair}: the exit is sent", tuple(trade.id for trade in trades))

    def _open(self, pair: str) -> list[StoredTrade]:
        return [trade for trade in self.rest.open_trades() if trade.pair == pair]

    def _is_closed(self, pair: str) -> bool:
        end = time.monotonic() + _TO_CLOSE_SECONDS
        while self._open(pair):
            if time.monotonic() > end:
                return False
            time.sleep(_LOOK_SECONDS)
        return True


def _bare(words: str) -> str:
    """Returns the bot's words without what its API puts around them.

    >>> _bare("Error querying /api/v1/forceenter: Force_entry not enabled.")
    'Force_entry not enabled.'
    """
    return words.partition(": ")[2] if words.startswith("Error querying ") else words

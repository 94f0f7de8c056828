"""A bot that belongs to a fleet: a pair is entered by one bot of it, and only while all is known.

The folder that its bots share decides (`perpkit.record.fleet`). It is asked last, when an entry is
confirmed or an addition allowed, because that claims the pair; exits never ask it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from freqtrade.persistence import Trade

from perpkit.bot.refusals import RefusalKind, Why
from perpkit.bot.running_bot import message_of
from perpkit.bot.watching.watch import Watch
from perpkit.breakers.breaker import Decision, Trading
from perpkit.record.fleet import FleetError, Membership, membership

NAME = "Fleet"


class FleetMember:
    """
    :param config: Freqtrade's
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self._of: Membership | None = None
        self._watch: Watch | None = None
        # Why no pair may be entered, as the watch knows it.
        self._known = ""
        # What is wrong with the options; empty if nothing is.
        self.wrong = ""
        try:
            self._of = membership(config)
        except ValueError as error:
            self.wrong = str(error)

    def follow(self, watch: Watch) -> None:
        """Makes the watch apply what concerns all pairs, from the next step on."""
        self._watch = watch

    def refusal(self, pair: str, now: datetime) -> Why | None:
        """Returns why this bot must not enter a pair, or None, and then has claimed it."""
        if self.wrong:
            return Why(RefusalKind.FLEET, self.wrong)
        if self._of is None:
            return None
        try:
            reason = self._of.folder.against(self._of.bot, pair, now)
        except Exception as error:
            reason = _unforeseen(error)
        return Why(RefusalKind.FLEET, reason) if reason else None

    def step(self, now: datetime) -> None:
        """Keeps the claims to what is held, and says once that nothing may be entered.

        What is wrong with the fleet is a reason to enter nothing, and never an error: the parts
        beside this one guard positions.
        """
        if self._of is None or self._watch is None:
            return
        try:
            reason = self._of.folder.against_all(self._of.bot, now) or _keep_claims(self._of, now)
        except Exception as error:
            reason = _unforeseen(error)
        if reason == self._known:
            return
        self._known = reason
        if reason:
            self._watch.restrict(NAME, Decision(Trading.REDUCING, 0.0, reason=reason))
        else:
            self._watch.lift(NAME, "the fleet may enter again")


def _unforeseen(error: Exception) -> str:
    return f"the fleet's part has failed: {type(error).__name__}: {message_of(error)}"


def _keep_claims(member: Membership, now: datetime) -> str:
    """Returns what kept it from doing so."""
    held = {trade.pair for trade in Trade.get_open_trades()}
    try:
        member.folder.keep(member.bot, held, now)
    except FleetError as error:
        return str(error)
    return ""

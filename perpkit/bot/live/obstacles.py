"""Reasons not to trade that are found when a bot starts: the ownership and the mode of its files.

If nothing is open the bot does not start. A bot with trades or positions manages them and makes no
entry; if they may belong to another bot, or cannot be managed in this mode, it is passive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perpkit.bot.live.order_journal import (
    Opened,
    hold,
    open_at_start,
    open_if_sound,
    open_targets,
)
from perpkit.bot.live.passive import Passive
from perpkit.bot.live.stored_orders import order_tag
from perpkit.bot.live.trade_mode import other_mode
from perpkit.bot.refusals import RunRefusedError


class Obstacles:
    """Collects the obstacles in `bot_start`, before anything else is done.

    :param guarded: the bot keeps a journal
    :param take_charge: called with the journal when a passive bot may become active
    :raises RunRefusedError: another process runs with the same files
    """

    def __init__(
        self,
        bot: Any,
        config: dict[str, Any],
        guarded: bool,
        take_charge: Callable[[Opened | None], None],
    ) -> None:
        self._bot = bot
        self._config = config
        self._take_charge = take_charge
        self._passive: Passive | None = None
        self.opened: Opened | None = None  # the journal, None if the bot keeps none
        self._passive_by = ""  # the obstacle that makes it passive
        # Reason and remedy by the name of the obstacle.
        self.reasons: dict[str, str] = {}
        # Names of those that the guard follows: they keep a flat bot from starting, no more.
        self.followed: set[str] = set()
        self._held = self._hold() if guarded else None
        if guarded:
            self._check_journal()
        elif not config["dry_run"]:
            self._check_targets()
        if (reason := other_mode(config)) is not None:
            self.reasons["Trade database"] = reason
            if config["dry_run"]:
                self._be_passive("Trade database", reason)

    @property
    def restricting(self) -> dict[str, str]:
        """The reasons that leave a bot with something open REDUCING, by name.

        A passive bot may be adopted while it runs: then its own reason is over, the others are not.
        """
        without = {self._passive_by, *self.followed}
        return {name: reason for name, reason in self.reasons.items() if name not in without}

    @property
    def passive(self) -> str | None:
        """Why the bot is read-only, or None if it is active."""
        return self._passive.reason if self._passive is not None else None

    @property
    def journal(self) -> tuple[str, str] | None:
        """State of the journal and the reason not to trade with it; None without a journal."""
        return None if self.opened is None else self.opened.found

    def close(self) -> None:
        """Releases the files when the bot ends or is created again."""
        if self._held is not None:
            self._held.release(force=True)

    def _hold(self) -> Any:
        try:
            return hold(self._config)
        except RunRefusedError as error:
            self._be_passive("Files", str(error))  # it must not cancel orders when it ends
            raise

    def _check_journal(self) -> None:
        opened = self.opened = open_at_start(self._config, order_tag())
        if opened.reason is None:
            return
        self.reasons["Journal"] = opened.reason
        if opened.finding.state.others_may_know_more:
            self._be_passive("Journal", opened.reason, self._is_over)

    def _check_targets(self) -> None:
        """Finds targets that no guard would book or cancel."""
        if pairs := open_targets(self._config):
            self.reasons["Targets"] = (
                f"targets of this bot may rest at the exchange in {', '.join(sorted(pairs))}, and "
                "without the stop guard none is booked or cancelled: start it once more with "
                '"guard": true and "targets": false in "use", which cancels them'
            )

    def _is_over(self) -> bool:
        """Whether the journal has become the bot's own, for example by `perpkit adopt`."""
        if (opened := open_if_sound(self._config)) is None:
            return False
        self.opened = opened
        return True

    def _be_passive(self, name: str, reason: str, over: Callable[[], bool] = lambda: False) -> None:
        if self._passive is None:
            self._passive_by = name
            self._passive = Passive(self._bot, reason, over, lambda: self._take_charge(self.opened))

"""What speaks against trading as a bot starts: whose its files are, and of which mode.

With nothing open it does not start then. A bot that finds trades or positions looks after them and
makes no entry; where they may be another's, or cannot be reached, it is passive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perpkit.bot.live.order_journal import Opened, hold, open_at_start, open_if_sound
from perpkit.bot.live.passive import Passive
from perpkit.bot.live.stored_orders import order_tag
from perpkit.bot.live.trade_mode import other_mode
from perpkit.bot.refusals import RunRefusedError


class Obstacles:
    """Looked for in `bot_start`, before anything is done; the bot's lock is shared by then.

    :param guarded: the bot keeps a journal
    :param take_charge: called when a passive bot need not be passive any more, with its journal
    :raises RunRefusedError: when another process runs with the same files
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
        self.opened: Opened | None = None  # the journal; None where none is kept
        # Each with the way out, by its name.
        self.reasons: dict[str, str] = {}
        self._held = self._hold() if guarded else None
        if guarded:
            self._look_at_journal()
        if (reason := other_mode(config)) is not None:
            self.reasons["Trade database"] = reason
            if config["dry_run"]:
                self._be_passive(reason)

    @property
    def passive(self) -> str | None:
        """Why the bot does nothing at all; None where it acts."""
        return self._passive.reason if self._passive is not None else None

    @property
    def journal(self) -> tuple[str, str] | None:
        """How it was found, in a word, and what speaks against trading with it; None without."""
        return None if self.opened is None else self.opened.found

    def close(self) -> None:
        """As the bot ends, or is made once more: another process may have the files."""
        if self._held is not None:
            self._held.release(force=True)

    def _hold(self) -> Any:
        try:
            return hold(self._config)
        except RunRefusedError as error:
            self._be_passive(str(error))  # it must cancel nothing as it ends
            raise

    def _look_at_journal(self) -> None:
        opened = self.opened = open_at_start(self._config, order_tag())
        if opened.reason is None:
            return
        self.reasons["Journal"] = opened.reason
        if opened.finding.state.others_may_know_more:
            self._be_passive(opened.reason, self._look_again)

    def _look_again(self) -> bool:
        """Whether the journal is the bot's own by now, which `perpkit adopt` may have made it."""
        if (opened := open_if_sound(self._config)) is None:
            return False
        self.opened = opened
        return True

    def _be_passive(self, reason: str, over: Callable[[], bool] = lambda: False) -> None:
        if self._passive is None:
            self._passive = Passive(self._bot, reason, over, lambda: self._take_charge(self.opened))

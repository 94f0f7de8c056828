"""Writes the state file in every cycle, even in one that fails: see docs/state_file.md.

It sends no requests to the exchange and raises nothing into the cycle. Parts that cannot be
collected are named in the file; a file that cannot be written is reported once.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from freqtrade import __version__ as freqtrade_version
from freqtrade.persistence import Trade

from perpkit import __version__ as perpkit_version
from perpkit.bot.live import state_account, state_parts
from perpkit.bot.live.cycles import Cycles
from perpkit.bot.live.replaced import around
from perpkit.bot.live.state_account import AccountNow
from perpkit.bot.live.state_positions import Positions
from perpkit.bot.positions.account import Account
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.running_bot import message_of, warn
from perpkit.record import state_file
from perpkit.record.places import places
from perpkit.record.state import State
from perpkit.record.state_running import Versions

logger = logging.getLogger(__name__)

# Freqtrade's default of process_throttle_secs.
_THROTTLE_SECONDS = 5.0
_CYCLES = ("bot.process", "bot.process_stopped")

# Returns a part of the file at a given time; may raise.
Report = Callable[[datetime], Any]


class StateWriter:
    """Collects and writes the state.

    Created before the parts that replace the bot's cycle, so that it sees errors that they swallow;
    `start` is called after them.

    :param bot: Freqtrade's
    :param states: of the trades
    :param account: marked to market
    """

    def __init__(self, bot: Any, states: TradeStates, account: Account) -> None:
        self._bot = bot
        self._started_at = datetime.now(UTC)
        self._cycles = Cycles()
        self.positions = Positions(states, account)
        self.account = AccountNow(bot.config, account)
        self._reports: dict[str, Report] = {
            "loop": lambda _now: self._cycles.report(),
            "candles": lambda now: state_account.candles(bot, now),
        }
        self._unwritten = False
        self._reported: set[str] = set()
        for attribute in _CYCLES:
            around(bot, attribute, self._noted)

    def add(self, name: str, report: Report) -> None:
        """Adds a part of the file.

        :param name: a field of `State`
        :raises KeyError: there is no such field
        """
        if name not in State.model_fields:
            raise KeyError(name)
        self._reports[name] = report

    @property
    def path(self) -> Path:
        config = self._bot.config
        return places(config["db_url"], Path(config["user_data_dir"])).state

    def start(self) -> None:
        """Starts writing the file in each cycle."""
        for attribute in _CYCLES:
            around(self._bot, attribute, self._written)

    def _noted(self, cycle: Callable[[], None]) -> None:
        with self._cycles.noting_failure():
            cycle()

    def _written(self, cycle: Callable[[], None]) -> None:
        if not self._cycles.count:
            self.write()  # replaces the file of an earlier process
        self._cycles.begin()
        try:
            with self._cycles.noting_failure():
                cycle()
        except Exception:
            self._end()
            raise
        self._end()

    def _end(self) -> None:
        self._cycles.end(datetime.now(UTC))
        self.write()

    def write(self) -> None:
        """Writes the file. Never raises."""
        try:
            state_file.write(self.path, self._collect(datetime.now(UTC)))
        except Exception as error:
            if not self._unwritten:
                self._unwritten = True
                self._warn_unwritten(error)
        else:
            if self._unwritten:
                logger.info("The state file can be written again.")
            self._unwritten = False

    def _warn_unwritten(self, error: Exception) -> None:
        message = f"The state file cannot be written: {message_of(error)}. Trading continues."
        logger.warning(message)
        try:
            warn(self._bot, message)
        except Exception:
            logger.exception("This warning could not be sent.")

    def _collect(self, now: datetime) -> State:
        missing: dict[str, str] = {}
        parts: dict[str, Any] = {}
        try:
            with self._bot._exit_lock:  # once, as the database is read again each time
                self._collect_stored(now, parts, missing)
        except Exception as error:
            self._miss("positions", error, missing)
        self._collect_reports(self._reports, now, parts, missing)
        bot, internals = self._bot, self._bot.config.get("internals", {})
        return State(
            written_at=now,
            pid=os.getpid(),
            started_at=self._started_at,
            strategy=bot.strategy.get_strategy_name(),
            mode="dry-run" if bot.config["dry_run"] else "live",
            bot_state=str(bot.state),
            throttle_seconds=internals.get("process_throttle_secs", _THROTTLE_SECONDS),
            versions=Versions(freqtrade=freqtrade_version, perpkit=perpkit_version),
            missing=missing,
            **parts,
        )

    def _collect_stored(
        self, now: datetime, parts: dict[str, Any], missing: dict[str, str]
    ) -> None:
        """Collects what is in the trade database. The bot's lock must be held."""
        try:
            trades = Trade.get_open_trades()
            parts["positions"] = self.positions.report(trades, now)
            parts["entries"] = state_parts.entries(trades)
        except Exception as error:
            self._miss("positions", error, missing)
        reports: dict[str, Report] = {
            "locks": state_parts.locks,
            "account": lambda now: self.account.report(parts.get("positions"), now),
        }
        self._collect_reports(reports, now, parts, missing)

    def _collect_reports(
        self,
        reports: Mapping[str, Report],
        now: datetime,
        parts: dict[str, Any],
        missing: dict[str, str],
    ) -> None:
        for name, report in reports.items():
            try:
                parts[name] = report(now)
            except Exception as error:
                self._miss(name, error, missing)

    def _miss(self, name: str, error: Exception, missing: dict[str, str]) -> None:
        missing[name] = f"{type(error).__name__}: {message_of(error)}"
        if name not in self._reported:
            self._reported.add(name)
            logger.warning(f"{name} cannot be collected for the state file", exc_info=error)

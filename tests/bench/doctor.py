"""A bot that nothing is wrong with, in a folder of its own, and faults that are planted in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.ops.bot_config import read_config
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding
from perpkit.ops.doctor.registry import CHECKS
from perpkit.ops.doctor.run import run
from perpkit.ops.stored import BadInputError
from perpkit.rehearsal.datadir_mark import mark
from perpkit.venue.overlay import overlay
from tests import factories
from tests.bench.files import Files, files_of_a_bot
from tests.conftest import REPOSITORY

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
URL = "http://127.0.0.1:1"
PAIRS = ["BTC/USDT:USDT", "ETH/USDT:USDT"]
HOURS = 800
# As the example's, but for the pairs, of which two will do.
FEWER = {"exchange": {"pair_whitelist": PAIRS}}


class SetUp:
    """The example's configuration with stored candles; of a dry-run, nothing has run yet.

    :param venue: it leads to a venue
    """

    def __init__(self, home: Path, *, venue: bool = False, live: bool = False) -> None:
        self.home = home
        self.user_data = home / "user_data"
        self.user_data.mkdir()
        self.files = [home / "config.json"]
        self.files[0].write_text((REPOSITORY / "config.json.example").read_text())
        self.add(FEWER)
        self.datadir = self.user_data / "data" / "binance"
        if venue:
            self.datadir = home / "rehearsal" / "data"
            mark(self.datadir, URL)
            self.add(overlay(URL, home / "rehearsal", live=live))
        elif live:
            self.add({"dry_run": False})
        self.datadir.mkdir(parents=True, exist_ok=True)
        factories.write_market(self.datadir, {p: funding() for p in PAIRS}, rows=HOURS)

    def add(self, config: dict[str, Any]) -> Path:
        """One more configuration, over those before."""
        self.files.append(self.home / f"{len(self.files)}.json")
        self.files[-1].write_text(json.dumps(config))
        return self.files[-1]

    def keep_trades(self, name: str = "bot", *, started: bool = True) -> Files:
        """A trade database with an open trade, as a bot in live mode leaves it.

        :param started: with a journal, too
        """
        files = files_of_a_bot(self.home / name)
        if started:
            files.start()
        self.add({"dry_run": False, "db_url": files.db_url})
        return files

    def context(self, now: datetime = NOW) -> Context:
        try:
            read: Any = read_config(self.files)
        except BadInputError as error:
            read = str(error)
        return Context(now, tuple(self.files), read)

    def found(self, now: datetime = NOW) -> list[Finding]:
        """What all checks say that ask nobody in a network."""
        return list(run(CHECKS, self.context(now), offline=True))

    def wrong(self, now: datetime = NOW) -> list[Finding]:
        return [each for each in self.found(now) if each.level.is_finding]

    def doctor(self, *options: str) -> Any:
        """The command."""
        files = [f"--config={path}" for path in self.files]
        return CliRunner().invoke(app, ["doctor", *files, *options], catch_exceptions=False)


def funding() -> Any:
    return factories.funding([0.0001] * (HOURS // 8 + 1))


@dataclass(frozen=True)
class Fault:
    """
    :param plant: into a set-up; what it returns is given to `mend`
    :param check: by whose name it is found
    :param words, fix: patterns
    :param mend: does what the fix says
    :param makes: the set-up
    :param also: checks that cannot but find it, too
    """

    plant: Callable[[Any, Any], Any]
    check: str
    words: str
    fix: str
    mend: Callable[[Any, Any, Any], None] | None = None
    makes: tuple[str, ...] = ()
    also: frozenset[str] = frozenset()


def configured(**config: Any) -> Callable[[Any, Any], Any]:
    return lambda bot, patch: bot.add(config)


def mended(**config: Any) -> Callable[[Any, Any, Any], None]:
    return lambda bot, patch, planted: bot.add(config)


def removed(bot: Any, patch: Any, planted: Path) -> None:
    planted.unlink()
    if planted in bot.files:
        bot.files.remove(planted)


def check_found(fault: Fault, bot: SetUp, patch: Any) -> None:
    """Plant it, and see that it is found, it alone, and gone once it is mended."""
    planted = fault.plant(bot, patch)
    wrong = bot.wrong()
    assert any(
        each.check == fault.check
        and re.search(fault.words, each.words)
        and re.search(fault.fix, each.fix)
        for each in wrong
    ), wrong
    assert {each.check for each in wrong} <= {fault.check, *fault.also}, wrong
    assert "planted-" not in str(wrong)
    if fault.mend is not None:
        fault.mend(bot, patch, planted)
        wrong = bot.wrong()
        assert wrong == [], wrong

"""Stops all bots of a fleet at once, or those of one account: `perpkit stop` for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perpkit.ops.stop.accounts import AccountEntry
from perpkit.ops.stop.report import DONE, Report
from perpkit.ops.stop.several import stop_all
from perpkit.ops.stored import BadInputError

EVERYTHING = "--everything"


def chosen(
    found: Sequence[tuple[str, AccountEntry]], only: Sequence[str]
) -> list[tuple[str, AccountEntry]]:
    """Returns the bots of the accounts to which the named ones belong, all bots without names.

    :raises BadInputError: for a name that no bot has
    """
    names = [entry.name for _, entry in found]
    if unknown := [name for name in only if name not in names]:
        raise BadInputError(f"--only must be one of {', '.join(names)}, got {unknown[0]!r}")
    keys = {key for key, entry in found if entry.name in only and key}
    return [(key, entry) for key, entry in found if not only or key in keys or entry.name in only]


def stop_fleet(
    found: Sequence[tuple[str, AccountEntry]],
    options: Sequence[str],
    seconds: float,
    say: Callable[[str], None],
    *,
    one_key: bool = False,
) -> list[Report]:
    """Stops the bots at the same time, each of which closes what is its own.

    With `--everything` an account is then flattened once, when no bot of it is left that trades. A
    bot in dry-run has none.

    :param found: key and bot, as `fleet_file.entries_to_stop` returns them
    :param options: of the command line, for each of them
    :param one_key: whether all bots of the file use one key
    """
    entries = [entry for _, entry in found]
    if EVERYTHING not in options:
        return stop_all(entries, options, seconds, say, one_key=one_key)
    own = [option for option in options if option != EVERYTHING]
    reports = stop_all(entries, own, seconds, say, one_key=one_key)
    last, not_done = [], []
    for key, bots in _by_key(found, reports).items():
        if able := [bot for bot in bots if bot.able]:
            last.append(min(able, key=lambda bot: bot.report.exit_code != DONE).entry)
        elif not all(bot.simulated for bot in bots):
            not_done.append(_not_done(key, bots))
    if last:
        reports += stop_all(last, options, seconds, say, one_key=one_key)
    return reports + not_done


@dataclass(frozen=True)
class _Stopped:
    """A bot, and what came of stopping it."""

    entry: AccountEntry
    report: Report

    @property
    def simulated(self) -> bool:
        """Whether it is certain that it has no account; with another environment it might."""
        return self.report.mode == "dry-run" and not self.entry.problem

    @property
    def able(self) -> bool:
        """Whether the account can be flattened by what the file says of this bot."""
        usable = self.entry.options and not (self.entry.problem or self.report.mistake)
        return bool(usable) and not self.simulated


def _by_key(
    found: Sequence[tuple[str, AccountEntry]], reports: Sequence[Report]
) -> dict[str, list[_Stopped]]:
    """Returns the bots of each key; one without a readable key has only its own report."""
    bots: dict[str, list[_Stopped]] = {}
    for (key, entry), report in zip(found, reports, strict=True):
        if key:
            bots.setdefault(key, []).append(_Stopped(entry, report))
    return bots


def _not_done(key: str, bots: Sequence[_Stopped]) -> Report:
    names = ", ".join(bot.entry.name for bot in bots)
    return Report(
        f"account {key}",
        latched=all(bot.report.latched for bot in bots),
        problems=[f"{EVERYTHING} was not done: no entry of its bots ({names}) can be used for it"],
    )

"""Stops all bots of a fleet at once, or those of one account: `perpkit stop` for each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

from perpkit.ops.stop.accounts import AccountEntry
from perpkit.ops.stop.report import Report
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
) -> list[Report]:
    """Stops the bots at the same time, each of which closes what is its own.

    With `--everything` an account is then flattened once, when no bot of it is left that trades.

    :param found: key and bot, as `fleet_file.entries_to_stop` returns them
    :param options: of the command line, for each of them
    """
    entries = [entry for _, entry in found]
    if EVERYTHING not in options:
        return stop_all(entries, options, seconds, say)
    own = [option for option in options if option != EVERYTHING]
    reports = stop_all(entries, own, seconds, say)
    last = [entry for entry in _one_of_each_account(found) if entry.options]
    if not last:
        return reports
    once_more = stop_all(last, options, seconds, say)
    return reports + once_more


def _one_of_each_account(found: Sequence[tuple[str, AccountEntry]]) -> list[AccountEntry]:
    by_key = sorted(found, key=lambda each: each[0])
    return [next(entry for _, entry in of) for _, of in groupby(by_key, lambda each: each[0])]

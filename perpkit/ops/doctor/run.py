"""Runs the checks one after the other; one that raises becomes a finding of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, UnavailableError, fail, skipped
from perpkit.ops.doctor.registry import Check
from perpkit.ops.doctor.secrets import redactor

_REPORT = "It is an error of perpkit doctor, or of what it has read: report it with these words"


def run(checks: Iterable[Check], context: Context, *, offline: bool = False) -> Iterator[Finding]:
    """Yields what each check finds, without any secret.

    :param offline: whether to skip the checks that query a network
    """
    hidden = redactor(context)
    for check in checks:
        if offline and check.online:
            found: Iterable[Finding] = [skipped("not asked: --offline")]
        else:
            found = _made(check, context)
        for each in found:
            yield replace(each, check=check.name, words=hidden(each.words), fix=hidden(each.fix))


def _made(check: Check, context: Context) -> Iterator[Finding]:
    try:
        yield from check.find(context)
    except UnavailableError as error:
        yield skipped(str(error))
    except Exception as error:  # after any error, the other checks still run
        words = " ".join(str(error).split()) or "no words"
        yield fail(f"The check itself failed: {type(error).__name__}: {words}", _REPORT)

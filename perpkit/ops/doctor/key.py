"""Checks the API key as `perpkit keys check` does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from perpkit.ops.doctor.asking import asked
from perpkit.ops.doctor.finding import Finding, UnavailableError, fail

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context

# Other checks of the doctor report more about these.
_ELSEWHERE = ("clock", "margin mode")


@asked
def check(context: Context) -> Iterator[Finding]:
    from perpkit.ops.keys.findings import key_findings

    try:
        client = context.client
    except UnavailableError as error:
        if context.bot.dry_run:
            raise UnavailableError("dry-run without a key: none is needed") from None
        yield fail(f"Live without a key: {error}", "store one with perpkit keys store")
        return
    for each in key_findings(context.bot, client, now=context.now):
        if each.check not in _ELSEWHERE:
            yield Finding(each.level, f"{each.check}: {each.words}", each.fix)

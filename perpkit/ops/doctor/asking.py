"""What checks that query the exchange have in common: when they run, and what a refusal means."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from typing import TYPE_CHECKING

from perpkit.ops.doctor.finding import Finding, UnavailableError, fail, skipped, warn
from perpkit.ops.refusals import Refusal, RefusalCause, refusal_of

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context

Find = Callable[["Context"], Iterable[Finding]]
# The checks of clock and key report these already.
_ELSEWHERE = (
    RefusalCause.CLOCK,
    RefusalCause.SIGNATURE,
    RefusalCause.FORMAT,
    RefusalCause.UNKNOWN_KEY,
    RefusalCause.RIGHTS,
)


def asked(find: Find) -> Find:
    """Skips the check while the exchange does not answer; a refusal becomes a finding."""

    @wraps(find)
    def guarded(context: Context) -> Iterator[Finding]:
        import ccxt

        if isinstance(context.clock, Refusal):
            raise UnavailableError("the exchange does not answer, see above")
        try:
            yield from find(context)
        except ccxt.BaseError as error:
            yield _finding(refusal_of(error))

    return guarded


def of_account(find: Find) -> Find:
    """Like `asked`, for what a bot in dry-run does not have."""

    @wraps(find)
    def guarded(context: Context) -> Iterable[Finding]:
        if context.bot.dry_run:
            raise UnavailableError("dry-run: nothing of this bot is at the exchange")
        return find(context)

    return asked(guarded)


def _finding(refusal: Refusal) -> Finding:
    if refusal.why in _ELSEWHERE:
        return skipped(f"The exchange refuses the key ({refusal}), see the check of the key")
    if refusal.why is RefusalCause.UNANSWERED:
        return warn(f"The exchange has not answered: {refusal}", "check the network and try again")
    if refusal.why is RefusalCause.TOO_MANY:
        return warn(
            f"The exchange has had too many requests from this address: {refusal}",
            "wait a minute and try again; if it stays so, look for what asks so often",
        )
    return fail(
        f"The exchange refuses to say: {refusal}",
        "see the exchange's words; if it is in maintenance, try again later",
    )

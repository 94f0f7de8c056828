"""Checks how the bot's last runs ended, cleanly, with an error or killed, and if it is held."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok, warn
from perpkit.ops.doctor.running import running_state
from perpkit.record import runs
from perpkit.record.bot_lock import is_held
from perpkit.record.runs import End, Run, RunsError

_UNLOCK = "mend what its log says; then /unlock with the id of its lock from /locks"


def check(context: Context) -> Iterator[Finding]:
    path = context.bot.places.runs
    try:
        known = runs.read(path)
    except RunsError as error:
        yield fail(
            f"{error}. The bot makes no entry before an /unlock", f"rm {path}, and {_UNLOCK}"
        )
        return
    if known.held is not None:
        yield fail(f"The bot is held: {known.held}", _UNLOCK)
        return
    bot, now = context.bot, context.present
    if is_held(bot.places.lock, unknown=True) or running_state(bot, now) is not None:
        yield ok("The bot runs, and is not held")
    else:
        yield _after(known.runs, context)


def _after(past: Sequence[Run], context: Context) -> Finding:
    """Judges the past runs of a bot that does not run."""
    if not past:
        return ok("No run is known")
    if (loop := runs.crash_loop(past, context.now)) is not None:
        return fail(f"A crash loop: {loop}. The bot makes no entry when it starts", _UNLOCK)
    last = past[-1]
    how = f"The last run, begun {last.started_at:%Y-%m-%d %H:%M} UTC, ended"
    if last.ended is End.CLEAN:
        return ok(f"{how} cleanly")
    error = f"with {last.error}" if last.ended else "without a word: killed, or by a power cut"
    return warn(f"{how} {error}", "look into its log before the next start")

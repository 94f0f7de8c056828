"""`perpkit resume`: clear the stop latch, with a password."""

from __future__ import annotations

import json
import os
from typing import Annotated, Any, NoReturn

import typer

from perpkit.ops.bot_files import Config, DbUrl, Userdir, errors, fail
from perpkit.ops.operator import operator
from perpkit.ops.password import (
    HASH,
    AttemptsError,
    count_attempt,
    forget_attempts,
    is_password,
    make_hash,
    read_password,
    stored_hash,
)
from perpkit.ops.stored import BadInputError
from perpkit.record.latch import LatchState


def resume(
    config: Config = None,
    userdir: Userdir = None,
    db_url: DbUrl = None,
    why: Annotated[str, typer.Option(help="What has been found and done; kept with it.")] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line there.")
    ] = False,
    hash_only: Annotated[
        bool,
        typer.Option("--make-hash", help=f"Ask for a new password, and print what {HASH} must be."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Clear the stop latch that `perpkit stop` has set, so that the bot may trade again.

    It needs --why, and the password whose hash is in the environment as PERPKIT_RESUME_HASH
    (--make-hash makes one). After 5 wrong passwords within 15 minutes it accepts none until those
    15 minutes are over.

    It exits with 0 when the latch is clear, with 1 when the password is wrong or not accepted at
    present, and with 2 for a mistake, such as a missing hash.
    """
    if hash_only:
        with errors():
            typer.echo(make_hash(read_password("New password", password_stdin, confirm=True)))
        return
    with errors(OSError):
        # This import loads Freqtrade.
        from perpkit.ops.bot_config import read_config

        bot = read_config(config, userdir, db_url)
        latch = bot.latch_file
        before = latch.read()
        if before.state is LatchState.CLEAR:
            _say(as_json, bot.latch, before, before, f"The stop latch {bot.latch} is clear.")
            return
        if latch.lost:
            raise BadInputError(f"{latch.lost}: mount or make it, the latch may be on it")
        if not why.strip():
            raise BadInputError("--why must say why it may trade again")
        wanted = stored_hash(os.environ)
        typer.echo(f"{bot.latch}: {before}", err=True)
        password = read_password("Password", password_stdin)
    try:
        with errors(OSError):
            attempts = count_attempt(bot.latch)
    except AttemptsError as error:
        _refuse(as_json, str(error))
    if not is_password(password, wanted):
        left = f"; {attempts.left} more before it is not taken for a while" if attempts.left else ""
        _refuse(as_json, f"wrong password{left}")
    with errors(OSError):
        after = latch.clear(before, operator(), why.strip())
        forget_attempts(bot.latch)
    if after.state is not LatchState.CLEAR:
        _refuse(
            as_json,
            f"{bot.latch} was set while the password was asked for, and nothing was cleared. "
            f"It is now {after}",
        )
    words = (
        f"{bot.latch}: {after}. The bot reads it with its next cycle; where it was paused, /start "
        "lets it make entries again."
    )
    _say(as_json, bot.latch, before, after, words)


def _refuse(as_json: bool, message: str) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"cleared": False, "error": message}, indent=2))
    fail(message, 1)


def _say(as_json: bool, path: Any, before: Any, after: Any, words: str) -> None:
    if not as_json:
        typer.echo(words)
        return
    content = {
        "cleared": after.state is LatchState.CLEAR,
        "path": str(path),
        "before": str(before.state),
        "by": after.by,
        "why": after.why,
        "at": after.at.isoformat() if after.at else None,
    }
    typer.echo(json.dumps(content, indent=2))

"""`perpkit holdout`: days that are put aside, and looked at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpkit.ops.bot_files import Config, Userdir, errors, user_directory
from perpkit.ops.stored import BadInputError, parse_timerange

# pandas loads inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.walkforward.holdout import Seal

holdout = typer.Typer(
    help="Put days aside that are looked at once, when everything has been decided.",
    no_args_is_help=True,
)


@holdout.command()
def seal(
    timerange: Annotated[str, typer.Argument(help="Both ends, such as 20230701-20240101.")],
    config: Config = None,
    userdir: Userdir = None,
) -> None:
    """Seal a period: `perpkit walkforward` refuses its days from now on."""
    from perpkit.walkforward import holdout as record

    with errors(ValueError, OSError):
        start, end = parse_timerange(timerange)
        if start is None or end is None:
            raise BadInputError(
                f"timerange must have both ends: 20230701-20240101, got {timerange!r}"
            )
        place = _place(config, userdir)
        made = record.seal(place, start, end, datetime.now(UTC))
    print(f"Sealed: {made.period}, in {place}. `perpkit walkforward --look` looks at it, once.")


@holdout.command()
def show(config: Config = None, userdir: Userdir = None) -> None:
    """Show what is sealed, and who has looked, or wanted to."""
    from perpkit.walkforward.holdout import read_seals

    with errors(ValueError, OSError):
        place = _place(config, userdir)
        seals = read_seals(place)
    print(f"In {place}:" if seals else f"Nothing is sealed in {place}.")
    for each in seals:
        _print(each)


@holdout.command()
def release(config: Config = None, userdir: Userdir = None) -> None:
    """Make days that were looked at ordinary ones, such as for training with the newest."""
    from perpkit.walkforward import holdout as record

    with errors(ValueError, OSError):
        for each in record.release(_place(config, userdir), datetime.now(UTC)):
            print(f"Released: {each.period}. It cannot be sealed again.")


def _place(config: list[Path] | None, userdir: Path | None) -> Path:
    """The record that `perpkit walkforward` reads with the same options."""
    from perpkit.walkforward.holdout import place

    folder = user_directory(config, userdir)
    if not folder.is_dir():
        raise BadInputError(f"userdir must be Freqtrade's user directory, got {folder}")
    return place(folder)


def _print(sealed: Seal) -> None:
    print(f"{sealed.period}: sealed on {sealed.sealed:%Y-%m-%d %H:%M}, {sealed.state}")
    for each in sealed.looks:
        print(f"  {each.at:%Y-%m-%d %H:%M} {each.strategy} ({each.of[:12]}): {each.outcome}")

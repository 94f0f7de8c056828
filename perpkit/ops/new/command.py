"""`perpkit new KIND NAME`: a working class and its test, written into the user directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from perpkit.ops.bot_files import Userdir, errors
from perpkit.ops.new.kinds import PluginKind
from perpkit.ops.stored import BadInputError


def new(
    kind: Annotated[PluginKind, typer.Argument(help="What is written.")],
    name: Annotated[str, typer.Argument(help="Of its class, such as CalmHours.")],
    userdir: Userdir = None,
) -> None:
    """Write a protection, pairlist or strategy of your own, which works, with its test.

    Stock Freqtrade finds it in the user directory. An existing file is never overwritten.
    """
    from perpkit.ops.new.names import check_name

    folder = userdir or Path("user_data")
    with errors():
        if not folder.is_dir():
            raise BadInputError(
                f"--userdir must be a folder, got {str(folder)!r}: "
                f"`freqtrade create-userdir --userdir {folder}` makes it"
            )
        check_name(name, kind, folder)
        files = kind.files(name, folder)
        write_all(files)
    typer.echo("Written:")
    for path in files:
        typer.echo(f"    {path}")
    typer.echo("\nTest it (pytest is not among what Perpkit installs):\n")
    typer.echo(f"    python -m pytest {[*files][-1]}\n")
    typer.echo(kind.next_steps(name))


def write_all(files: Mapping[Path, str]) -> None:
    """Writes new files, and creates missing folders: all of them or none.

    :raises BadInputError: naming a file that exists or cannot be written, and why
    """
    for path in files:
        if path.exists() or path.is_symlink():
            raise BadInputError(f"{path} exists already, and is not overwritten")
    made: list[Path] = []
    try:
        for path, text in files.items():
            if not path.parent.is_dir():
                path.parent.mkdir()
                made.append(path.parent)
            # "x" also protects a file that another process has just written.
            with path.open("x", encoding="utf-8", newline="\n") as file:
                made.append(path)
                file.write(text)
    except BaseException as error:  # Ctrl-C, too
        for each in reversed(made):
            each.rmdir() if each.is_dir() else each.unlink()
        if not isinstance(error, OSError):
            raise
        raise BadInputError(f"{path} cannot be written: {error.strerror or error}") from None

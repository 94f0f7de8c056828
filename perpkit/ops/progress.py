"""Shows the progress of a long command on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer


@contextmanager
def progress() -> Iterator[Callable[[int, int, str], None]]:
    """Yields a function of (done, total, text): a bar on a terminal, elsewhere a line per tenth."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("")
        tenths = -1

        def show(done: int, of: int, text: str) -> None:
            nonlocal tenths
            bar.update(task, completed=done, total=of, description=text)
            reached = 10 * done // of if of else 10
            if not console.is_terminal and reached > tenths:
                tenths = reached
                typer.echo(f"{done} of {of}: {text}", err=True)

        yield show

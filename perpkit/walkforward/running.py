"""Runs what is missing of a walk-forward in its directory, until all of it is there."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from perpkit.walkforward.deciding import changed_since
from perpkit.walkforward.engines import Engine, WorkerLostError
from perpkit.walkforward.record import Request
from perpkit.walkforward.run_directory import (
    REQUEST,
    difference,
    is_done,
    read_request,
    write_request,
    write_result,
)
from perpkit.walkforward.worker import Setup

Show = Callable[[int, int, str], None]

# Without a result in between.
_MOST_LOSSES = 3


class RunError(ValueError):
    """A run that cannot go on; the message is for the operator."""


@contextmanager
def held(directory: Path, request: Request) -> Iterator[Path]:
    """Makes a directory that of a request, for one run at a time; yields a folder for workers.

    :raises RunError: if it is another request's, or another run is in it
    """
    from filelock import FileLock, Timeout

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise RunError(f"out must be a directory, got {directory}") from None
    try:
        lock = FileLock(directory / ".lock").acquire(timeout=0)
    except Timeout:
        raise RunError(f"out must not be in use: another run is in {directory}") from None
    scratch = directory / "work"
    with lock:
        _bind(directory, request)
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        scratch.mkdir()
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _bind(directory: Path, request: Request) -> None:
    if not (directory / REQUEST).is_file():
        # What is hidden is a lock, or what a kill has left.
        if not all(each.name.startswith(".") for each in directory.iterdir()):
            raise RunError(f"out must be empty or a run, got {directory}")
        write_request(directory, request)
    elif changed := difference(read_request(directory), request):
        raise RunError(
            f"out must be of the same request, got {directory}: {changed}. Another request needs "
            "another directory"
        )


def run(
    engine: Engine, setup: Setup, directory: Path, show: Show, say: Callable[[str], None]
) -> None:
    """Computes the windows that have no result yet.

    :param show: called with how many are done, how many there are, and what was done last
    :param say: called with a line about what went wrong and was made good
    :raises RunError: if workers are lost again and again, and if a strategy or Perpkit is changed
        meanwhile
    """
    windows = setup.request.windows
    total, lost = len(windows), 0
    while missing := [one for one in windows if not is_done(directory, one.number)]:
        done = total - len(missing)
        show(done, total, "windows")
        try:
            for number, content in engine.compute(setup, missing):
                _check_unchanged(setup, number)
                write_result(directory, number, content)
                done, lost = done + 1, 0
                show(done, total, f"window {number}")
        except WorkerLostError as error:
            lost += 1
            if lost == _MOST_LOSSES:
                known = f" ({error})" if str(error) else ""
                raise RunError(
                    f"a worker was lost {lost} times in a row, the last time with {done} of "
                    f"{total} windows done{known}: fewer --jobs need less memory"
                ) from error
            say("A worker was lost: the windows that were being computed are begun again.")
    show(total, total, "windows")


def _check_unchanged(setup: Setup, number: int) -> None:
    """Freqtrade runs the files of a strategy and of protections again for each window."""
    if changed := changed_since(setup.request, setup.live, learning=setup.learns):
        raise RunError(
            f"{changed} was changed while the run went on, so window {number} may be of either "
            "state and is not kept: with what was there before, the same command does the rest"
        )

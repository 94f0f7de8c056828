"""Where windows are computed: in this process, in several of this machine, or on a Ray cluster."""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator, Sequence
from functools import lru_cache
from multiprocessing import parent_process
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Protocol

from perpkit.walkforward.record import Window
from perpkit.walkforward.run_directory import Content
from perpkit.walkforward.worker import Setup, Worker

Computed = tuple[int, Content]

# Whether the first process is still there.
_LOOK_S = 1.0


class WorkerLostError(Exception):
    """A worker ended without a result, for example because the system needed its memory.

    The message is one line with what is known of it, or empty.
    """


class Engine(Protocol):
    def compute(self, setup: Setup, windows: Sequence[Window]) -> Iterator[Computed]:
        """Yields the number and the files of each window, in the order in which they are ready.

        :raises WorkerLostError: if a worker was lost; windows without a result can be asked again
        """


class LocalEngine:
    """
    :param jobs: processes; with 1 it is this one
    :param scratch: an existing folder for what workers need while they run
    """

    def __init__(self, jobs: int, scratch: Path) -> None:
        self._jobs, self._scratch = jobs, scratch

    def compute(self, setup: Setup, windows: Sequence[Window]) -> Iterator[Computed]:
        if min(self._jobs, len(windows)) == 1:
            worker = Worker(setup, self._scratch)
            for window in windows:
                yield window.number, worker.compute(window)
            return
        yield from self._in_processes(setup, windows)

    def _in_processes(self, setup: Setup, windows: Sequence[Window]) -> Iterator[Computed]:
        from joblib import Parallel, delayed
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        # Once a process, not once a window.
        path = self._scratch / "setup.pickle"
        path.write_bytes(pickle.dumps(setup))
        jobs = min(self._jobs, len(windows))
        parallel = Parallel(
            n_jobs=jobs, return_as="generator_unordered", batch_size=1, pre_dispatch=jobs
        )
        try:
            yield from parallel(delayed(_computed)(str(path), window) for window in windows)
        except TerminatedWorkerError as error:
            raise WorkerLostError from error


def _computed(setup: str, window: Window) -> Computed:
    return window.number, _worker(setup).compute(window)


@lru_cache(maxsize=1)
def _worker(setup: str) -> Worker:
    """Of this process."""
    if (first := parent_process()) is not None:
        # The terminal sends it to every process; the first one ends the others.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        Thread(target=_end_after, args=(first.pid,), daemon=True).start()
    path = Path(setup)
    return Worker(pickle.loads(path.read_bytes()), path.parent)  # noqa: S301


def _end_after(first: int | None) -> None:
    """Ends this process once the first one, which has started it, has ended, if only by a kill.

    Loky does not: a worker that is sending a large result holds both ends of the pipe, and waits.
    """
    while os.getppid() == first:
        sleep(_LOOK_S)
    os._exit(1)

"""Records how the runs of a bot began and ended, in a small file next to its state file.

A run is a process: it ends cleanly, with an error, or without a record if it was killed or the
power failed. Reloading the configuration does not end a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from perpkit.durations import HOUR
from perpkit.files.whole_file import put

# A crash loop is this many failed runs in a row that began within that time.
CRASHES = 3
WITHIN = HOUR
# Number of runs that are kept, and longest text of an error in characters.
_KEPT = 20
_LONGEST = 150


class RunsError(Exception):
    """The file cannot be read or understood; the message is for the operator."""


class End(StrEnum):
    CLEAN = "clean"
    ERROR = "error"


class Run(BaseModel):
    """One run of the bot.

    :param process: a unique name of the process
    :param ended: how it ended; None while it runs, and if it was killed
    :param error: the error that ended it; empty if there was none
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    process: str
    pid: int
    started_at: AwareDatetime
    ended: End | None = None
    ended_at: AwareDatetime | None = None
    error: str = ""


class Runs(BaseModel):
    """The content of the file.

    :param runs: the newest runs, oldest first
    :param held: why the bot makes no entry until an operator allows it; None if it may
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    runs: tuple[Run, ...] = ()
    held: str | None = None

    def goes_on(self, process: str) -> bool:
        """Whether this process's run has not ended: it has only reloaded its configuration."""
        return any(run.process == process and run.ended is None for run in self.runs[-1:])

    def begin(self, run: Run, held: str | None) -> Runs:
        """Returns the runs with this one added, unless the process only continues its run."""
        runs = self.runs if self.goes_on(run.process) else (*self.runs, run)
        return Runs(runs=runs[-_KEPT:], held=held)

    def end(self, process: str, at: datetime, error: str = "") -> Runs:
        """Returns the runs with the end of this process's run; only the first end counts."""
        if not self.goes_on(process):
            return self
        ended = {"ended": End.ERROR if error else End.CLEAN, "ended_at": at}
        last = self.runs[-1].model_copy(update={**ended, "error": error[:_LONGEST]})
        return Runs(runs=(*self.runs[:-1], last), held=self.held)

    def forget(self, process: str) -> Runs:
        """Returns the runs of this process alone, with entries allowed."""
        return Runs(runs=tuple(run for run in self.runs if run.process == process))


def crash_loop(runs: Sequence[Run], now: datetime) -> str | None:
    """Returns why the runs before one that begins now are a crash loop; None if they are not."""
    last = runs[-CRASHES:]
    if len(last) < CRASHES or any(run.ended is End.CLEAN for run in last):
        return None
    if any(now - run.started_at > WITHIN for run in last):
        return None
    how = f"with {last[-1].error}" if last[-1].ended else "killed, or by a power cut"
    return (
        f"the last {CRASHES} runs, begun since {last[0].started_at:%H:%M} UTC, ended without a "
        f"clean stop; the last one {how}"
    )


def read(path: Path) -> Runs:
    """Returns the runs in a file; none if there is no file.

    :raises RunsError: if it cannot be read, or is damaged
    """
    try:
        return Runs.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Runs()
    except ValidationError as error:
        first = error.errors()[0]
        raise RunsError(f"the record of runs {path} is damaged: {first['msg']}") from None
    except OSError as error:
        raise RunsError(
            f"the record of runs {path} cannot be read: {error.strerror or error}"
        ) from None


def write(path: Path, runs: Runs) -> None:
    """Replaces the file, atomically.

    :raises OSError: if that fails; the old file stays
    """
    put(path, runs.model_dump_json(indent=1).encode())

"""How the runs of a bot began and ended, in a small file beside its state file.

A run is a process: it ends cleanly, with an error, or without a word, where it was killed or the
power failed. Reading the configuration again is no end of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from perpkit.durations import HOUR
from perpkit.record.whole_file import put

# So many in a row that began within that time are a crash loop.
CRASHES = 3
WITHIN = HOUR
# Of the newest runs, and of the text of an error.
_KEPT = 20
_LONGEST = 150


class RunsError(Exception):
    """The file says nothing that can be understood; the message is for people."""


class End(StrEnum):
    CLEAN = "clean"
    ERROR = "error"


class Run(BaseModel):
    """
    :param process: a name that no other has
    :param ended: how; None while it runs, and of one that was killed
    :param error: that has ended it; empty where none did
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    process: str
    pid: int
    started_at: AwareDatetime
    ended: End | None = None
    ended_at: AwareDatetime | None = None
    error: str = ""


class Runs(BaseModel):
    """
    :param runs: the newest, oldest first
    :param held: why the bot makes no entry until an operator allows it; None where it may
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    runs: tuple[Run, ...] = ()
    held: str | None = None

    def goes_on(self, process: str) -> bool:
        """Whether its run has begun, and not ended: it only reads its configuration again."""
        return any(run.process == process and run.ended is None for run in self.runs[-1:])

    def begin(self, run: Run, held: str | None) -> Runs:
        """With this run, unless it only goes on."""
        runs = self.runs if self.goes_on(run.process) else (*self.runs, run)
        return Runs(runs=runs[-_KEPT:], held=held)

    def end(self, process: str, at: datetime, error: str = "") -> Runs:
        """With the end of a process's run; the first end counts."""
        if not self.goes_on(process):
            return self
        ended = {"ended": End.ERROR if error else End.CLEAN, "ended_at": at}
        last = self.runs[-1].model_copy(update={**ended, "error": error[:_LONGEST]})
        return Runs(runs=(*self.runs[:-1], last), held=self.held)

    def forget(self, process: str) -> Runs:
        """Without the runs of all other processes, and not held."""
        return Runs(runs=tuple(run for run in self.runs if run.process == process))


def crash_loop(runs: Sequence[Run], now: datetime) -> str | None:
    """Why the runs before one that begins now are a crash loop, for people; None where they are
    none."""
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
    """What the file says; nothing where there is none.

    :raises RunsError: where it cannot be read, or is damaged
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
    """Put it in the place of what is there, whole or not at all.

    :raises OSError: where that cannot be done
    """
    put(path, runs.model_dump_json(indent=1).encode())

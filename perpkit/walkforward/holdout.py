"""The sealed hold-out: days that no walk-forward may use, and that can be looked at once.

One file in the user directory records what was sealed, the look at it, and looks that were refused.
It has a digest of itself, so that a change by an editor is seen. A guard against slips, not against
intent: deleting the file, or a backtest of these days with Freqtrade itself, is not stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from perpkit.files.contents import content_of, json_of
from perpkit.files.errors import FileError
from perpkit.files.whole_file import put
from perpkit.walkforward.record import Request
from perpkit.walkforward.run_directory import plain

FOLDER, NAME = "perpkit", "holdout.json"
LAYOUT = 1
_MOST_BYTES = 2**24
# Of a request: what decides the result of fixed parameters, beside the days of the tests.
_IDENTITY = (
    "strategy", "timeframe", "stake_currency", "pairs", "files", "settings", "parameters",
    "protections", "made_with",
)  # fmt: skip


class HoldoutError(ValueError):
    """Days that are sealed were asked for; the message is for the operator."""


@dataclass(frozen=True)
class Look:
    """
    :param of: identity of what was looked at: strategy, its files, parameters, settings, candles,
        days, and the versions that computed it
    :param refused: why it was; empty for the one that was allowed
    """

    at: datetime
    strategy: str
    of: str
    refused: str = ""

    @property
    def outcome(self) -> str:
        return f"refused, {self.refused}" if self.refused else "the one look"


@dataclass(frozen=True)
class Seal:
    """
    :param start, end: of the sealed period, in UTC; the end is not in it
    :param released: since when these days are ordinary ones
    :param looks: all that were asked for, oldest first
    """

    start: datetime
    end: datetime
    sealed: datetime
    released: datetime | None = None
    looks: tuple[Look, ...] = field(default=())

    @property
    def look(self) -> Look | None:
        """The one that was allowed."""
        return next((look for look in self.looks if not look.refused), None)

    def meets(self, start: datetime, end: datetime) -> bool:
        return self.start < end and start < self.end

    @property
    def state(self) -> str:
        if self.released is not None:
            return f"released on {self.released:%Y-%m-%d}"
        return "not looked at yet" if self.look is None else "looked at"

    @property
    def period(self) -> str:
        return f"{self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"


def place(user_directory: Path) -> Path:
    return user_directory / FOLDER / NAME


def read_seals(path: Path) -> tuple[Seal, ...]:
    """Returns what was sealed; nothing where there is no file.

    :raises FileError: if the file is damaged, or was changed by other means
    """
    try:
        found = json_of(content_of(path, _MOST_BYTES), str(path))
    except FileNotFoundError:
        return ()
    try:
        if found["layout"] != LAYOUT:
            raise FileError(f"{path}: layout must be {LAYOUT}, got {found['layout']}")
        if _digest(found["seals"]) != found["digest"]:
            raise FileError(
                f"{path}: its digest does not match, so it is damaged, or was changed after it was "
                "written; put a copy of it back"
            )
        return tuple(_seal(one) for one in found["seals"])
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{path}: must be a record of sealed days: {error!r}") from error


def seal(path: Path, start: datetime, end: datetime, now: datetime) -> Seal:
    """Seals a period.

    :raises HoldoutError: for an empty one, and for days that were sealed before, since they may
        have been looked at
    """
    if start >= end:
        raise HoldoutError(
            f"period must end after it starts, got {start:%Y-%m-%d} to {end:%Y-%m-%d}"
        )
    with _changing(path) as seals:
        if before := next((each for each in seals if each.meets(start, end)), None):
            raise HoldoutError(
                f"period must have no day that was sealed before, got {start:%Y-%m-%d} to "
                f"{end:%Y-%m-%d}: {before.period} was sealed on {before.sealed:%Y-%m-%d}"
            )
        new = Seal(start, end, now)
        seals.append(new)
    return new


def release(path: Path, now: datetime) -> tuple[Seal, ...]:
    """Makes days that were looked at ordinary ones, so that they can be trained on.

    :raises HoldoutError: if there are none
    """
    with _changing(path) as seals:
        ended = [each for each in seals if each.look is not None and each.released is None]
        if not ended:
            raise HoldoutError("release needs a sealed period that was looked at, there is none")
        seals[:] = [replace(each, released=now) if each in ended else each for each in seals]
    return tuple(ended)


def check(path: Path, request: Request, learned: timedelta = timedelta(0)) -> None:
    """Checks that a walk-forward uses no sealed day.

    :param learned: days before each training or test by which models are trained
    :raises HoldoutError: naming the window and the sealed period
    """
    if words := _met(read_seals(path), request, learned):
        raise HoldoutError(f"{words}; --look looks at them, once")


def _met(seals: Iterable[Seal], request: Request, learned: timedelta) -> str:
    """Returns which sealed days a walk-forward would use, in words; nothing where it uses none."""
    for each in seals:
        if each.released is not None:
            continue
        for window in request.windows:
            start = (window.train_start if request.epochs else window.test_start) - learned
            if each.meets(start, window.test_end):
                return (
                    f"timerange must leave out the sealed days {each.period}, but window "
                    f"{window.number} has {start:%Y-%m-%d} to {window.test_end:%Y-%m-%d}"
                )
    return ""


def look(path: Path, request: Request, now: datetime, learned: timedelta = timedelta(0)) -> None:
    """Records a look before it happens, so that one that is broken off counts.

    A look that was allowed may be repeated with the same strategy, files, parameters, settings,
    candles, days and versions: the result is the same.

    :param learned: as in `check`
    :raises HoldoutError: for parameters that are not fixed, for days that are not in one sealed
        period, for models that learn from another one, and for a second look, which is recorded
    """
    if request.epochs:
        raise HoldoutError(f"look needs fixed parameters: epochs must be 0, got {request.epochs}")
    start, end = request.windows[0].test_start, request.windows[-1].test_end
    wanted = Look(now, request.strategy, identity(request))
    with _changing(path) as seals:
        within = [each for each in seals if each.start <= start and end <= each.end]
        if not within or within[0].released is not None:
            raise HoldoutError(
                f"timerange must be within a sealed period, got {start:%Y-%m-%d} to {end:%Y-%m-%d}"
            )
        sealed = within[0]
        if words := _met([each for each in seals if each is not sealed], request, learned):
            raise HoldoutError(f"{words}, from which models learn")
        before = sealed.look
        if before is not None and before.of == wanted.of:
            return
        why = "" if before is None else f"{before.strategy} was looked at on {before.at:%Y-%m-%d}"
        looked = replace(sealed, looks=(*sealed.looks, replace(wanted, refused=why)))
        seals[seals.index(sealed)] = looked
    if why:
        raise HoldoutError(
            f"the sealed days {sealed.period} can be looked at once: {why}. That this was asked "
            "for is recorded"
        )


def identity(request: Request) -> str:
    """Returns a digest of all that decides what fixed parameters make of their days."""
    tests = [(window.test_start, window.test_end) for window in request.windows]
    parts = {name: getattr(request, name) for name in _IDENTITY}
    return _digest(plain({**parts, "tests": tests}))


@contextmanager
def _changing(path: Path) -> Iterator[list[Seal]]:
    """Yields the seals as a list, and writes it if no error ends the block."""
    from filelock import FileLock

    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        seals = list(read_seals(path))
        yield seals
        document = plain([asdict(each) for each in seals])
        content = {"layout": LAYOUT, "seals": document, "digest": _digest(document)}
        put(path, (json.dumps(content, indent=1) + "\n").encode())


def _digest(document: Any) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _seal(found: Mapping[str, Any]) -> Seal:
    looks = (Look(**{**each, "at": datetime.fromisoformat(each["at"])}) for each in found["looks"])
    return Seal(
        start=datetime.fromisoformat(found["start"]),
        end=datetime.fromisoformat(found["end"]),
        sealed=datetime.fromisoformat(found["sealed"]),
        released=found["released"] and datetime.fromisoformat(found["released"]),
        looks=tuple(looks),
    )

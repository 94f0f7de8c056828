"""The state file, which a bot writes atomically once a cycle for the operator's tools."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from perpkit.files.whole_file import put
from perpkit.record.state import SCHEMA, State

# The clocks of a bot and of a tool may differ by this much.
_CLOCKS_SECONDS = 60.0


class StateFileError(Exception):
    """A state file does not show the bot's present state; the message is for the operator."""


class MissingStateError(StateFileError):
    """There is no state file."""


class DamagedStateError(StateFileError):
    """The state file cannot be read."""


class NewerSchemaError(StateFileError):
    """The state file was written by a newer Perpkit."""


class StaleStateError(StateFileError):
    """The state file is too old, or was written in the future.

    :param state: the state in the file
    """

    def __init__(self, message: str, state: State) -> None:
        super().__init__(message)
        self.state = state


def write(path: Path, state: State) -> None:
    """Replaces the file, atomically; only its owner may read it, for it shows what the account has.

    :raises OSError: if that fails; the old file stays
    """
    put(path, state.model_dump_json(indent=1).encode(), private=True)


def read(path: Path) -> State:
    """Returns the state in the file, however old it is.

    :raises MissingStateError: if there is no file
    :raises NewerSchemaError: if a newer Perpkit wrote it
    :raises DamagedStateError: naming the first problem
    """
    with _clear(path):
        content = path.read_bytes()
        found = json.loads(content)
        number = found.get("schema_number") if isinstance(found, dict) else None
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise ValueError(f"schema_number must be a whole number from 1, got {number!r}")
        if number > SCHEMA:
            raise NewerSchemaError(
                f"The state file {path} has schema {number}, and this Perpkit knows {SCHEMA}: "
                "use the Perpkit of the bot"
            )
        return State.model_validate_json(content)


def read_fresh(path: Path, now: datetime) -> State:
    """Returns the present state of the bot.

    :raises StaleStateError: if the file is too old, or was written in the future
    :raises StateFileError: in the same cases as `read`
    """
    state = read(path)
    age, limit = state.age_seconds(now), state.stale_after_seconds
    if age > limit:
        raise StaleStateError(
            f"The state file {path} is {age:.0f} s old, more than {limit:.0f} s: the bot (pid "
            f"{state.pid}, {state.bot_state} then) has ended, or hangs, or cannot write",
            state,
        )
    if age < -_CLOCKS_SECONDS:
        raise StaleStateError(
            f"The state file {path} was written {-age:.0f} s in the future: the clocks of the bot "
            "and of this tool differ",
            state,
        )
    return state


@contextmanager
def _clear(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise MissingStateError(
            f"There is no state file {path}: the bot has not run a cycle with this database, or "
            "with a Perpkit that writes none"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        what = f"{where}: {first['msg']}, got {first['input']!r:.60}"
        raise DamagedStateError(f"The state file {path} is damaged: {what}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedStateError(f"The state file {path} cannot be read: {error}") from None

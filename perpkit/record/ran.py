"""What a bot traded with, since when: a small file beside its trade database.

A dry-run shows what another source or configuration is worth only as far as it ran with it, so
`perpkit golive` compares this with what it signs. There are digests without a key, which a bot does
not make, of values that its owner may read in its configuration: only the owner may read them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from perpkit.files.contents import content_of
from perpkit.files.errors import FileError
from perpkit.files.whole_file import put
from perpkit.record.golive import VERSION, Bound, changes

# The oldest is forgotten first; trades from before are then of unknown origin.
_KEPT = 50
_MOST_BYTES = 2**20


class Ran(BaseModel):
    """
    :param since: the bot started so, or read its configuration again
    :param parts: digests of what decides, by name
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    since: AwareDatetime
    parts: Mapping[str, str]


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    ran: tuple[Ran, ...] = ()


def read(path: Path) -> tuple[Ran, ...]:
    """Returns what was noted, oldest first; nothing if there is no file.

    :raises FileError: if it cannot be read, or is damaged
    """
    try:
        return _File.model_validate_json(content_of(path, _MOST_BYTES)).ran
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError:
        raise FileError(f"{path} is damaged: remove it, and let the dry-run begin again") from None


def note(path: Path, bound: Bound, now: datetime) -> None:
    """Adds what a bot trades with from now on, if it is not what it traded with before.

    :raises FileError: if the file is damaged
    :raises OSError: if it cannot be written
    """
    known, parts = read(path), bound.fingerprints()
    if known and known[-1].parts == parts:
        return
    ran = (*known, Ran(since=now, parts=parts))[-_KEPT:]
    put(path, _File(ran=ran).model_dump_json(indent=1).encode(), private=True)


def changed_since(ran: Sequence[Ran], bound: Bound, start: datetime) -> list[str] | None:
    """Returns the names of what was otherwise at any time since a start; None if that is not known.

    Perpkit's own version does not count: no dry-run would outlast a release.
    """
    if not ran or ran[0].since > start:
        return None
    ends = [each.since for each in ran[1:]]
    spans = zip(ran, [*ends, None], strict=True)
    counting = [each for each, end in spans if end is None or end > start]
    now = bound.fingerprints()
    return sorted({name for each in counting for name in changes(each.parts, now)} - {VERSION})

"""Small JSON files that are signed with the key of this machine, and written whole.

The signature shows that a file is as Perpkit wrote it, here. It is no defence against the owner of
the machine, who has the key.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from perpkit.files.contents import content_of, json_of
from perpkit.files.errors import FileError
from perpkit.files.whole_file import put
from perpkit.record.machine_key import MachineKey, NoKeyError, machine_key

_MOST_BYTES = 1_000_000
_Model = TypeVar("_Model", bound=BaseModel)


class MissingError(FileError):
    """There is no such file."""


class ForeignError(FileError):
    """The file was signed with another key than that of this machine."""


def write_signed(path: Path, kind: str, content: dict[str, Any], key: MachineKey) -> None:
    """Replaces the file, atomically.

    :param kind: what the file is; a file of one kind does not pass for another
    :param content: JSON's values only
    :raises OSError: if that fails; the old file stays
    """
    signature = key.digest(kind, _canonical(content))
    document = {"kind": kind, "content": content, "key": key.name, "signature": signature}
    put(path, (json.dumps(document, indent=1) + "\n").encode())


def read_signed(path: Path, kind: str) -> Any:
    """Returns the content of a file that this machine has signed.

    :raises MissingError: if there is no file
    :raises ForeignError: if another machine has signed it, or this one has lost its key
    :raises FileError: if it is damaged or was changed, naming the file and what is wrong
    """
    try:
        document = json_of(content_of(path, _MOST_BYTES), str(path))
    except FileNotFoundError:
        raise MissingError(f"there is no file {path}") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    names = ("kind", "key", "signature")
    if not isinstance(document, dict) or not all(
        isinstance(document.get(name), str) for name in names
    ):
        raise FileError(f"{path} is damaged: it must have content, kind, key and signature")
    if document["kind"] != kind:
        raise FileError(f"{path} must be a file of the kind {kind}, got {document['kind']!r:.60}")
    try:
        key = machine_key()
    except NoKeyError as error:
        raise ForeignError(f"{path} was signed on another machine: {error}") from None
    if not hmac.compare_digest(document["key"].encode(), key.name.encode()):
        raise ForeignError(f"{path} was signed with a key of another machine")
    content = document.get("content")
    signature = key.digest(kind, _canonical(content))
    if not hmac.compare_digest(document["signature"].encode(), signature.encode()):
        raise FileError(f"{path} was changed after it had been signed")
    return content


def read_model(path: Path, kind: str, model: type[_Model]) -> _Model:
    """Returns what `read_signed` does as a model, whose name an error of the whole has.

    :raises FileError: as `read_signed`, or naming the field that does not fit
    """
    content = read_signed(path, kind)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or model.__name__.lower()
        raise FileError(f"{path}: {field}: {first['msg']}: of another Perpkit?") from None


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True, separators=(",", ":"))

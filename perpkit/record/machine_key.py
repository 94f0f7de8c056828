"""A key of this machine, with which Perpkit signs what it later relies on: see `signed_file`.

It is kept outside of the user directory, so that a copied folder does not bring it along. A bot
only reads it; the operator's commands make it when they first sign something.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex

from perpkit.files.errors import FileError
from perpkit.files.whole_file import put

# Names another file, such as one on a volume that outlives a container.
VARIABLE = "PERPKIT_MACHINE_KEY"
_BYTES = 32
_KEY = re.compile(rb"[0-9a-f]{64}\s*")
_LARGEST = 1_000


class NoKeyError(FileError):
    """There is no key on this machine yet."""


@dataclass(frozen=True)
class MachineKey:
    """
    :param secret: never shown; `name` says which key it is
    """

    secret: bytes = field(repr=False)

    @property
    def name(self) -> str:
        return self.digest("the name of the key")[:16]

    def digest(self, *texts: str) -> str:
        """Returns the HMAC-SHA256 of texts, in hexadecimal digits."""
        content = b"".join(f"{len(text.encode())}:{text}".encode() for text in texts)
        return hmac.new(self.secret, content, hashlib.sha256).hexdigest()


def place() -> Path:
    """Returns the path of the key.

    :raises FileError: if it is in a home that is not there
    """
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    given = os.environ.get(VARIABLE) or f"{base}/perpkit/machine.key"
    try:
        return Path(given).expanduser()
    except RuntimeError:  # the user has none, as in some containers
        raise FileError(
            f"the key of this machine cannot be at {given}, there is no such home: set {VARIABLE}"
        ) from None


def machine_key() -> MachineKey:
    """Returns the key of this machine.

    :raises NoKeyError: if there is none yet
    :raises FileError: if it is damaged, or other users may read it
    """
    path = place()
    try:
        with path.open("rb") as file:
            mode, content = os.fstat(file.fileno()).st_mode, file.read(_LARGEST)
    except FileNotFoundError:
        raise NoKeyError(f"there is no key of this machine ({path})") from None
    except OSError as error:
        raise FileError(
            f"the key of this machine {path} cannot be read: {error.strerror}"
        ) from None
    if os.name == "posix" and mode & 0o077:
        raise FileError(
            f"the key of this machine {path} must be readable by its owner only, got mode "
            f"{mode & 0o777:04o}: chmod 600 it"
        )
    if not _KEY.fullmatch(content):
        raise FileError(f"the key of this machine {path} is damaged: delete it to get another one")
    return MachineKey(bytes.fromhex(content.decode()))


def machine_key_made() -> MachineKey:
    """Returns the key of this machine; makes it, for its owner only, if there is none.

    :raises FileError: as `machine_key`, and if it cannot be written
    """
    with suppress(NoKeyError):
        return machine_key()
    path = place()
    own = path.with_name(f"{path.name}.{token_hex(8)}.new")
    try:
        put(own, f"{token_hex(_BYTES)}\n".encode(), private=True)
        try:
            # Unlike a replacement, a link fails where another process has just made one.
            with suppress(FileExistsError):
                os.link(own, path)
        finally:
            own.unlink()
    except OSError as error:
        raise FileError(
            f"the key of this machine {path} cannot be written: {error.strerror}"
        ) from None
    return machine_key()

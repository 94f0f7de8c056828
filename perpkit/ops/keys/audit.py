"""The log of each use of a key: when, for what, and by whom. A JSON line each, without the key."""

from __future__ import annotations

import getpass
import json
import os
import socket
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path


def record(path: Path, what: str, fingerprint: str, note: str = "") -> str | None:
    """Appends a line to the log; returns why it could not be written, or None.

    An unwritable log stops nothing, because a bot that does not start leaves its positions
    unattended. The caller reports it.

    :param what: such as "exec"
    :param fingerprint: of the key
    """
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "what": what,
        "key": fingerprint,
        "by": who(),
        "pid": os.getpid(),
        "note": note,
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps({name: text for name, text in line.items() if text != ""}) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return f"the audit log {path} cannot be written: {error.strerror}"
    return None


def who() -> str:
    name = "?"
    with suppress(OSError, KeyError):  # a user without a name, as in some containers
        name = getpass.getuser()
    return f"{name}@{socket.gethostname()}"

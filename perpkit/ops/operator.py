"""Identifies the user who runs a command, for records."""

from __future__ import annotations

import getpass
import os
import socket


def operator() -> str:
    """Returns a name such as `anna@host`; under sudo, that of the invoking user."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user may have no name
        name = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    return f"{name}@{socket.gethostname()}"

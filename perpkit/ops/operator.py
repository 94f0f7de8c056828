"""Who runs a command, for records."""

from __future__ import annotations

import getpass
import os
import socket


def operator() -> str:
    """Such as `anna@host`; behind sudo, who called it."""
    try:
        name = os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user of a container without a name
        name = str(os.getuid()) if hasattr(os, "getuid") else "somebody"
    return f"{name}@{socket.gethostname()}"

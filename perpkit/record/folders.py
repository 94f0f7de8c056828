"""Folders that options of the configuration name."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def folder_option(name: str, given: Any) -> Path:
    """Returns the folder that an option names, with `~` resolved.

    :param name: of the option, for the error
    :param given: its value
    :raises ValueError: naming the option, its value and what is allowed
    """
    if not isinstance(given, str) or not given.strip() or "\0" in given:
        raise ValueError(f"{name} must be the path of a folder, got {given!r}")
    try:
        return Path(given).expanduser()
    except RuntimeError:  # the user of ~user is not known, or has no home
        raise ValueError(
            f"{name} must be the path of a folder, got {given!r}: there is no such home"
        ) from None

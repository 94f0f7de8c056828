"""Where a file that a user names may be written: at a free place, or over one of its kind."""

from __future__ import annotations

from pathlib import Path

from perpkit.files.contents import content_of

_MOST_BYTES = 2**28


def check_own(path: Path, option: str, kind: str, mark: bytes) -> None:
    """Checks that writing a file destroys no other one, such as a configuration.

    :param option: by which it is named, for the message
    :param kind: of file that may be replaced, such as "an earlier report"
    :param mark: what each file of this kind has in it, and no other
    :raises ValueError: for a folder, and for a file of another kind; an empty one is free
    :raises OSError: if what is there cannot be read
    """
    if path.is_file():
        content = content_of(path, _MOST_BYTES)
        if content and mark not in content:
            raise ValueError(f"{option} must be a new file or {kind}, got {path}")
    elif path.exists():
        raise ValueError(f"{option} must be a file, got {path}")

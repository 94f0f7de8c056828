"""The Perpkit that is installed, as something that pip can install in another environment."""

from __future__ import annotations

import base64
import hashlib
from importlib import metadata
from pathlib import Path, PurePosixPath
from zipfile import ZIP_DEFLATED, ZipFile

import perpkit

# What an installer adds to the files of a wheel.
_ADDED = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}


class IncompleteError(Exception):
    """The installed Perpkit lacks one of its files; the message names it."""


def own_copy(folder: Path) -> Path:
    """Returns the checkout that Perpkit runs from, or a wheel of its installed files.

    :param folder: where the wheel is written
    :raises IncompleteError: if a file is missing
    """
    checkout = Path(perpkit.__file__).resolve().parents[1]
    if (checkout / "pyproject.toml").is_file():
        return checkout
    return packed(metadata.distribution("perpkit"), folder)


def packed(installed: metadata.Distribution, folder: Path) -> Path:
    """Writes a wheel of what is installed, whatever has been changed in the files since.

    :raises IncompleteError: if a file is missing
    """
    path = folder / f"{installed.name}-{installed.version}-py3-none-any.whl"
    record = []
    with ZipFile(path, "w", ZIP_DEFLATED) as wheel:
        for file in installed.files or ():
            if not _of_the_wheel(file):
                continue
            try:
                content = file.read_binary()
            except OSError as error:
                raise IncompleteError(
                    f"{file} of the installed Perpkit cannot be read ({error.strerror}): "
                    "pip install --force-reinstall --no-deps perpkit"
                ) from None
            wheel.writestr(str(file), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
            record.append(f"{file},sha256={digest.decode().rstrip('=')},{len(content)}")
        name = f"{installed.name}-{installed.version}.dist-info/RECORD"
        wheel.writestr(name, "\n".join([*record, f"{name},,", ""]))
    return path


def _of_the_wheel(file: PurePosixPath) -> bool:
    """Whether it came with the wheel: scripts lie outside, and Python compiles later."""
    inside = ".." not in file.parts and "__pycache__" not in file.parts
    return inside and not (file.parent.suffix == ".dist-info" and file.name in _ADDED)

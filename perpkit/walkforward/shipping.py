"""The files that a run needs, as they travel to where it runs: digests, packing, unpacking.

A worker has a user directory of its own, with copies of the user's plugins. Hyperopt locks, and
writes, in the user directory of its run, and two runs in one would be in each other's way.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from perpkit.files.whole_file import put

Files = Mapping[str, bytes]

# Of a user directory: whole, because a strategy may read tables that lie beside it.
PLUGINS = ("strategies", "hyperopts", "protections", "pairlists", "freqaimodels")
_NOT_SHIPPED = frozenset({"__pycache__", ".git", ".ipynb_checkpoints"})


def files_below(folder: Path, names: Iterable[str] = ("",)) -> dict[str, bytes]:
    """Returns the files below some folders of a folder, by relative path.

    :param names: of the folders; one that does not exist has no files
    """
    found = {}
    for name in names:
        for path in every_file(folder / name):
            found[path.relative_to(folder).as_posix()] = path.read_bytes()
    return found


def every_file(folder: Path, above: frozenset[Path] = frozenset()) -> Iterator[Path]:
    """Yields the files below a folder, and below the folders that links in it lead to, as Freqtrade
    reads them; of one that does not exist or cannot be read none.

    :param above: real places of the folders that this one is in, which a link may lead back to
    """
    here = folder.resolve()
    try:
        entries = [] if here in above else sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        if entry.name in _NOT_SHIPPED:
            continue
        if entry.is_dir():
            yield from every_file(entry, above | {here})
        elif entry.is_file():
            yield entry


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest_of_file(path: Path) -> str:
    """Returns the digest of a file's content, which need not fit into memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(files: Files) -> dict[str, str]:
    return {name: digest(content) for name, content in files.items()}


def digest_of_all(named: Mapping[str, str]) -> str:
    """Returns one digest of files that have digests by name."""
    return digest("\n".join(f"{name} {named[name]}" for name in sorted(named)).encode())


def unpack(files: Files, folder: Path) -> None:
    """
    :raises ValueError: for a name that would be outside of the folder
    """
    for name, content in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"name of a file must be inside of {folder}, got {name}")
        put(path, content)


def fill_user_directory(folder: Path, plugins: Files) -> None:
    """Makes an empty folder a user directory with copies of plugins."""
    unpack(plugins, folder)
    for name in ("data", "hyperopt_results", "backtest_results", *PLUGINS):
        (folder / name).mkdir(exist_ok=True)


def private_folder(path: Path) -> Path:
    """Makes a folder that only this user can read and write, or returns the one that was made.

    :raises ValueError: if it is another user's, who could have put something into it
    """
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if hasattr(os, "geteuid") and (found.st_uid != os.geteuid() or found.st_mode & 0o077):
        raise ValueError(f"{path} must be a folder that only this user can read and write")
    return path


def unpacked_once(files: Files, of: str, within: Path) -> Path:
    """Returns a folder with files, which the processes of one machine share.

    :param of: digest of all of them, which names the folder
    :param within: an existing folder
    """
    from filelock import FileLock

    folder = within / of[:16]
    with FileLock(f"{folder}.lock"):
        whole = folder / ".whole"
        if not whole.is_file():
            unpack(files, folder)
            put(whole, of.encode())
    return folder

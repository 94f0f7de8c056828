"""The files that decide the result of a run, as digests by names that do not depend on places.

What is missed here is mixed unseen: a run that goes on after a change has windows of two kinds.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

import perpkit
from perpkit.files.class_files import class_files
from perpkit.files.errors import FileError
from perpkit.files.feather import frame_of
from perpkit.learning.trainers import trainers, versions_of
from perpkit.market.times import dated
from perpkit.walkforward.record import Request
from perpkit.walkforward.shipping import (
    digest,
    digest_of_all,
    digest_of_file,
    digests,
    every_file,
    files_below,
)

_PLUGINS = ("protections", "pairlists", "freqaimodels")
# By which indicators are computed.
_COMPUTING = ("numpy", "pandas", "ta-lib")
# By which hyperopt draws its epochs: another version draws others from the same seed.
_SEARCHING = ("optuna",)
# Freqtrade writes it as it connects to some exchanges, with the time in it.
_TIERS = "leverage_tiers_*.json"
_PACKAGE = Path(perpkit.__file__).resolve().parent
# Of the package: what no backtest loads, and the plugins, which are elsewhere in a checkout.
_NO_PART = frozenset({"golive", "ops", "plugins", "report", "venue"})

# Files by the names of their digests; two folders may have one of the same name.
Sources = Mapping[str, tuple[Path, ...]]


def deciding_files(files: Sources, userdir: Path, datadir: Path, end: datetime) -> dict[str, str]:
    """Returns the digests of a strategy's sources, of what they read, and of all stored data.

    A strategy may read other pairs than it trades, and positioning: all of the data directory
    counts, up to the end of the last test, beside hidden files, which are locks, and the leverage
    tiers that Freqtrade fetches.

    :param files: of the strategy, by :func:`sources`
    :param end: of the last test
    """
    found = {name: _digest_of(paths) for name, paths in files.items()}
    for path in every_file(datadir):
        if path.name.startswith(".") or path.match(_TIERS):
            continue
        if of_it := _digest_until(path, end):
            found[path.relative_to(datadir).as_posix()] = of_it
    return found | digests(files_below(userdir, _PLUGINS))


def sources(strategy: Any, userdir: Path, strategy_path: Path | None) -> Sources:
    """Returns the files of a strategy, of what it imports and of what it reads, by the names of
    their digests.

    :param strategy: loaded by Freqtrade, with all that it imports
    """
    source = Path(strategy.__file__).resolve()
    folders = [source.parent, userdir.resolve()]
    if strategy_path is not None:
        folders.append(strategy_path.resolve())
    others = {path.resolve() for path in (*class_files(strategy), *_modules_below(folders))}
    named = [(f"strategy {source.name}", source)]
    named += [(f"module {_name(path, folders)}", path) for path in sorted(others - {source})]
    named += [(f"read {path.name}", path) for path in files_read(strategy)]
    found: dict[str, tuple[Path, ...]] = {}
    for name, path in named:
        found[name] = (*found.get(name, ()), path)
    return found


def not_copied(files: Sources, userdir: Path, strategy_path: Path | None) -> Sources:
    """Returns those that a worker reads where they are, and not in its own user directory.

    A module counts: one that was imported before may have left its folder in the path of imports.
    """

    def is_copied(name: str, path: Path) -> bool:
        if name.startswith("strategy "):
            beside = strategy_path is not None and path.is_relative_to(strategy_path)
            return path.is_relative_to(userdir.resolve() / "strategies") and not beside
        return name.startswith("read ") and path.is_relative_to(userdir)

    return {
        name: paths
        for name, paths in files.items()
        if not all(is_copied(name, path) for path in paths)
    }


def changed_since(request: Request, files: Sources, *, learning: bool) -> str | None:
    """Returns the name of a file or version that is another one than a run was asked for; None if
    all are the same.

    :param files: to look at, by the names of their digests in the request
    :param learning: whether models are trained
    """
    for name, paths in files.items():
        try:
            if _digest_of(paths) != request.files[name]:
                return name
        except OSError:  # removed
            return name
    now = made_with(learning=learning, searching=request.epochs > 0)
    differing = now.items() ^ request.made_with.items()
    return min((name for name, _ in differing), default=None)


def _digest_of(paths: Iterable[Path]) -> str:
    return "".join(map(digest_of_file, paths))


def _digest_until(path: Path, end: datetime) -> str | None:
    """Returns the digest of the rows that can decide, of another file than a table with dates that
    of its content; None if all rows are later.

    A bot or a download that runs meanwhile appends rows. Their first may open at the end of the
    last test, whose time range has that candle in it.
    """
    if path.suffix != ".feather":
        return digest_of_file(path)
    try:
        frame = frame_of(path.read_bytes(), path.name)
        if "date" not in frame or not pd.api.types.is_datetime64_any_dtype(frame["date"]):
            return digest_of_file(path)
        frame = dated(frame)
        rows = frame[frame["date"] <= pd.Timestamp(end)]
        hashes = pd.util.hash_pandas_object(rows, index=False).to_numpy()
    except (FileError, TypeError):  # damaged, or with lists in it
        return digest_of_file(path)
    return digest(",".join(rows.columns).encode() + hashes.tobytes()) if len(rows) else None


def files_read(strategy: Any) -> tuple[Path, ...]:
    """Returns the files of the user's that a strategy reads when it is made."""
    return tuple(getattr(strategy, "perpkit_reads", ()))


def made_with(*, learning: bool = False, searching: bool = False) -> dict[str, str]:
    """Returns the versions of Freqtrade, of Perpkit and of what computes indicators, and a digest
    of what Perpkit decides by.

    A checkout has one version for many states.

    :param searching: whether parameters are searched for: the version of what draws them counts,
        too
    :param learning: whether models are trained: the versions of what trains them count, too
    """
    return {
        "freqtrade": version("freqtrade"),
        "perpkit": perpkit.__version__,
        "perpkit files": digest_of_all(dict(_own_files())),
        **versions_of(_COMPUTING),
        **(versions_of(_SEARCHING) if searching else {}),
        **(trainers() if learning else {}),
    }


def _own_files() -> Iterator[tuple[str, str]]:
    for path in sorted(_PACKAGE.rglob("*.py")):
        relative = path.relative_to(_PACKAGE)
        if relative.parts[0] not in _NO_PART:
            yield relative.as_posix(), digest(path.read_bytes())
    installed = _PACKAGE / "plugins"
    plugins = installed if installed.is_dir() else _PACKAGE.parent
    folders = {kind: plugins / kind for kind in _PLUGINS}
    if plugins is not installed:  # a checkout has them where Freqtrade itself looks
        folders["freqaimodels"] = plugins / "user_data/freqaimodels"
    for kind, folder in folders.items():
        for path in sorted(folder.glob("*.py")):
            yield f"plugins/{kind}/{path.name}", digest(path.read_bytes())


def _modules_below(folders: Iterable[Path]) -> Iterator[Path]:
    """Yields the files of loaded modules below folders; Perpkit's own and installed ones have a
    version."""
    for module in list(sys.modules.values()):
        path = Path(getattr(module, "__file__", None) or "").resolve()
        if (
            any(map(path.is_relative_to, folders))
            and path.is_file()
            and "site-packages" not in path.parts
            and not path.is_relative_to(_PACKAGE)
        ):
            yield path


def _name(path: Path, folders: Iterable[Path]) -> str:
    within = [path.relative_to(each) for each in folders if path.is_relative_to(each)]
    return min(within, key=lambda each: len(each.parts), default=Path(path.name)).as_posix()

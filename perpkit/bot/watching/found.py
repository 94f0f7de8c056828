"""Finds all breakers: those that come with Perpkit, and those in a user directory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from inspect import isabstract
from pathlib import Path
from typing import TYPE_CHECKING

from perpkit.bot.loading.plugins import own_folder

# The functions import Freqtrade when they run, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.bot.watching.protection import WatchedProtection

logger = logging.getLogger(__name__)

USER_DATA = Path("user_data")


def protection_folders(
    user_data: Path = USER_DATA, protection_path: Path | None = None
) -> list[Path]:
    """Returns the folders in which Freqtrade finds breakers, in its search order.

    :param user_data: Freqtrade's user directory
    :param protection_path: the configuration's key of this name
    """
    wanted = (protection_path, user_data / "protections", own_folder("protections"))
    return [folder.resolve() for folder in wanted if folder is not None and folder.is_dir()]


def breakers(
    folders: Iterable[Path] | None = None, report: Callable[[str], None] = logger.warning
) -> dict[str, type[WatchedProtection]]:
    """Returns every breaker class in the folders by name, sorted by name.

    If two have the same name, the first counts, as in Freqtrade. A file that cannot be loaded is
    reported and skipped.

    :param folders: by default those of `protection_folders()`
    :param report: called with one line for each file that cannot be loaded
    """
    found: dict[str, type[WatchedProtection]] = {}
    for folder in protection_folders() if folders is None else folders:
        for path in sorted(folder.glob("*.py")):
            for kind in _in_file(path, report):
                found.setdefault(kind.__name__, kind)
    return dict(sorted(found.items()))


def _in_file(path: Path, report: Callable[[str], None]) -> Iterator[type[WatchedProtection]]:
    from freqtrade.resolvers import ProtectionResolver

    from perpkit.bot.watching.protection import WatchedProtection

    try:
        # With None for a failed import: otherwise half a module would count as a whole one.
        classes = [
            found and found[0] for found in ProtectionResolver._get_valid_object(path, None, True)
        ]
    except (Exception, SystemExit) as error:  # a user's file may raise anything
        report(f"{path} cannot be loaded: {type(error).__name__}: {error}")
        return
    for kind in classes:
        if kind is None:
            report(f"{path} cannot be loaded, see the log")
        elif issubclass(kind, WatchedProtection) and not isabstract(kind):
            yield kind

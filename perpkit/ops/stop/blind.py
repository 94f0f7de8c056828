"""Finds the latch of a bot whose configuration cannot be used, so that it can be set all the same.

A wrong guess would halt another bot, which would close its positions. So a latch is known only if
the operator or the configuration files identify the folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from perpkit.record.latch import LatchFile, latch_file


def known_latches(
    files: list[Path] | None, userdir: Path | None, *, may_be_live: bool = False
) -> list[LatchFile]:
    """Returns the known latches: of both modes if the mode is not known, none without a folder.

    :param files: as `--config` names them
    :param may_be_live: whether the mode is not known where they say dry-run
    """
    given = _content(files, userdir)
    folder = userdir or _folder(files, given)
    if folder is None or not folder.is_dir():
        return []
    mode = (given or {}).get("dry_run")
    is_known = isinstance(mode, bool) and not (mode and may_be_live)
    found = []
    for dry_run in [mode] if is_known else [False, True]:
        own = (given or {}).get("perpkit")
        # With all of it, because a rehearsal has a latch of its own.
        config = {**(given or {}), "user_data_dir": folder, "dry_run": dry_run}
        try:
            found.append(latch_file({**config, "perpkit": own if isinstance(own, dict) else {}}))
        except ValueError:  # an invalid account name has no latch
            return []
    return found


def _content(files: list[Path] | None, userdir: Path | None) -> Mapping[str, Any] | None:
    """Returns the files and the environment, unchecked; None if they cannot be read."""
    from perpkit.ops.bot_config import unchecked_config
    from perpkit.ops.stored import BadInputError

    try:
        return unchecked_config(files, userdir)
    except BadInputError:
        return None


def _folder(files: list[Path] | None, given: Mapping[str, Any] | None) -> Path | None:
    default = Path("user_data")
    if given is not None and isinstance(given.get("user_data_dir"), str):
        return Path(given["user_data_dir"])
    if given is not None and all(file.is_file() for file in files or []):
        return default
    inside = [file for file in files or [] if default.absolute() in file.absolute().parents]
    return default if inside or not files else None

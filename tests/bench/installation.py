"""Perpkit as it lies in site-packages, in a folder of a test, which may write into it."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.conftest import REPOSITORY

_NOT_INSTALLED = shutil.ignore_patterns("*.json", "__pycache__")


def install_plugins(package: Path) -> Path:
    """
    :param package: the folder `perpkit`
    :return: where our strategies lie in it
    """
    for kind in ("strategies", "protections", "pairlists"):
        shutil.copytree(REPOSITORY / kind, package / "plugins" / kind, ignore=_NOT_INSTALLED)
    return package / "plugins" / "strategies"


def install(site: Path) -> Path:
    """
    :param site: the folder `site-packages`
    :return: where our strategies lie in it
    """
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "perpkit", site / "perpkit", ignore=ignored)
    return install_plugins(site / "perpkit")


def tree(folder: Path) -> dict[str, str]:
    """The files in a folder, and what is in them."""
    return {path.name: path.read_text() for path in folder.iterdir() if path.is_file()}

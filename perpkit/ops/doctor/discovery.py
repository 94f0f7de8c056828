"""Checks that Freqtrade finds what comes with Perpkit: strategies, protections and pairlists."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok, warn

_HOOK = "perpkit.bot.loading.hook"
_REINSTALL = "pip install --force-reinstall --no-deps perpkit, in the environment of the bot"
_RESOLVERS = {
    "strategies": ("freqtrade.resolvers.strategy_resolver", "StrategyResolver"),
    "protections": ("freqtrade.resolvers.protection_resolver", "ProtectionResolver"),
    "pairlists": ("freqtrade.resolvers.pairlist_resolver", "PairListResolver"),
}


def check(context: Context) -> Iterator[Finding]:
    if os.environ.get("PERPKIT_PLUGINS", "1") == "0":
        yield fail(
            "Plugin discovery is switched off: PERPKIT_PLUGINS is 0. Freqtrade finds neither the "
            "protections nor the pairlists, and does not keep rehearsal apart",
            "unset PERPKIT_PLUGINS",
        )
        return
    import_module("freqtrade")  # the hook waits for it
    if _HOOK not in sys.modules:
        yield fail(
            "The start-up hook did not run as Python started: 00_perpkit.pth is not in "
            f"{_site_packages()}, fails, or comes after a plugin that imports Freqtrade",
            f"{_REINSTALL}; where Python's start says that Freqtrade was imported before, remove "
            "that plugin's .pth file",
        )
        return
    config = dict(context.config) if not isinstance(context.read, str) else {}
    for kind, (module, name) in _RESOLVERS.items():
        yield _found(kind, getattr(import_module(module), name), config)


def _found(kind: str, resolver: Any, config: dict[str, Any]) -> Finding:
    from perpkit.bot.loading.plugins import own_folder

    own = own_folder(kind)
    if own is None:
        return fail(f"The {kind} that come with Perpkit are not there", _REINSTALL)
    folder = Path(config.get("user_data_dir") or "user_data")
    paths = resolver.build_search_paths({**config, "user_data_dir": folder}, user_subdir=kind)
    if own not in paths:
        return fail(f"Freqtrade does not look into {own} for {kind}", _REINSTALL)
    names, broken = [], []
    for path in paths:
        if not path.is_dir():
            continue
        for each in resolver._search_all_objects(path, True):
            if each["class"] is None:
                broken.append(str(each["location"]))
            else:
                names.append(each["name"])
    if broken:
        return warn(
            f"These {kind} cannot be loaded: {', '.join(sorted(set(broken)))}",
            "`python FILE` shows the error of a file: mend it, or move it away",
        )
    missing = sorted(_own_names(own) - set(names))
    if missing:
        return fail(f"Freqtrade does not find the {kind} {', '.join(missing)}", _REINSTALL)
    return ok(f"{kind}: {len(set(names))} found, Perpkit's {len(_own_names(own))} among them")


def _own_names(folder: Path) -> set[str]:
    """Returns the names of the classes, after which the files are named."""
    return {path.stem for path in folder.glob("[A-Za-z]*.py")}


def _site_packages() -> str:
    import site

    return ", ".join(site.getsitepackages())

"""Checks where a bot's secret is stored: anyone who reads the disk can read a plain-text file."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from perpkit.ops.bot_config import BotConfig
from perpkit.ops.keys.finding import KeyFinding
from perpkit.ops.level import Level

_NAMES = ("secret", "key", "api_key", "apiKey", "privateKey", "private_key")
_FIX = "perpkit keys store, then start the bot with perpkit keys exec, and take it out of the file"


def storage_finding(config: BotConfig) -> KeyFinding:
    """Checks the configuration's own files; a file that they include counts as theirs."""
    found = [(path, names) for path in config.files if (names := _secrets(path))]
    if not found:
        return KeyFinding("storage", Level.OK, "not in a file of the configuration")
    words = "; ".join(f"exchange.{' and '.join(n)} in {p}{_readable(p)}" for p, n in found)
    return KeyFinding("storage", Level.WARN, f"in plain text: {words}", _FIX)


def _secrets(path: Path) -> list[str]:
    own = exchange_section([path])
    return [name for name in _NAMES if own.get(name)]


def exchange_section(files: Sequence[Path]) -> Mapping[str, Any]:
    """Returns "exchange" of the files, without the environment; empty if Freqtrade rejects them."""
    from freqtrade.configuration.load_config import load_from_files
    from freqtrade.exceptions import FreqtradeException

    try:
        own = load_from_files([str(path) for path in files]).get("exchange") if files else {}
    except (FreqtradeException, ValueError, OSError, AttributeError, TypeError):
        return {}
    return own if isinstance(own, dict) else {}


def _readable(path: Path) -> str:
    """Describes access by other users; empty on Windows, where file modes do not show it."""
    if os.name == "nt":
        return ""
    others = path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH)
    return ", which other users of this machine can read" if others else ""

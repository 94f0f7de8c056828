"""Keeps the secrets of the configuration and of the environment out of what is printed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from perpkit.venue.overlay import ACCOUNT

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context

_NAME = re.compile(
    r"(^|_)(key|secret|password|passphrase|token|uid|chat_id|hash)($|_)|apikey", re.I
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SHOWN = "***"
_SHORTEST = 4  # a shorter text is no secret, and hiding it would garble sentences
# The venue's own account, whose names occur in many sentences.
_NONE = {*ACCOUNT, *ACCOUNT.values()}
# Prefixes of environment variables that may hold secrets.
_PREFIXES = ("FREQTRADE__", "PERPKIT_")


def redactor(context: Context) -> Callable[[str], str]:
    """Returns a function that replaces every known secret, even if Freqtrade refuses the files."""
    read = context.read
    config = _loaded(context.files) if isinstance(read, str) else read.config
    secrets = {*_of(config), *_of_environment(os.environ)} - _NONE
    ordered = sorted((s for s in secrets if len(s) >= _SHORTEST), key=len, reverse=True)

    def hidden(text: str) -> str:
        for secret in ordered:
            text = text.replace(secret, _SHOWN)
        return text

    return hidden


def _loaded(files: Sequence[Path]) -> dict[str, Any]:
    from freqtrade.configuration.load_config import load_from_files
    from freqtrade.exceptions import OperationalException

    try:
        return load_from_files([str(path) for path in files if str(path) != "-"])
    except (OperationalException, OSError, ValueError, AttributeError, TypeError):
        return {}


def _of(settings: Any, name: str = "") -> Iterator[str]:
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            yield from _of(value, str(key))
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _of(value, name)
    elif isinstance(settings, str | int) and not isinstance(settings, bool):
        text = str(settings)
        if _NAME.search(_CAMEL.sub("_", name)):
            yield text
        elif password := _password(text):
            yield password


def _of_environment(environment: Mapping[str, str]) -> Iterator[str]:
    for name, value in environment.items():
        if name.startswith(_PREFIXES):
            yield from _of(value, name)


def _password(text: str) -> str | None:
    """Returns the password of a URL, as it is written there."""
    if "://" not in text:
        return None
    try:
        found = urlsplit(text).password
    except ValueError:
        return None
    return found or None

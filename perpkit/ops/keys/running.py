"""Runs a command with the key in its environment, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from perpkit.ops.keys.api_key import ApiKey
from perpkit.ops.keys.opening import VARIABLE
from perpkit.ops.keys.storage import exchange_section
from perpkit.ops.stored import BadInputError

KEY, SECRET = "FREQTRADE__EXCHANGE__KEY", "FREQTRADE__EXCHANGE__SECRET"
# Freqtrade lowercases names, and prefers these two to the one that is set here.
_BEFORE = ("API_KEY", "APIKEY")
_REPLACED = {KEY, SECRET, *(f"FREQTRADE__EXCHANGE__{name}" for name in _BEFORE)}
_CONFIG = ("-c", "--config")


def environment(before: Mapping[str, str], key: ApiKey) -> dict[str, str]:
    """Returns `before` with the key, and without other keys or the store's passphrase."""
    kept = {
        name: value
        for name, value in before.items()
        if name.upper() not in _REPLACED and name != VARIABLE
    }
    return {**kept, KEY: key.key, SECRET: key.secret}


def replace_process(command: Sequence[str], key: ApiKey) -> None:
    """Replaces this process by the command, which gets its pid and signals; does not return.

    :raises BadInputError: if the command cannot be started
    """
    try:
        os.execvpe(command[0], list(command), environment(os.environ, key))  # noqa: S606
    except OSError as error:
        raise BadInputError(f"{command[0]} cannot be started: {error.strerror}") from None


def named(command: Sequence[str]) -> str:
    """Returns the program and its first argument, for a log; options may hold passwords."""
    first = (word for word in command[1:] if not word.startswith("-"))
    return " ".join([Path(command[0]).name, *list(first)[:1]])[:80]


def refuse_hidden_key(command: Sequence[str]) -> None:
    """Refuses a bot whose configuration has a key that Freqtrade would use instead.

    :raises BadInputError: naming the option
    """
    if "freqtrade" not in {Path(word).name for word in command[:3]}:
        return
    files = [path for path in _configs(command) if path.is_file()]
    for name in exchange_section(files):
        if name.upper() in _BEFORE:
            raise BadInputError(
                f"exchange.{name} in {', '.join(map(str, files))} comes before the stored key: "
                "take it out, with its value"
            )


def _configs(command: Sequence[str]) -> list[Path]:
    """Returns the configuration files of Freqtrade's command line, or its default file."""
    found = list(_values(command, _CONFIG))
    folder = next(_values(command, ("--userdir", "--user-data-dir")), "user_data")
    if found:
        return [Path(text) for text in found]
    defaults = (Path(folder) / "config.json", Path("config.json"))
    return [path for path in defaults if path.is_file()][:1]


def _values(command: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    for word, after in zip(command, [*command[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name in names:
            yield value if equals else after
        elif word.startswith("-c") and "-c" in names and word[1] != "-" and len(word) > 2:
            yield word[2:]

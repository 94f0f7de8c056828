"""Which bots are exported, and under which names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from perpkit.ops.bot_config import unchecked_config
from perpkit.ops.bot_files import places_of
from perpkit.ops.metrics.collector import Bot
from perpkit.ops.stored import BadInputError

_SUFFIX = ".state.json"


def bots_of(
    configs: Sequence[str], db_urls: Sequence[str], userdir: Path | None
) -> tuple[Bot, ...]:
    """Returns a bot for each configuration and each database; without any, Freqtrade's default.

    :param configs: files of one bot, with commas between them; its name is their `bot_name`, or
        else that of its trade database
    :raises BadInputError: naming what is missing, cannot be read, or is the same for two bots
    """
    found = [_configured(given, userdir) for given in configs]
    found += [_named(places_of(None, userdir, url).state) for url in db_urls]
    if not found:
        found = [_configured("", userdir)]
    _check(found)
    return tuple(found)


def _configured(given: str, userdir: Path | None) -> Bot:
    files = [Path(name.strip()) for name in given.split(",") if name.strip()] or None
    state = places_of(files, userdir, None).state
    name = unchecked_config(files, userdir).get("bot_name")
    return Bot(name, state) if isinstance(name, str) and name else _named(state)


def _named(state: Path) -> Bot:
    return Bot(state.name.removesuffix(_SUFFIX), state)


def _check(bots: Sequence[Bot]) -> None:
    paths: dict[Path, str] = {}
    names: dict[str, Path] = {}
    for bot in bots:
        path = bot.state.absolute()
        if path in paths:
            raise BadInputError(
                f"--config and --db-url must name different bots, and two have the state file "
                f"{path}. Files of one bot are joined by commas: -c config.json,private.json"
            )
        if bot.name in names:
            raise BadInputError(
                f'"bot_name" must differ between bots, and two are {bot.name!r}: {names[bot.name]} '
                f"and {path}"
            )
        paths[path], names[bot.name] = bot.name, path

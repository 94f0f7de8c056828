"""Checks the parameter file that hyperopt has written for a strategy: it overrides the code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from perpkit.files.contents import content_of, json_of
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, UnavailableError, fail, ok, warn

# Spaces of hyperopt that are not parameters of the class.
_MOST_BYTES = 2**20
_SPECIAL = ("roi", "stoploss", "trailing", "max_open_trades")


@dataclass(frozen=True)
class _File:
    """A parameter file.

    :param spaces: parameters by space
    """

    strategy: str
    spaces: dict[str, dict[str, Any]]


def check(context: Context) -> Iterator[Finding]:
    from perpkit.bot.loading.own_strategies import ignored_parameters, parameter_file

    name, source = _source(context)
    path = parameter_file(source, Path(context.config["user_data_dir"]))
    if old := ignored_parameters(source):
        yield _ignored(old, path)
    if path is None or not path.is_file():
        yield ok(f"No parameter file for {source}: the defaults of the code are in force")
        return
    since = f"since {datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d %H:%M} UTC"
    move = f"mv {path} {path}.aside, for the defaults of the code; or run hyperopt once more"
    try:
        file = _read(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        yield fail(
            f"The parameter file {path} ({since}) cannot be read ({error!r}): Freqtrade goes on "
            "with the defaults of the code, or does not start",
            move,
        )
        return
    if file.strategy != name:
        yield fail(
            f"The parameter file {path} ({since}) is of {file.strategy}, not of {name}", move
        )
        return
    if unused := _unused(context, file):
        yield warn(f"{path} sets what {name} does not have: {', '.join(unused)}", move)
    values = [f"{k} {v}" for space in file.spaces.values() for k, v in sorted(space.items())]
    yield ok(f"In force {since}: {path} with {', '.join(values) or 'nothing'}")


def _ignored(old: Path, path: Path | None) -> Finding:
    away = f"mv {old} {old}.aside"
    use = f"mkdir -p {path.parent} && mv {old} {path}, to use it; or " if path else ""
    return warn(
        f"{old} is not in force: an older release let hyperopt write it beside Perpkit's strategy",
        away if path and path.exists() else use + away,
    )


def _source(context: Context) -> tuple[str, Path]:
    """Returns the strategy's name and file, even if the parameter file keeps it from loading."""
    from freqtrade.resolvers import StrategyResolver

    name, config = str(context.config.get("strategy")), dict(context.config)
    for each in StrategyResolver.search_all_objects(
        config, False, bool(config.get("recursive_strategy_search"))
    ):
        if each["name"] == name:
            return name, Path(each["location"])
    raise UnavailableError("the file of the strategy cannot be found")


def _read(path: Path) -> _File:
    content = json_of(content_of(path, _MOST_BYTES), str(path))
    spaces = {str(space): dict(values) for space, values in dict(content["params"]).items()}
    return _File(str(content["strategy_name"]), spaces)


def _unused(context: Context, file: _File) -> list[str]:
    if isinstance(context.loaded, Exception):
        return []
    from freqtrade.strategy.hyper import detect_all_parameters

    # The strategy itself enumerates them only once it has been started.
    declared = detect_all_parameters(type(context.loaded)).values()
    known = {name for space in declared for name in space}
    given = [k for s, values in file.spaces.items() if s not in _SPECIAL for k in values]
    return sorted(set(given) - known)

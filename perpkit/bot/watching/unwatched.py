"""What is said at the start of a run whose strategy has no risk layer.

Freqtrade would list a breaker of such a strategy as active. `perpkit.bot.loading.attaching` calls
this when the strategy has started, and not with a strategy that has the layer.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from freqtrade.enums import RunMode

from perpkit.bot.candles.candles import is_simulated, is_trading
from perpkit.bot.loading.attaching import nothing_attached
from perpkit.bot.running_bot import NO_MARKDOWN
from perpkit.bot.watching.found import breakers, protection_folders
from perpkit.bot.watching.protection import ATTACH

logger = logging.getLogger(__name__)


def log_at_start(config: dict[str, Any], line: str, level: int = logging.INFO) -> None:
    """Logs a line; in a simulated run once, as an analysis starts the strategy many times."""
    (_log_once if is_simulated(config) else logger.log)(level, line)


@lru_cache(maxsize=256)
def _log_once(level: int, line: str) -> None:
    logger.log(level, line)


def report_unwatched(strategy: Any) -> None:
    """Logs that nothing is attached, and warns of breakers that no layer runs.

    The warning also goes to the operator of a running bot.
    """
    config, name = strategy.config, type(strategy).__name__
    if not is_trading(config) and not is_simulated(config):
        return  # nothing is decided there, with the layer or without
    line = unwatched_line(strategy, config)
    if line is None and nothing_attached():
        return  # which the log says already
    warned = line is not None
    line = line or f"Perpkit is installed and not attached to {name}: {_asked(config)}."
    log_at_start(config, line, logging.WARNING if warned else logging.INFO)
    if warned and is_trading(config):
        strategy.dp.send_msg(line.translate(NO_MARKDOWN), always_send=True)


def breakers_will_run(config: dict[str, Any]) -> bool:
    """Whether Freqtrade evaluates protections in the run that begins."""
    if not is_simulated(config):
        return is_trading(config)
    # Hyperopt enables them after the strategy's start if it searches their space.
    searched = config.get("runmode") == RunMode.HYPEROPT and {"protection", "all"} & {
        *config.get("spaces", ())
    }
    return bool(config.get("enable_protections") or searched)


def unwatched_line(strategy: Any, config: dict[str, Any]) -> str | None:
    """Returns a warning that names the breakers which a strategy without a layer lists, or None."""
    listed = [entry for entry in strategy.protections or () if isinstance(entry, Mapping)]
    ours = breaker_names(config) if listed else frozenset()
    found = [str(entry["method"]) for entry in listed if entry.get("method") in ours]
    if not found:
        return None
    who = f"{', '.join(found)}, listed by {type(strategy).__name__}"
    if not is_simulated(config):
        effect = "no effect"
    elif breakers_will_run(config):
        effect = (
            "a late effect only, as Freqtrade evaluates protections when a trade closes, and none "
            "in dry-run and live"
        )
    else:
        effect = "no effect without --enable-protections, and none in dry-run and live with it"
    return (
        f"{who}: {effect}, because Perpkit is not attached ({_asked(config)}). To have the "
        f"breakers watch every candle, {ATTACH}."
    )


def breaker_names(config: Mapping[str, Any]) -> frozenset[str]:
    """The names of all breakers that a watch can drive, the user's included."""
    path = config.get("protection_path")
    folders = protection_folders(Path(config["user_data_dir"]), Path(path) if path else None)
    return frozenset(breakers(folders))


def _asked(config: Mapping[str, Any]) -> str:
    own = config.get("perpkit")
    given = own.get("attach") if isinstance(own, Mapping) else None
    return '"perpkit.attach" is not set' if given is None else '"perpkit.attach" is false'

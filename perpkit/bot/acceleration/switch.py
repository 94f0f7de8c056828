"""Has the acceleration follow the configuration of the run that begins.

Freqtrade's classes belong to the process, which can run several backtests, each with a
configuration of its own. `perpkit.bot.loading.accelerating` calls this as each of them begins.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from freqtrade.enums import TRADE_MODES

from perpkit.bot.acceleration import parts
from perpkit.bot.settings import ACCELERATION, given_switch

logger = logging.getLogger(__name__)

_said: str | None = None


def follow(config: Mapping[str, Any], *, say: bool = False) -> None:
    """Switches the parts on or off, as a configuration wants them.

    :param config: of the run that begins
    :param say: write what is on to the log, unless that was the last that it said
    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    if not wanted(config):
        switch_off()
        if say:
            _say(logging.INFO, f'Acceleration is off: "perpkit.{ACCELERATION}" is false.')
        return
    off = {name: why for name in parts.PARTS if (why := _switched_on(name))}
    if say:
        on = ", ".join(name for name in parts.PARTS if name not in off)
        without = "; ".join(f"{name} is off, because {why}" for name, why in off.items())
        level = logging.WARNING if off else logging.INFO
        _say(level, f"Acceleration is on: {on or 'no part'}{'; ' + without if off else ''}.")


def _switched_on(name: str) -> str | None:
    """Returns why a part stays off, None if it is on."""
    try:
        return parts.part(name).switch_on()
    except Exception as error:  # what its module imports is there no more: the others are on
        return repr(error)


def wanted(config: Mapping[str, Any]) -> bool:
    """Whether a run is accelerated: unless its configuration says no, and never a trading bot.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    accelerated = given_switch(config, ACCELERATION) is not False
    return accelerated and config.get("runmode") not in TRADE_MODES


def switch_off() -> None:
    """Leaves everything as Freqtrade has it."""
    for part in reversed(parts.imported().values()):
        part.switch_off()


def _say(level: int, line: str) -> None:
    global _said
    if line != _said:
        logger.log(level, line)
    _said = line

"""Has the acceleration follow the configuration of the run that begins.

Freqtrade's classes belong to the process, which can run several backtests, each with a
configuration of its own. `perpkit.bot.loading.accelerating` calls this as each of them begins.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from freqtrade.enums import TRADE_MODES

from perpkit.bot.acceleration.parts import PARTS
from perpkit.bot.settings import given_switch

logger = logging.getLogger(__name__)

# Of the configuration's "perpkit".
OPTION = "acceleration"

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
            _say(logging.INFO, f'Acceleration is off: "perpkit.{OPTION}" is false.')
        return
    off = {part.name: why for part in PARTS if (why := part.switch_on())}
    if say:
        on = ", ".join(part.name for part in PARTS if part.is_on)
        without = "; ".join(f"{name} is off, because {why}" for name, why in off.items())
        level = logging.WARNING if off else logging.INFO
        _say(level, f"Acceleration is on: {on or 'no part'}{'; ' + without if off else ''}.")


def wanted(config: Mapping[str, Any]) -> bool:
    """Whether a run is accelerated: unless its configuration says no, and never a trading bot.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    return given_switch(config, OPTION) is not False and config.get("runmode") not in TRADE_MODES


def switch_off() -> None:
    """Leaves everything as Freqtrade has it."""
    for part in reversed(PARTS):
        part.switch_off()


def _say(level: int, line: str) -> None:
    global _said
    if line != _said:
        logger.log(level, line)
    _said = line

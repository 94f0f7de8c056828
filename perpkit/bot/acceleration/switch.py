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
_trading = False


def follow(config: Mapping[str, Any], *, say: bool = False) -> None:
    """Switches the parts on or off, as a configuration wants them.

    :param config: of the run that begins
    :param say: write what is on to the log, unless that was the last that it said
    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    if why := unwanted(config):
        switch_off()
        if say:
            _say(logging.INFO, f"Acceleration is off: {why}.")
        return
    if any(part.is_patched() for part in parts.imported()):
        switch_off()  # and looks at all of them again
        say = True
    off = {name: why for name in parts.PARTS if (why := _switched_on(name))}
    for part in parts.imported():
        part.remember()
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


def unwanted(config: Mapping[str, Any]) -> str | None:
    """Returns why a run is not accelerated, None if it is: its configuration says no, or it trades.

    :raises ConfigurationError: naming the option, its value and what is allowed
    """
    if given_switch(config, ACCELERATION) is False:
        return f'"perpkit.{ACCELERATION}" is false'
    trades = _trading or config.get("runmode") in TRADE_MODES
    return "a bot trades in this process" if trades else None


def never_again() -> None:
    """Switches it off for good: from here on a bot trades in this process, and what it runs beside
    that, such as a backtest of its own, would change Freqtrade's functions under it."""
    global _trading
    _trading = True
    switch_off()


def switch_off() -> None:
    """Leaves everything as Freqtrade has it."""
    for part in reversed(parts.imported()):
        part.switch_off()


def forget() -> None:
    """Empties what is remembered of the run that has ended, such as callbacks of its strategy."""
    for part in parts.imported():
        part.forget()


def _say(level: int, line: str) -> None:
    global _said
    if line != _said:
        logger.log(level, line)
    _said = line

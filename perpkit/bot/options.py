"""Checks the configuration options of Freqtrade that disable one of Perpkit's safety features.

Options that disable a safety are refused; those that switch a feature off are logged at the start.
The configuration overrides attributes of the strategy, so the values checked are those that
Freqtrade's resolver has merged. A bot with open trades is not refused: it starts REDUCING, with the
safety features enabled for its open positions.
"""

from __future__ import annotations

from typing import Any

# The `order_types` that a guarded position needs, and why.
_ORDER_TYPES = {
    "stoploss_on_exchange": (
        True,
        "stops would not be at the exchange, where the guard keeps them",
    ),
    "stoploss": ("market", "a price that runs past a limit leaves the position without a stop"),
    "emergency_exit": ("market", "a position without a stop has to leave at once"),
}
_GUARD_OFF = '; or switch the guard off: "perpkit": {"use": {"guard": false}}'


def disarming(strategy: Any, *, trading: bool, guarded: bool, own_stops: bool = True) -> list[str]:
    """Returns one message per option that must be refused, each with the way to correct it.

    :param trading: the run is a dry-run or live
    :param guarded: the stop guard is on
    :param own_stops: stops are PerpStrategy's; those of another strategy are what it wants, and
        only what the guard needs is asked of it
    """
    found = []
    trading = (trading and own_stops) or guarded
    if own_stops and not strategy.use_custom_stoploss:
        floor = abs(strategy.stoploss)
        found.append(
            f'"use_custom_stoploss" must be true, got false: stops would stay at "stoploss" '
            f"({floor:.0%} of the margin), while sizes are made for a nearer one"
        )
    for name, (needed, why) in _ORDER_TYPES.items():
        value = strategy.order_types.get(name, needed)
        asked = trading if name == "emergency_exit" else guarded
        if asked and value != needed:
            out = "" if name == "emergency_exit" else _GUARD_OFF
            found.append(
                f'"order_types.{name}" must be {_json(needed)}, got {_json(value)}: {why}{out}'
            )
    return found


def arm(strategy: Any, *, guarded: bool, own_stops: bool = True) -> None:
    """Sets the options that `disarming` refuses to safe values, for positions that are open."""
    if own_stops:
        strategy.use_custom_stoploss = strategy.config["use_custom_stoploss"] = True
    for name, (needed, _) in _ORDER_TYPES.items():
        if guarded or name == "emergency_exit":
            # Another object: this one may be the configuration's.
            strategy.order_types = {**strategy.order_types, name: needed}


def parts_off(
    strategy: Any, *, live: bool, guarded: bool, unknown_exchange: str | None = None
) -> list[str]:
    """Returns one message per feature that an option or an unsupported exchange switches off.

    :param unknown_exchange: name of the exchange, if the guard does not support it
    """
    found = []
    if unknown_exchange is not None:
        found.append(
            f"{unknown_exchange}: in live the stop guard, the memory of orders and the booking of "
            "funding support Binance only, and are off here; Freqtrade sends and tracks orders "
            "without them"
        )
    if not strategy.use_exit_signal:
        found.append(
            "use_exit_signal is false: exit signals, time stop and carry exits are off; halts and "
            "stops still work"
        )
    if getattr(strategy, "exit_profit_only", False):  # IStrategy does not define it
        found.append(
            "exit_profit_only is true: exit signals, time stop and carry exits of a losing trade "
            "are held back; halts and stops still work"
        )
    if not strategy.config.get("position_adjustment_enable", True):
        found.append(
            "position_adjustment_enable is false: positions are neither reduced nor added to, "
            "and the rest of a partly filled entry is given up"
        )
    elif strategy.max_entry_position_adjustment >= 0:
        found.append(
            f"max_entry_position_adjustment is {strategy.max_entry_position_adjustment}: at most "
            "that many additions, including the rest of a partly filled entry"
        )
    if live and not guarded:
        at = (
            "at the exchange" if strategy.order_types["stoploss_on_exchange"] else "in the bot only"
        )
        found.append(f"the stop guard is off: stops are {at}, and only Freqtrade manages them")
    return found


def _json(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()

"""Options of Freqtrade that disarm a safety, or switch a part off: refused, or said at the start.

The configuration overrides a strategy's attributes, so what is looked at is what the resolver has
made of both. A bot that holds something is not refused: it starts REDUCING, with the safety on for
what is open.
"""

from __future__ import annotations

from typing import Any

# Of `order_types`: what a guarded position needs.
_ORDER_TYPES = {
    "stoploss_on_exchange": (
        True,
        "stops would not be at the exchange, where the guard keeps them",
    ),
    "stoploss": ("market", "a price that runs past a limit leaves the position without a stop"),
    "emergency_exit": ("market", "a position without a stop has to leave at once"),
}
_GUARD_OFF = '; or switch the guard off: "perpkit": {"use": {"guard": false}}'


def disarming(strategy: Any, *, trading: bool, guarded: bool) -> list[str]:
    """What is to be refused, and the way out.

    :param trading: in dry-run or live
    :param guarded: the guard is on
    """
    found = []
    if not strategy.use_custom_stoploss:
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


def arm(strategy: Any, *, guarded: bool) -> None:
    """Switch on what `disarming` has found, for what is open."""
    strategy.use_custom_stoploss = strategy.config["use_custom_stoploss"] = True
    for name, (needed, _) in _ORDER_TYPES.items():
        if guarded or name == "emergency_exit":
            strategy.order_types[name] = needed


def parts_off(
    strategy: Any, *, live: bool, guarded: bool, unknown_exchange: str | None = None
) -> list[str]:
    """Which parts are off, by options or for the exchange, for people.

    :param unknown_exchange: its name, where it is none that the guard knows
    """
    found = []
    if unknown_exchange is not None:
        found.append(
            f"{unknown_exchange}: in live the stop guard, the memory of orders and the booking of "
            "funding know Binance only, and stay out of the way here; orders go as Freqtrade sends "
            "them"
        )
    if not strategy.use_exit_signal:
        found.append(
            "use_exit_signal is false: exit signals, time stop and carry exits are off; a halt and "
            "stops go on"
        )
    if getattr(strategy, "exit_profit_only", False):  # no attribute of IStrategy
        found.append(
            "exit_profit_only is true: an exit signal of a losing trade is held back, and time "
            "stop and carry exits with it; a halt and stops go on"
        )
    if not strategy.config.get("position_adjustment_enable", True):
        found.append(
            "position_adjustment_enable is false: no part of a position is sold, none is added, "
            "and the rest of a partly filled entry is given up"
        )
    elif strategy.max_entry_position_adjustment >= 0:
        found.append(
            f"max_entry_position_adjustment is {strategy.max_entry_position_adjustment}: no more "
            "additions than that, the rest of a partly filled entry included"
        )
    if live and not guarded:
        at = (
            "at the exchange" if strategy.order_types["stoploss_on_exchange"] else "in the bot only"
        )
        found.append(f"the stop guard is off: stops are {at}, and Freqtrade alone looks after them")
    return found


def _json(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()

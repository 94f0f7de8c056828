"""What is decided of an option that can override a strategy, and what the decision looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.warm_up import Need, Supply


class Outcome(StrEnum):
    HONOURED = "honoured"
    NOTED = "honoured with a note"
    REFUSED = "refused"


@dataclass(frozen=True)
class Verdict:
    """
    :param option: its name, such as `order_types.stoploss`
    :param line: one or more sentences without the last full stop
    :param off: a part is off, no matter who has set the value
    :param always: it is said no matter who has set the value
    :param safe: the value that is set if the run must go on for what is open; None for none
    """

    option: str
    outcome: Outcome
    line: str
    off: bool = False
    always: bool = False
    safe: Any = None

    @property
    def name(self) -> str:
        return self.option.split(".")[0]

    @property
    def stands(self) -> bool:
        """Whether it counts for a value of the strategy's own, too."""
        return self.off or self.always or self.outcome is Outcome.REFUSED


@dataclass(frozen=True)
class OfPackage:
    """What a strategy of the package assumes.

    :param stop: distance of its stop, a fraction of the price
    :param target: of its profit, a fraction of the price
    :param max_leverage: that it takes at most
    :param rebalances: it does nothing without adjustments of positions
    :param misfit: why it cannot use its timeframe, if it cannot
    """

    stop: float
    target: float
    max_leverage: float
    rebalances: bool = False
    misfit: str = ""


@dataclass(frozen=True)
class Attached:
    """What the parts around another strategy need.

    :param by_stop: those that act by the distance of its stop
    :param stated: "perpkit.stop" states where its own stop is
    :param guard: the stop guard was asked for
    """

    by_stop: tuple[Part, ...] = ()
    stated: bool = False
    guard: bool = False


@dataclass(frozen=True)
class Run:
    """
    :param strategy: its name
    :param values: of its attributes that can be overridden, merged
    :param trading: a dry-run or live
    :param guarded: the stop guard is on
    :param needs: of candles
    :param has: the candles that a running bot would have; None if that is unknown
    :param unknown_exchange: name of the exchange, if the guard does not support it
    """

    strategy: str
    values: Mapping[str, Any]
    trading: bool
    live: bool
    guarded: bool
    timeframe: str
    asks: OfPackage | Attached
    needs: Sequence[Need] = ()
    has: Supply | None = None
    unknown_exchange: str | None = None


def refuse(option: str, needed: Any, got: Any, why: str) -> Verdict:
    """Returns a refusal in the words that all of them have."""
    line = f'"{option}" must be {_json(needed)}, got {_json(got)}: {why}'
    return Verdict(option, Outcome.REFUSED, line, safe=needed)


def _json(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower()

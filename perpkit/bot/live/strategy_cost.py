"""What the functions of a strategy take in each cycle: cheap enough to be measured all the time.

A call costs two looks at a clock. The functions are replaced on the object, not in its class, so
that what callbacks do with their errors, and whether Freqtrade copies the trade for them, stays.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from time import perf_counter
from typing import Any

from freqtrade.strategy import IStrategy

# All of it, in Freqtrade's order; the pair is in the metadata.
ANALYSIS = "analyze"
PAIR = "analyze_ticker"
INDICATORS = "populate_indicators"
# `populate_indicators`, and before it what informative pairs and timeframes need.
ALL_INDICATORS = "advise_indicators"
POPULATION = (INDICATORS, "populate_entry_trend", "populate_exit_trend")
LOOP_START = "bot_loop_start"
CALLBACKS = (
    LOOP_START, "leverage", "custom_stake_amount", "custom_entry_price",
    "confirm_trade_entry", "check_entry_timeout", "check_exit_timeout", "adjust_entry_price",
    "adjust_exit_price", "adjust_order_price", "adjust_trade_position", "custom_stoploss",
    "custom_exit", "custom_roi", "custom_exit_price", "confirm_trade_exit", "order_filled",
)  # fmt: skip
# Of the layer, within `bot_loop_start`.
LAYER_STEP = "step"


@dataclass
class Cost:
    """The calls of one function in one cycle; times in seconds.

    :param slowest: the longest call, of `pair`
    """

    seconds: float = 0.0
    calls: int = 0
    slowest: float = 0.0
    pair: str = ""

    def add(self, seconds: float, pair: str) -> None:
        self.seconds += seconds
        self.calls += 1
        if seconds > self.slowest:
            self.slowest, self.pair = seconds, pair


@dataclass
class Costs:
    """The costs of one cycle, by function."""

    of: dict[str, Cost] = field(default_factory=dict)

    def add(self, name: str, seconds: float, pair: str) -> None:
        self.of.setdefault(name, Cost()).add(seconds, pair)

    def seconds(self, *names: str) -> float:
        return sum(self.of[name].seconds for name in names if name in self.of)

    @property
    def analysis(self) -> float:
        return self.seconds(ANALYSIS)

    @property
    def callbacks(self) -> float:
        return self.seconds(*CALLBACKS)

    def named(self) -> dict[str, Cost]:
        """What each part of the analysis and each callback takes, none within another one."""
        found = {name: self.of[name] for name in (*POPULATION, *CALLBACKS) if name in self.of}
        layer = self.seconds(LAYER_STEP)
        parts = {
            "informative pairs and timeframes": self.seconds(ALL_INDICATORS)
            - self.seconds(INDICATORS),
            "Freqtrade's own steps": self.analysis - self.seconds(ALL_INDICATORS, *POPULATION[1:]),
            "Perpkit's breakers and guard": layer,
        }
        if layer:
            parts[LOOP_START] = self.seconds(LOOP_START) - layer
        return found | {name: Cost(seconds) for name, seconds in parts.items()}


class StrategyCost:
    """
    :param strategy: whose functions are measured from now on
    :param clock: in seconds
    """

    def __init__(self, strategy: Any, clock: Callable[[], float] = perf_counter) -> None:
        self._clock = clock
        self._costs = Costs()
        for name in (ANALYSIS, PAIR, ALL_INDICATORS, *POPULATION):
            self._measure(strategy, name)
        for name in CALLBACKS:
            if _is_own(strategy, name):
                self._measure(strategy, name)
        if (layer := getattr(strategy, "_perpkit", None)) is not None:
            self._measure(layer, LAYER_STEP)

    def taken(self) -> Costs:
        """Returns the costs since the last call of this method."""
        costs, self._costs = self._costs, Costs()
        return costs

    def _measure(self, owner: Any, name: str) -> None:
        clock, on_object = self._clock, vars(owner).get(name)

        @wraps(getattr(owner, name))
        def measured(*args: Any, **kwargs: Any) -> Any:
            function = on_object or _of_class(owner, name)
            began = clock()
            try:
                return function(*args, **kwargs)
            finally:
                self._costs.add(name, clock() - began, _pair(args, kwargs))

        setattr(owner, name, measured)


def _of_class(owner: Any, name: str) -> Any:
    """Returns what the object would answer if nothing were set on it: its class may change."""
    kind = type(owner)
    found = inspect.getattr_static(kind, name)
    return found.__get__(owner, kind) if hasattr(found, "__get__") else found


def _is_own(strategy: Any, name: str) -> bool:
    """Whether the strategy has a callback of its own; Freqtrade's does nothing."""
    stock = inspect.getattr_static(IStrategy, name, None)
    return stock is not None and inspect.getattr_static(type(strategy), name) is not stock


def _pair(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    if isinstance(pair := kwargs.get("pair"), str):
        return pair
    metadata = args[1] if len(args) > 1 else None
    if isinstance(metadata, dict):
        return str(metadata.get("pair", ""))
    return str(getattr(kwargs.get("trade"), "pair", ""))

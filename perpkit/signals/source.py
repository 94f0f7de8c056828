"""What a source of signals is: columns, entries with a confidence, and the exits of its own trades.

A strategy trades one source (`perpkit.bot.source_strategy`), or several of them together
(`strategies/Confluence.py`). A source is pure: frames and parameters in, arrays out, and no row
depends on a later one. Its parameters are the fields of a dataclass, each declared once; those
with a `Search` are hyperopt parameters of the strategy.

    @dataclass(frozen=True)
    class StreakRule(Parameters):
        length: Annotated[int, Range(1, 50, "candles"), Search("buy", 2, 12), "Closes in a row"] = 5

    @dataclass(frozen=True)
    class Streak(Source):
        name: str = "streak"
        rule: StreakRule = StreakRule()
        computed: tuple[str, ...] = ("streak",)
        ...
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.parameters.declared import Parameters
from perpkit.signals.conditions import Conditions

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Signals(NamedTuple):
    """What a source says when each candle has closed: arrays of one value a candle.

    An exit closes trades of this source only.

    :param long_confidence, short_confidence: from 0 to 1; they count where the side is entered, and
        with 0 or NaN nothing is
    """

    enter_long: Flags
    enter_short: Flags
    exit_long: Flags
    exit_short: Flags
    long_confidence: Floats
    short_confidence: Floats


@dataclass(frozen=True)
class Source(ABC):
    """The base class of sources, which are frozen dataclasses.

    :param name: in lower case with underscores; enter tags and parameters begin with it
    :param rule: its parameters, with their defaults
    :param computed: the columns that `columns` returns, whose names no other source may use
    :param needed: the other columns that it reads, candles excepted: those of `PerpStrategy`, such
        as `funding_rank`
    :param risk: settings of its trades that differ from the strategy's, by section and name as in
        the configuration's "perpkit": `{"trailing": {"atr_multiple": 5.0}}`. Sections are `stop`,
        `trailing`, `scale_out` and `use` (`trailing`, `scale_out` and `carry` of it)
    :param take_profit: the distance of its target, a fraction of the price; None is the strategy's
    """

    name: str
    rule: Parameters
    computed: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    risk: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    take_profit: float | None = None

    @abstractmethod
    def columns(self, candles: pd.DataFrame, step: timedelta) -> Mapping[str, NDArray[Any]]:
        """Returns the columns `computed`. They must not depend on parameters that are searched:
        hyperopt computes them once.

        :param candles: in order, with `date` (open time, UTC), `open`, `high`, `low`, `close`,
            `volume` and the columns `needed`
        :param step: length of a candle
        """

    @abstractmethod
    def signals(self, frame: pd.DataFrame, rule: Any) -> Signals:
        """Returns the entries and exits.

        :param frame: the candles with the columns `needed` and `computed`
        :param rule: the present parameters, of the type of `self.rule`
        """

    def conditions(self, frame: pd.DataFrame, rule: Any) -> Conditions:
        """Returns what a candle must meet for an entry, for the decision log; empty if it is not
        known one by one."""
        return {}

    def candles(self, rule: Any, step: timedelta) -> Mapping[str, int]:
        """Returns how many candles must be known, by what is unknown with fewer: nothing is
        entered then. Such as `{"the trend": 200}`."""
        return {}

    def unsuited(self, step: timedelta) -> str:
        """Returns why it cannot use candles of this length, to follow `"timeframe" must be `;
        empty if it can."""
        return ""

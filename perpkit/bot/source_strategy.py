"""A strategy that trades one source of signals."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.strategy import DecimalParameter

from perpkit.bot.layer.warm_up import Need
from perpkit.bot.searched import hyperopt_parameters, rule_at, searched, with_default
from perpkit.bot.settings import overridden
from perpkit.bot.strategy import PerpStrategy
from perpkit.market.columns import with_columns
from perpkit.risk.planned_levels import NO_TARGET
from perpkit.signals.conditions import Conditions
from perpkit.signals.confidence import tag
from perpkit.signals.source import Signals, Source


class SourceStrategy(PerpStrategy):
    """Enters and leaves as its `source` says, whose parameters are hyperopt parameters of the
    strategy under the names that the source gives them.

    A parameter that a subclass defines itself, with a range of its own, is kept, and so are its
    `settings`, which otherwise are those of the source's `risk`.
    """

    source: Source

    def __init_subclass__(cls, **kwargs: Any) -> None:
        own = frozenset(vars(cls))  # before the base classes add to it
        super().__init_subclass__(**kwargs)
        if source := vars(cls).get("source"):
            found = hyperopt_parameters(source.rule) | cls._distances(source)
            for name, parameter in found.items():
                if name not in own:
                    setattr(cls, name, parameter)
            if "settings" not in own:
                cls.settings = overridden(cls.settings, cls._not_searched(source), "risk")
            cls.rules, cls.scored_tags = (type(source.rule),), frozenset({source.name})

    @property
    def perpkit_decided_by(self) -> tuple[type, ...]:
        """The class of the source, for `perpkit.bot.binding`."""
        return (type(self.source),)

    @classmethod
    def _distances(cls, source: Source) -> dict[str, DecimalParameter]:
        """The base class's parameters at the values that the source gives to their settings."""
        given = {
            name: source.risk[section][key]
            for name, (section, key) in cls._searched_settings().items()
            if key in source.risk.get(section, {})
        }
        found = {
            name: with_default(getattr(cls, name), value, optimize=True)
            for name, value in given.items()
        }
        if (target := source.take_profit) is not None:
            reached = target < NO_TARGET
            found["take_profit"] = with_default(cls.take_profit, target, optimize=reached)
        return found

    @classmethod
    def _not_searched(cls, source: Source) -> dict[str, dict[str, Any]]:
        searched_ones = set(cls._searched_settings().values())
        return {
            section: {k: value for k, value in given.items() if (section, k) not in searched_ones}
            for section, given in source.risk.items()
        }

    @classmethod
    def _searched_settings(cls) -> dict[str, tuple[str, str]]:
        """Section and key of the settings that parameters replace, by parameter."""
        found = {}
        for name, path in cls.searched.items():
            section, key = path.split(".")
            found[name] = section, key
        return found

    @property
    def present_rule(self) -> Any:
        """The source's parameters at present."""
        rule = self.source.rule
        return rule_at(rule, {name: getattr(self, name).value for name in searched(rule)})

    @property
    def candle(self) -> timedelta:
        return timedelta(seconds=timeframe_to_seconds(self.timeframe))

    def candles_needed(self) -> list[Need]:
        own = self.source.candles(self.present_rule, self.candle)
        return [*super().candles_needed(), *(Need(what, rows) for what, rows in own.items())]

    def unsuited_timeframe(self) -> str:
        unsuited = self.source.unsuited(self.candle)
        return unsuited and f'"timeframe" must be {unsuited}, got "{self.timeframe}"'

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        dataframe = super().populate_indicators(dataframe, metadata)
        return with_columns(dataframe, dict(self.source.columns(dataframe, self.candle)))

    def populate_entry_trend(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        found = self._signals(dataframe)
        score = np.where(found.enter_long, found.long_confidence, found.short_confidence)
        sure = score > 0  # not where it is unknown
        dataframe["enter_long"] = (found.enter_long & sure).astype(int)
        dataframe["enter_short"] = (found.enter_short & sure).astype(int)
        dataframe["enter_tag"] = tag(self.source.name, pd.Series(score, dataframe.index))
        return dataframe

    def populate_exit_trend(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        found = self._signals(dataframe)
        dataframe["exit_long"] = found.exit_long.astype(int)
        dataframe["exit_short"] = found.exit_short.astype(int)
        return dataframe

    def _signals(self, frame: pd.DataFrame) -> Signals:
        return self.source.signals(frame, self.present_rule)

    def entry_conditions(self, dataframe: pd.DataFrame) -> Conditions:
        """Returns what a candle must meet for an entry, for the decision log."""
        return self.source.conditions(dataframe, self.present_rule)

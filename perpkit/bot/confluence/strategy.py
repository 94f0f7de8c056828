"""A strategy that trades several sources of signals together.

What is of one source only, its stops, its target and its exits, is found by the enter tag of the
trade, which names the source. All else is as in every strategy of the package.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import ExitCheckTuple
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.persistence import Trade
from freqtrade.strategy import DecimalParameter

from perpkit.bot.confluence import charts
from perpkit.bot.confluence.budget_file import budgets_of, measured_until
from perpkit.bot.confluence.columns import checked_columns, checked_signals, combined_columns, flag
from perpkit.bot.confluence.conditions import conditions_of
from perpkit.bot.confluence.declared import parameters_of, with_risk
from perpkit.bot.confluence.found import Chosen, chosen
from perpkit.bot.confluence.parameters import ConfluenceRule, ConfluenceSettings
from perpkit.bot.confluence.removed import removed_sources
from perpkit.bot.confluence.risks import SourceRisks
from perpkit.bot.layer.verdicts import OfPackage
from perpkit.bot.layer.warm_up import Need
from perpkit.bot.positions.managing import Managing
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.positions.told_levels import told_levels
from perpkit.bot.positions.trade_risk import TradeRisks
from perpkit.bot.searched import rule_at, searched
from perpkit.bot.strategy import PerpStrategy
from perpkit.market.columns import with_columns
from perpkit.risk.budgets import Budgets, budget_rooms, share_of
from perpkit.risk.exposure import Holding, PlannedEntry, Room
from perpkit.risk.stops import EntryStop, StopMethod
from perpkit.signals.combining import SourceTags, owners_of
from perpkit.signals.conditions import Conditions
from perpkit.signals.source import Signals

# The least history in candles, and what is added to the need of a source for averages to settle.
LEAST_STARTUP, SETTLING = 400, 1.05
# Freqtrade refuses to start with more than five requests of candles; OKX's hold the fewest.
MOST_STARTUP = 1_499
MOST_POSITIONS = 1_000  # as for one source
# Freqtrade asks for no exit signal of a candle that closed longer ago than this, in candles.
STALE = 2


class ConfluenceStrategy(PerpStrategy):
    """Trades the sources of the configuration's "confluence", each within its budget of risk.

    The name of a source stands before those of its hyperopt parameters: `rsi_sma_oversold`.
    """

    settings = ConfluenceSettings()

    # Of trades that no source has entered, such as forced ones.
    stop_distance = DecimalParameter(
        0.01, 0.06, default=0.05, decimals=3, space="sell", optimize=False
    )
    take_profit = DecimalParameter(
        0.02, 0.20, default=0.10, decimals=3, space="sell", optimize=False
    )
    trail_atr = DecimalParameter(1.5, 8.0, default=3.0, decimals=1, space="sell", optimize=False)

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        folder = self._folder
        self.sources = {
            each.name: each for each in chosen(self.confluence.sources, folder / "strategies")
        }
        self.enabled = {name: each for name, each in self.sources.items() if each.choice.enabled}
        choices = {name: each.choice for name, each in self.enabled.items()}
        self.budgets = budgets_of(self.confluence, choices, folder)
        for each in self.sources.values():
            self._declare(each)
        self.scored_tags = SourceTags(list(self.sources))
        self.looked_up = (
            *self.looked_up,
            *(flag(n, what) for n in self.sources for what in Signals._fields[:4]),
        )
        self.plot_config = charts.plots(list(self.enabled))
        self._by_owners: dict[tuple[str, ...], Managing] = {}
        self._by_tag: dict[str | None, Managing] = {}
        needed = ceil(SETTLING * max(map(self._candles_of, self.sources.values())))
        standing = needed + self.confluence.combining.standing - 1
        # Of claims that stand for longer `candles_needed` says that older ones are missed.
        self.startup_candle_count = max(LEAST_STARTUP, needed, min(standing, MOST_STARTUP))

    @property
    def confluence(self) -> ConfluenceRule:
        return cast(ConfluenceSettings, self.present_settings()).confluence

    @property
    def perpkit_decided_by(self) -> tuple[type, ...]:
        """The classes of the sources, for `perpkit.bot.binding`."""
        return tuple(type(each.source) for each in self.sources.values())

    @property
    def perpkit_reads(self) -> tuple[Path, ...]:
        """The files beside its source and candles that decide what it trades."""
        rule = self.confluence
        return (self._folder / rule.budgets_file,) if rule.budgets is Budgets.OUT_OF_SAMPLE else ()

    @property
    def perpkit_seen_until(self) -> dict[str, date | None]:
        """By source, the day up to which its budget knows the past; None where that is unknown."""
        return measured_until(self.confluence, self.enabled, self._folder)

    @property
    def _folder(self) -> Path:
        return Path(self.config.get("user_data_dir") or "user_data")

    @property
    def _candle(self) -> timedelta:
        # The resolver sets the attribute only later.
        return timedelta(
            seconds=timeframe_to_seconds(self.config.get("timeframe") or self.timeframe)
        )

    def _declare(self, each: Chosen) -> None:
        bases = {
            name: getattr(self, name) for name in ("stop_distance", "trail_atr", "take_profit")
        }
        try:
            with_risk(self.settings, each.source)
            found = parameters_of(each, bases)
        except (TypeError, ConfigurationError) as error:
            raise ConfigurationError(f'"perpkit.confluence": {error}') from error
        for name, parameter in found.items():
            whole = f"{each.name}_{name}"
            if hasattr(self, whole):
                raise ConfigurationError(
                    f'"perpkit.confluence": the parameter {name} of {each.name} cannot be named '
                    f"{whole}: the strategy has such a one already"
                )
            setattr(self, whole, parameter)
        given = {n: path for n, path in self.searched.items() if n in found}
        self.exclude_overridden({f"{each.name}_{n}": path for n, path in given.items()})

    def _rule(self, each: Chosen) -> Any:
        """The parameters of a source at present."""
        rule = each.source.rule
        values = {name: getattr(self, f"{each.name}_{name}").value for name in searched(rule)}
        return rule_at(rule, values)

    def _candles_of(self, each: Chosen) -> int:
        """The candles, the newest one included, that a source needs for its signals; at least 1."""
        return max(each.source.candles(self._rule(each), self._candle).values(), default=1)

    # What is of the trades of one source.

    def _settings_of(self, name: str) -> Settings:
        source = self.sources[name].source
        given = {f"{section}.{key}" for section, keys in source.risk.items() for key in keys}
        values = {}
        for parameter, path in self.searched.items():
            own = getattr(self, f"{name}_{parameter}", None)
            if own is not None or path not in given:
                values[path] = (own or getattr(self, parameter)).value
        found = self._parse_settings(with_risk(self.settings, source), values)
        # A position is at full size only within the budget of its source.
        most = min(found.exposure.max_positions * len(self.enabled), MOST_POSITIONS)
        return replace(found, exposure=replace(found.exposure, max_positions=most))

    def _target_of(self, name: str) -> float:
        own = getattr(self, f"{name}_take_profit", None)
        return own.value if own is not None else cast(float, self.sources[name].source.take_profit)

    def _owners(self, tag: str | None) -> tuple[str, ...]:
        """The sources of an entry, the one whose stops count first; none of a forced one."""
        return owners_of(tag, self.sources)

    def _target(self, tag: str | None) -> float:
        owners = self._owners(tag)
        return self._target_of(owners[0]) if owners else super()._target(tag)

    def _stop_of(self, tag: str | None) -> EntryStop:
        owners = self._owners(tag)
        return (self._settings_of(owners[0]) if owners else self.present_settings()).stop

    def _risks_by(self, rule: EntryStop) -> TradeRisks:
        return SourceRisks(rule, self._columns.get, self.trade_states, self._stop_of)

    def _prepare(self) -> None:
        self._by_owners.clear()
        self._by_tag.clear()
        super()._prepare()

    def _managing(self, tag: str | None) -> Managing:
        known = self._by_tag.get(tag)
        if known is not None:
            return known
        owners = self._owners(tag)
        if not owners:
            return super()._managing(tag)
        if owners not in self._by_owners:
            settings = self._settings_of(owners[0])
            share = share_of(owners, self.budgets)
            self._by_owners[owners] = self._managers.by(
                settings, self._risks_by(settings.stop), share, self._budget_rooms
            )
        found = self._by_tag[tag] = self._by_owners[owners]
        return found

    def _budget_rooms(
        self,
        tag: str | None,
        equity: float,
        held: Sequence[tuple[str | None, Holding]],
        entry: PlannedEntry,
    ) -> Sequence[Room]:
        open_risk = self.present_settings().exposure.max_open_risk
        positions = [(self._owners(of), holding) for of, holding in held]
        return budget_rooms(self.budgets, open_risk, self._owners(tag), equity, positions, entry)

    # Signals.

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        dataframe = super().populate_indicators(dataframe, metadata)
        found: dict[str, Any] = {}
        for each in self.sources.values():
            found |= checked_columns(each.source, dataframe, self._candle)
        return with_columns(dataframe, found)

    def populate_entry_trend(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        found = {
            name: checked_signals(each.source, dataframe, self._rule(each))
            for name, each in self.sources.items()
        }
        columns = combined_columns(found, self.budgets, self.confluence.combining)
        return dataframe.assign(**columns)

    def populate_exit_trend(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        """For charts, and trades of no source: `should_exit` asks the columns of a trade's own."""
        for side in ("long", "short"):
            exits = np.column_stack([dataframe[flag(n, f"exit_{side}")] for n in self.sources])
            # Nor does the exit of one source cancel the entry of another.
            wanted = exits.any(axis=1) & (dataframe[f"enter_{side}"] == 0).to_numpy()
            dataframe[f"exit_{side}"] = wanted.astype(int)
        return dataframe

    def should_exit(
        self,
        trade: Trade,
        rate: float,
        current_time: datetime,
        *,
        enter: bool,
        exit_: bool,
        **kwargs: Any,
    ) -> list[ExitCheckTuple]:
        """Asks the signals of the sources that have entered the trade, and no others."""
        owners, columns = self._owners(trade.enter_tag), self._columns.get(trade.pair)
        if owners and columns is not None:
            side, row = trade.trade_direction, columns.row(current_time)
            known = columns.age(row, current_time) < STALE * columns.step
            enters, leaves = (
                [known and columns.value(flag(n, f"{what}_{side}"), row) > 0 for n in owners]
                for what in ("enter", "exit")
            )
            # Freqtrade lets an entry cancel an exit. Here only a source's own entry cancels its
            # exit: the first of the owners that leaves ends the trade.
            exit_ = any(out and not again for again, out in zip(enters, leaves, strict=True))
            enter = any(enters) and not exit_
        return super().should_exit(trade, rate, current_time, enter=enter, exit_=exit_, **kwargs)

    def entry_conditions(self, dataframe: pd.DataFrame) -> Conditions:
        """Returns what a candle must meet for an entry, for the decision log."""
        rules = {name: self._rule(each) for name, each in self.enabled.items()}
        sources = {name: each.source for name, each in self.enabled.items()}
        return conditions_of(sources, rules, dataframe, self.budgets, self.confluence.combining)

    # What it needs, and what it says.

    def candles_needed(self) -> list[Need]:
        alone = len(self.enabled) == 1
        own = [
            Need(f"{what} of {name}", rows, f"{name} enters nothing without it", vital=alone)
            for name, each in self.enabled.items()
            for what, rows in each.source.candles(self._rule(each), self._candle).items()
        ]
        if (standing := self.confluence.combining.standing) > 1:
            own += [
                Need(
                    f"a claim of {name} that stands for {standing} candles",
                    self._candles_of(each) + standing - 1,
                    f"older claims of {name} are missed",
                    vital=False,
                )
                for name, each in self.enabled.items()
            ]
        return [*super().candles_needed(), *own]

    def unsuited_timeframe(self) -> str:
        for name, each in self.enabled.items():
            if unsuited := each.source.unsuited(self._candle):
                return f'"timeframe" must be {unsuited} for {name}, got "{self.timeframe}"'
        return ""

    def _assumed(self) -> OfPackage:
        stops = [self.present_settings().stop, *(self._settings_of(n).stop for n in self.sources)]
        targets = [self.take_profit.value, *map(self._target_of, self.sources)]
        widest = max(s.distance if s.method is StopMethod.FIXED else s.ceiling for s in stops)
        return replace(super()._assumed(), stop=widest, target=max(targets))

    def _say_levels(self) -> None:
        if warning := removed_sources(Trade.get_open_trades(), self.sources):
            self._perpkit.say(warning, logging.WARNING)
        super()._say_levels()
        parts = self.config.get("position_adjustment_enable", True)
        for name in self.enabled:
            levels = told_levels(self._settings_of(name), self._target_of(name), parts=parts)
            share = f"{self.budgets[name]:.0%} of the risk"
            self._perpkit.say(f"{name}, {share}: {levels}")

    def _planned(self, analysed: pd.DataFrame) -> pd.DataFrame:
        leads = [next(iter(self._owners(tag)), None) for tag in analysed["enter_tag"]]
        return charts.planned(
            analysed, leads, lambda name: (self._settings_of(name).stop, self._target_of(name))
        )

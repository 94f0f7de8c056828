"""Base class of the pairlists: their parameters, clock, hourly candles and log messages."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import OPTIMIZE_MODES, TRADE_MODES, CandleType, RunMode
from freqtrade.exceptions import ConfigurationError
from freqtrade.exchange import Exchange, timeframe_to_prev_date
from freqtrade.plugins.pairlist.IPairList import IPairList, PairlistParameter
from freqtrade.util import dt_now, dt_ts

from perpkit.bot.candles.backtest_clock import BacktestClock
from perpkit.bot.candles.candles import StoredCandles, is_simulated
from perpkit.bot.pairlists.hourly import HourlyFeed
from perpkit.bot.settings import only_known_keys
from perpkit.checks import check_range
from perpkit.parameters.declared import Parameter, declared
from perpkit.parameters.kinds import Choice, Flag

logger = logging.getLogger(__name__)

# By pair: which pairlist of this process has removed it last, and why.
REMOVED: dict[str, str] = {}

# Seconds that a round of requests may take: trading waits for it, a command can afford more.
PATIENCE_TRADING, PATIENCE = 5.0, 60.0


@dataclass(frozen=True)
class NoRule:
    """Of a pairlist without parameters."""


class FuturesPairList(IPairList):
    """A pairlist of futures whose parameters are the fields of a frozen dataclass, `RULE`.

    Subclasses gather what is known of each pair at `now()`, and leave the choice to the rule.
    """

    RULE: ClassVar[type[Any]]
    REFRESH: ClassVar[int] = 1800
    # What FreqUI shows for a parameter in addition to its declared meaning.
    EXPLAINED: ClassVar[dict[str, str]] = {}
    # What a static backtest would choose pairs by with hindsight; None if it would not.
    HINDSIGHT: ClassVar[str | None] = None

    def __init__(
        self,
        exchange: Exchange,
        pairlistmanager: Any,
        config: Config,
        pairlistconfig: dict[str, Any],
        pairlist_pos: int,
    ) -> None:
        # FreqUI sends empty fields as null or as an empty string.
        filled = {key: value for key, value in pairlistconfig.items() if value not in (None, "")}
        filled.setdefault("refresh_period", self.REFRESH)
        names = {parameter.name for parameter in declared(self.RULE)}
        given = only_known_keys(self.name, filled, names | {"refresh_period"})
        period = given.pop("refresh_period")
        try:
            check_range("refresh_period", period, 1, 86400)
            self.rule = self.RULE(**given)
        except ValueError as error:
            raise ConfigurationError(f"{self.name}: {error}") from error
        if config.get("trading_mode") != "futures":
            raise ConfigurationError(
                f"{self.name}: trading_mode must be futures, got {config.get('trading_mode')!r}"
            )
        super().__init__(exchange, pairlistmanager, config, filled, pairlist_pos)
        self._period = timedelta(seconds=period)
        # `test-pairlist` runs without a strategy, and so may do without a timeframe.
        self._timeframe: str = config.get("timeframe") or "1h"
        self._patience = PATIENCE_TRADING if config["runmode"] in TRADE_MODES else PATIENCE
        self._simulated = is_simulated(config)
        # Hyperopt makes the list only once, even with --enable-dynamic-pairlist.
        dynamic = config.get("enable_dynamic_pairlist") and config["runmode"] != RunMode.HYPEROPT
        self._static = self._simulated and not dynamic
        self._clock: BacktestClock | None = None
        self._unknown: set[str] = set()
        if self.HINDSIGHT and self._static and config["runmode"] in OPTIMIZE_MODES:
            logger.warning(
                f"{self.name} lets all pairs through: chosen once for the whole run, they would be "
                f"chosen by {self.HINDSIGHT}. Backtest with --enable-dynamic-pairlist."
            )

    @classmethod
    def available_parameters(cls) -> dict[str, PairlistParameter]:
        """Returns the rule's parameters and `refresh_period`, for FreqUI."""
        parameters = {parameter.name: shown(parameter) for parameter in declared(cls.RULE)}
        parameters |= cls.refresh_period_parameter()
        parameters["refresh_period"]["default"] = cls.REFRESH
        for name, more in cls.EXPLAINED.items():
            parameters[name]["help"] += f" {more}"
        return parameters

    def now(self) -> datetime:
        """Returns the current time, or that of the backtest; call it once at every refresh."""
        return self.clock.tick() if self._simulated else dt_now()

    @property
    def clock(self) -> BacktestClock:
        """The clock of a backtest."""
        if self._clock is None:
            self._clock = BacktestClock(self._pairlistmanager._dataprovider, self._timeframe)
        return self._clock

    def candle(self, now: datetime) -> datetime:
        """Returns when the last candle closed, so that a bot uses what a backtest would know."""
        return timeframe_to_prev_date(self._timeframe, now)

    def hourly(self, candle_type: CandleType, window: timedelta, what: str) -> HourlyFeed:
        """Returns a feed of 1h candles: stored ones in a backtest, else those of the exchange.

        :param window: how far back from now the candles should reach
        :param what: name of the data, for the log message if they cannot be fetched
        """
        stored = StoredCandles(self._config)

        def fetch(pairs: Iterable[str], since: datetime) -> dict[str, pd.DataFrame]:
            return self.fetch(pairs, candle_type, since, what)

        def read(pair: str) -> pd.DataFrame:
            return stored.history(pair, "1h", candle_type, timedelta(0))

        return HourlyFeed(window, self._period, fetch, read if self._simulated else None)

    def fetch(
        self, pairs: Iterable[str], candle_type: CandleType, since: datetime, what: str
    ) -> dict[str, pd.DataFrame]:
        """Fetches 1h candles from the exchange, by pair; failed pairs are logged and missing.

        :param what: name of the data, for the log message if they cannot be fetched
        """
        wanted = list(pairs)
        fetched = self._exchange.refresh_latest_ohlcv(
            [(pair, "1h", candle_type) for pair in wanted], since_ms=dt_ts(since), cache=False
        )
        frames = {pair: frame for (pair, _, _), frame in fetched.items()}
        self.say_failed(what, [pair for pair in wanted if pair not in frames])
        return frames

    def say_failed(self, what: str, failed: Iterable[str]) -> None:
        """Logs which requests failed, at most once a refresh period."""
        if names := ", ".join(sorted(failed)):
            self.log_once(
                f"{self.name} could not fetch the {what} of {names}: going by what was last known.",
                logger.warning,
                True,
            )

    def keep(self, pairs: list[str], known: Mapping[str, Any], what: str) -> list[str]:
        """Returns the pairs that a `RankedBand` keeps; logs why the others are removed.

        :param known: the reading of every pair; None where it is unknown
        :param what: name of the reading with its article, for the log
        """
        unknown = {pair: what for pair in pairs if not self.rule.knows(known[pair])}
        removed = {}
        if not self._simulated:
            judged = (pair for pair in pairs if pair not in unknown)
            removed = {p: why for p in judged if (why := self.rule.objection(known[p]))}
        self.say(pairs, unknown, removed)
        return self.rule.choose(pairs, known)

    def say(
        self, pairs: Iterable[str], unknown: Mapping[str, str], removed: Mapping[str, str]
    ) -> None:
        """Logs unknown readings, once until they become known, and why pairs are removed.

        :param unknown: by pair, which reading is unknown
        :param removed: by pair, the objection to it; logged only outside backtests
        """
        for pair in pairs:
            if pair not in unknown:
                self._unknown.discard(pair)
            elif pair not in self._unknown:
                self._unknown.add(pair)
                fate = "kept" if getattr(self.rule, "keep_unknown", False) else "removed"
                logger.warning(f"{self.name}: {unknown[pair]} of {pair} is unknown. It is {fate}.")
        if not self._simulated:
            self._remember(pairs, unknown, removed)
            for pair, objection in removed.items():
                self.log_once(f"Removed {pair} from whitelist, because {objection}.", logger.info)

    def _remember(
        self, pairs: Iterable[str], unknown: Mapping[str, str], removed: Mapping[str, str]
    ) -> None:
        """Keeps why pairs are removed, for the decision log."""
        keeps_unknown = getattr(self.rule, "keep_unknown", False)
        for pair in pairs:
            objection = removed.get(pair)
            if objection is None and pair in unknown and not keeps_unknown:
                objection = f"{unknown[pair]} is unknown"
            if objection is not None:
                REMOVED[pair] = f"{self.name}: {objection}"
            elif REMOVED.get(pair, "").startswith(f"{self.name}: "):
                del REMOVED[pair]


def shown(parameter: Parameter) -> PairlistParameter:
    """Returns a parameter in the form that FreqUI needs for its input fields."""
    title = parameter.name.replace("_", " ").capitalize()
    title = re.sub(r"^(Min|Max) ", lambda match: f"{match[1]}imum ", title)
    said = {"description": title, "help": f"{parameter.meaning}."}
    kind = parameter.kind
    if isinstance(kind, Flag):
        return {"type": "boolean", "default": parameter.default, **said}
    if isinstance(kind, Choice) and all(isinstance(value, str) for value in kind.options):
        return {"type": "option", "default": parameter.default, "options": kind.options, **said}
    unit = f" ({parameter.unit})" if parameter.unit else ""
    said["help"] += f" Allowed: {kind.short}{unit}."
    return {"type": "number", "default": parameter.default, **said}

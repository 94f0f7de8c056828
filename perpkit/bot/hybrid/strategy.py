"""A rule and a learned model that vote: FreqAI's hooks around a source of signals."""

from __future__ import annotations

import logging
from dataclasses import asdict, fields
from datetime import timedelta
from typing import Any, ClassVar, cast

import numpy as np
import pandas as pd
from freqtrade.exceptions import ConfigurationError, OperationalException
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.strategy import CategoricalParameter, DecimalParameter

from perpkit.bot.candles.candles import is_trading
from perpkit.bot.candles.market_columns import MarketColumns
from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.hybrid.damaged_files import set_aside_damaged
from perpkit.bot.hybrid.freqai_settings import (
    ModelsInUseError,
    hold_models,
    made_with,
    models_folder,
    refuse_models_of_others,
    refuse_other_task,
    refuse_what_leaks,
    warn_of_other_pairs,
    write_made_with,
)
from perpkit.bot.hybrid.history import StoredAndRecent
from perpkit.bot.hybrid.opinions import ERROR, PROBABILITY, Opinions
from perpkit.bot.hybrid.settings import HybridSettings, Task
from perpkit.bot.positions.parameters import Settings
from perpkit.bot.rsi_sma import RsiSmaStrategy
from perpkit.bot.running_bot import message_of
from perpkit.bot.searched import hyperopt_parameters
from perpkit.durations import HOUR
from perpkit.learning import features, targets, vote
from perpkit.learning.columns import ACTION, FORWARD_RETURN, OUTCOME, PAID, SIDE, WIDTH
from perpkit.market.columns import with_columns
from perpkit.market.ranges import ranges
from perpkit.signals.conditions import Condition, Conditions
from perpkit.signals.source import Signals

logger = logging.getLogger(__name__)

CANDLES = ["date", "open", "high", "low", "close", "volume"]
_VOTE = hyperopt_parameters(vote.VoteRule())


class HybridStrategy(RsiSmaStrategy):
    """The RSI/SMA rule, and a model that says whether its entries pay; see docs/hybrid_ai.md."""

    settings = HybridSettings(
        **{each.name: getattr(RsiSmaStrategy.settings, each.name) for each in fields(Settings)}
    )
    searched: ClassVar[dict[str, str]] = RsiSmaStrategy.searched | {
        name: f"hybrid.{name}" for name in _VOTE
    }
    vote: CategoricalParameter = _VOTE["vote"]
    least_probability: DecimalParameter = _VOTE["least_probability"]
    model_weight: DecimalParameter = _VOTE["model_weight"]

    plot_config = plot_config(
        means=("sma_20", "sma_50", "sma_200"), rsi=True, beside={"Model": PROBABILITY}
    )

    def load_freqAI_model(self) -> None:  # noqa: N802
        """Loads the model that the configuration names; without FreqAI's packages, or where its own
        files cannot be used or another bot uses them, the rules carry on."""
        self._no_model = ""
        try:
            if self.config.get("freqai", {}).get("enabled", False):
                self._load_model()
            else:
                super().load_freqAI_model()
                self._no_model = '"freqai" is not enabled in the configuration'
        except OperationalException:
            raise  # the configuration is wrong, and says so
        except ModelsInUseError as error:
            self._no_model = str(error)
        except ModuleNotFoundError as error:
            hint = "" if "pip install" in str(error) else " (pip install 'perpkit[ai]')"
            self._no_model = f"{message_of(error)}{hint}"
        except Exception as error:
            self._no_model = f"FreqAI does not start, {type(error).__name__}: {message_of(error)}"

    def _load_model(self) -> None:
        freqai, folder = self.config["freqai"], models_folder(self.config)
        # Freqtrade's own models know nothing of these checks.
        refuse_what_leaks(self.config)
        if not freqai["feature_parameters"].get("label_period_candles"):
            raise ConfigurationError(
                '"freqai.feature_parameters.label_period_candles" must be at least 1: the '
                "candles after which a label ends"
            )
        # The side that a label is of, and features, come from the rule at its defaults.
        source = asdict(self.source)
        decisive = {
            "hybrid": {"task": self._task()},
            "label": asdict(self._present("label").label),
            "source": {name: source[name] for name in ("name", "rule", "trend", "confidence")},
        }
        present, trading = made_with(self.config, decisive), is_trading(self.config)
        if trading:
            self._models_lock = hold_models(folder)
            warn_of_other_pairs(self.config)
        refuse_models_of_others(folder, present, trading=trading)
        try:
            super().load_freqAI_model()
        except ModuleNotFoundError:
            raise
        except Exception:  # for some damage Freqtrade says that there is no such model
            if not set_aside_damaged(folder):
                raise
            super().load_freqAI_model()
        refuse_other_task(self.freqai, self._task())
        write_made_with(folder, present, trading=trading)

    def bot_start(self, **kwargs: Any) -> None:
        super().bot_start(**kwargs)
        trading = is_trading(self.config)
        self._opinions = Opinions(
            self._no_model,
            trading=trading,
            has_model=lambda pair: pair in self.freqai.dd.model_return_values,
        )
        self._running.report("model", lambda _now: self._opinions.report())
        self._learned = self._market
        if trading:
            feed = StoredAndRecent(self.config, self._perpkit.feed)
            self._learned = MarketColumns(self.config, feed, self.benchmark, self._traded_pairs)

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        dataframe = super().populate_indicators(dataframe, metadata)
        # A training of a running bot knows these columns only; so do all others.
        candles = dataframe[CANDLES]
        found = self._opinions.columns(
            lambda: self._predicted(candles, metadata),
            metadata["pair"],
            self.source.side(dataframe, self.source.rule),
            self._task(),
        )
        return with_columns(dataframe, found)

    def _predicted(self, candles: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        try:
            return self.freqai.start(candles, metadata, self)
        except Exception:
            # A running bot trains its models again; a backtest would stumble over them for ever.
            if is_trading(self.config) or not set_aside_damaged(models_folder(self.config)):
                raise
            return self.freqai.start(candles, metadata, self)

    def _task(self) -> Task:
        return self._present("hybrid.task").hybrid.task

    def _present(self, only: str | None = None) -> HybridSettings:
        return cast(HybridSettings, self.present_settings(only))

    def feature_engineering_expand_all(
        self, dataframe: pd.DataFrame, period: int, metadata: dict, **kwargs: Any
    ) -> pd.DataFrame:
        return _with_features(dataframe, features.candle_features(dataframe, period))

    def feature_engineering_expand_basic(
        self, dataframe: pd.DataFrame, metadata: dict, **kwargs: Any
    ) -> pd.DataFrame:
        # FreqAI asks for each of `include_timeframes`, and says which.
        timeframe = metadata.get("tf", self.timeframe)
        step = timedelta(seconds=timeframe_to_seconds(timeframe))
        return _with_features(dataframe, features.volatility_features(dataframe, step))

    def feature_engineering_standard(
        self, dataframe: pd.DataFrame, metadata: dict, **kwargs: Any
    ) -> pd.DataFrame:
        """Adds what is known of the market and of the rule, and what targets are made of."""
        # The rule at its defaults: indicators must not depend on parameters that are searched.
        rule, candles = self.source.rule, dataframe[CANDLES]
        market = self._learned.columns(candles, metadata["pair"], self.timeframe)
        frame = with_columns(candles, market | dict(self.source.columns(candles, self.candle)))
        signals, side = self.source.signals(frame, rule), self.source.side(frame, rule)
        entered = signals.enter_long | signals.enter_short
        vol = ranges(candles, pd.Timedelta(self.candle))["vol_1h"]
        paid = self._learned.funding_paid(candles, metadata["pair"], self.timeframe)
        dataframe = _with_features(
            dataframe,
            features.market_features(market, side) | features.rule_features(candles, side, entered),
        )
        horizon = self.candle / HOUR * self._horizon()
        return with_columns(dataframe, {SIDE: side, WIDTH: targets.width(vol, horizon), PAID: paid})

    def set_freqai_targets(
        self, dataframe: pd.DataFrame, metadata: dict, **kwargs: Any
    ) -> pd.DataFrame:
        widths = dataframe[WIDTH].to_numpy(dtype=np.float64)
        match self._task():
            case Task.OUTCOME:
                side, paid = dataframe[SIDE].to_numpy(), dataframe[PAID].to_numpy()
                rule = self._present("label").label
                net = targets.barrier_returns(dataframe, side, widths, self._horizon(), rule, paid)
                return dataframe.assign(**{OUTCOME: targets.outcomes(net)})
            case Task.FORWARD_RETURN:
                close = dataframe["close"].to_numpy(dtype=np.float64)
                ahead = targets.forward_returns(close, widths, self._horizon())
                return dataframe.assign(**{FORWARD_RETURN: ahead})
            case Task.ACTION:
                return dataframe.assign(**{ACTION: 0})

    def _horizon(self) -> int:
        return int(self.freqai_info["feature_parameters"]["label_period_candles"])

    def _signals(self, frame: pd.DataFrame) -> Signals:
        rule = self.present_rule
        return vote.decide(
            self.source.signals(frame, rule),
            frame[SIDE].to_numpy(),
            vote.Opinions(frame[PROBABILITY].to_numpy(), frame[ERROR].to_numpy()),
            rule.min_confidence,
            self._present().hybrid,
        )

    def entry_conditions(self, dataframe: pd.DataFrame) -> Conditions:
        own, settings = super().entry_conditions(dataframe), self._present().hybrid
        match settings.vote:
            case vote.Vote.RULES_ONLY:
                return own
            case vote.Vote.AGREE:
                given, least = dataframe[PROBABILITY].to_numpy(), settings.least_probability
                words = f"a model that gives it {least:g} at least, where there is one"
                favoured = Condition(words, ~(given < least), given)
                return {side: [*needed, favoured] for side, needed in own.items()}
            case _:
                return {}


def _with_features(dataframe: pd.DataFrame, found: dict[str, Any]) -> pd.DataFrame:
    return with_columns(dataframe, {f"%-{name}": values for name, values in found.items()})

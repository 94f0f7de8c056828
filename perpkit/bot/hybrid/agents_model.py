"""FreqAI's reinforcement learner with the account of a perpetual, and several agents that vote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from freqtrade.exceptions import ConfigurationError
from freqtrade.freqai.data_kitchen import FreqaiDataKitchen
from freqtrade.freqai.prediction_models.ReinforcementLearner import ReinforcementLearner
from pandas import DataFrame

from perpkit.bot.hybrid.environment import PerpetualEnvironment, practice_terms
from perpkit.bot.hybrid.sequence_model import also_returned
from perpkit.bot.hybrid.settings import Task
from perpkit.learning.agents import Agents
from perpkit.learning.columns import ACTION, CONFIDENCE, PAID, UNCERTAINTY

# Their policies give every action a probability, from one observation.
ALGORITHMS = ("PPO", "A2C", "TRPO", "MaskablePPO")
MOST_AGENTS = 16
DEFAULTS: dict[str, Any] = {
    "agents": 3,
    "train_cycles": 5,
    "model_type": "PPO",
    "policy_type": "MlpPolicy",
    "net_arch": [64, 64],
    "cpu_count": 1,
    "max_training_drawdown_pct": 0.5,
    "progress_bar": False,
}
_SEED = 1
_LOGS = "SB3_LOGDIR"  # of Stable-Baselines3


class AgentsModel(ReinforcementLearner):
    """Trains `rl_config.agents` agents that differ by their seed; their mean probabilities decide.

    Prices and funding are those of the strategy's frame: they need not be features.

    :raises ConfigurationError: for a setting that cannot be, by its name
    """

    tasks: ClassVar = (Task.ACTION,)
    MyRLEnv = PerpetualEnvironment

    def __init__(self, **kwargs: Any) -> None:
        freqai = kwargs["config"]["freqai"]
        settings = freqai["rl_config"] = DEFAULTS | freqai.get("rl_config", {})
        _check(freqai, settings)
        # FreqAI reads these where its own reward needs them.
        rewards = {"rr": 1, "profit_aim": 0.025} | settings.get("model_reward_parameters", {})
        settings |= {"drop_ohlc_from_features": False, "model_reward_parameters": rewards}
        super().__init__(**kwargs)
        # Several archives of Stable-Baselines3 are one pickle.
        self.dd.model_type = "joblib"
        self._frame = DataFrame()
        self._prices: tuple[DataFrame, DataFrame] = (DataFrame(), DataFrame())

    def train(self, unfiltered_df: DataFrame, pair: str, dk: FreqaiDataKitchen, **kw: Any) -> Any:
        if dk.label_list != [ACTION]:
            raise ValueError('agents need "task": "action" in "perpkit.hybrid"')
        self._frame = unfiltered_df
        return super().train(unfiltered_df, pair, dk, **kw)

    def build_ohlc_price_dataframes(
        self, data_dictionary: dict, pair: str, dk: FreqaiDataKitchen
    ) -> tuple[DataFrame, DataFrame]:
        """Returns prices and settled funding of the rows of the training and of the test."""
        train, test = (data_dictionary[f"{part}_features"].index for part in ("train", "test"))
        self._prices = _prices(self._frame.loc[train]), _prices(self._frame.loc[test])
        return self._prices

    def fit(self, data_dictionary: dict[str, Any], dk: FreqaiDataKitchen, **kw: Any) -> Agents:
        best = Path(dk.data_path) / "best_model.zip"
        given = self.freqai_info.get("model_training_parameters", {})
        agents = []
        try:
            for number in range(self.rl_config["agents"]):
                best.unlink(missing_ok=True)
                self.set_train_and_eval_environments(data_dictionary, *self._prices, dk)
                seed = given.get("seed", _SEED) + number
                own = {**given, "seed": seed, "device": "cpu"}
                self.freqai_info["model_training_parameters"] = own
                with _folder_of_logs():
                    agents.append(super().fit(data_dictionary, dk, **kw))
        finally:
            self.freqai_info["model_training_parameters"] = given
        best.unlink(missing_ok=True)
        return Agents(agents)

    def predict(
        self, unfiltered_df: DataFrame, dk: FreqaiDataKitchen, **kw: Any
    ) -> tuple[DataFrame, Any]:
        """Returns the action of each row, how sure the agents are, and how far they disagree."""
        also_returned(dk, CONFIDENCE, UNCERTAINTY)
        predicted, usable = super().predict(unfiltered_df, dk, **kw)
        dk.DI_values = np.zeros(len(predicted))
        return predicted, usable

    def rl_model_predict(
        self, dataframe: DataFrame, dk: FreqaiDataKitchen, model: Agents
    ) -> DataFrame:
        decided = model.decide(dataframe.to_numpy(), self.CONV_WIDTH)
        return DataFrame(
            {
                dk.label_list[0]: decided.action.astype(np.float64),
                CONFIDENCE: decided.confidence,
                UNCERTAINTY: decided.disagreement,
            }
        )


@contextmanager
def _folder_of_logs() -> Iterator[None]:
    """Gives Stable-Baselines3 a folder for the log of a training, which is removed after it: it
    makes one in any case, by default in the system's temporary directory, and leaves it there."""
    if _LOGS in os.environ:
        yield
        return
    with TemporaryDirectory() as folder:
        os.environ[_LOGS] = folder
        try:
            yield
        finally:
            del os.environ[_LOGS]


def _prices(frame: DataFrame) -> DataFrame:
    """Returns prices and the funding that was settled since the row before."""
    prices = frame[["open", "high", "low", "close"]].astype(np.float64)
    paid = frame[PAID] if PAID in frame else pd.Series(0.0, frame.index)
    return prices.assign(funding=paid.astype(np.float64).diff().fillna(0.0))


def _check(freqai: dict[str, Any], settings: dict[str, Any]) -> None:
    agents = settings["agents"]
    if not (isinstance(agents, int) and 1 <= agents <= MOST_AGENTS):
        _refuse("rl_config.agents", f"a whole number from 1 to {MOST_AGENTS}", agents)
    if settings["model_type"] not in ALGORITHMS:
        _refuse("rl_config.model_type", f"one of {', '.join(ALGORITHMS)}", settings["model_type"])
    if settings.get("add_state_info"):
        _refuse("rl_config.add_state_info", "false: backtests do not know positions", True)
    if freqai.get("continual_learning"):
        _refuse("continual_learning", "false: every training starts from its seed", True)
    try:
        practice_terms(settings.get("model_reward_parameters", {}), 0.0)
    except ValueError as error:
        raise ConfigurationError(f"freqai.rl_config.{error}") from error


def _refuse(name: str, allowed: str, value: object) -> None:
    raise ConfigurationError(f'"freqai.{name}" must be {allowed}, got {value!r}')

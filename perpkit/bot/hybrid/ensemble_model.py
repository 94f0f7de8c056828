"""A FreqAI model that trains other models on the same rows, and averages what they predict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from freqtrade.exceptions import ConfigurationError
from freqtrade.resolvers.freqaimodel_resolver import FreqaiModelResolver

from perpkit.bot.hybrid.guarded_model import GuardedModel
from perpkit.bot.hybrid.sequence_model import also_returned
from perpkit.bot.hybrid.settings import Task
from perpkit.bot.hybrid.training_queue import words_of
from perpkit.checks import is_number
from perpkit.learning.classifier import TooLittleDataError, Untrained, purged
from perpkit.learning.columns import UNCERTAINTY
from perpkit.learning.ensemble import Ensemble, ensemble

DEFAULT = ("LightGbmTripleBarrier", "LstmTripleBarrier")
MOST_MEMBERS = 16
_KEYS = ("model", "weight", "model_training_parameters")
_PARTS = ("features", "labels", "weights")


@dataclass(frozen=True)
class Member:
    """
    :param name: in messages; models that are listed twice have a number
    :param model: name of a FreqAI classifier
    :param weight: in the mean
    :param parameters: its `model_training_parameters`
    """

    name: str
    model: str
    weight: float
    parameters: dict[str, Any]


class _WithDisagreement:
    """Adds to the predictions of FreqAI's classifier how far the members disagree: below the guard,
    which writes down what was predicted."""

    model: Any

    def predict(
        self, unfiltered_df: pd.DataFrame, dk: Any, **kwargs: Any
    ) -> tuple[pd.DataFrame, np.ndarray]:
        predictions, usable = super().predict(unfiltered_df, dk, **kwargs)  # type: ignore[misc]
        averaged = self.model.averaged(dk.data_dictionary["prediction_features"])
        return predictions.assign(**{UNCERTAINTY: averaged.disagreement}), usable


class EnsembleModel(GuardedModel, _WithDisagreement):
    """Part of a FreqAI model, before FreqAI's classifier."""

    tasks: ClassVar = (Task.OUTCOME,)

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:
        self._members = [
            (member, _loaded(member, config))
            for member in members(config["freqai"].get("ensemble", list(DEFAULT)))
        ]
        # Last: FreqAI writes the settings of whom it has made last beside the models.
        super().__init__(config=config, **kwargs)

    def fit(self, data_dictionary: dict[str, Any], dk: Any, **kwargs: Any) -> Ensemble:
        trained: list[tuple[str, float, Any]] = []
        others = _without_last(data_dictionary, self.horizon)
        for member, model in self._members:
            # Models that measure themselves keep the gaps themselves.
            given = data_dictionary if isinstance(model, GuardedModel) else others
            try:
                fitted = model.fit(given, dk)
            except Exception as error:
                fitted = Untrained(words_of(error))
                left_out = f"{member.name} is left out"
                words = f"{dk.pair}: {left_out}: {fitted.reason}"
                self.warn_of_training(left_out, fitted.reason, words)
            trained.append((member.name, member.weight, fitted))
        held, labels = data_dictionary["test_features"], data_dictionary["test_labels"]
        model = ensemble(trained, held.to_numpy(), labels.to_numpy()[:, 0])
        if isinstance(model, Untrained):
            raise TooLittleDataError(model.reason)
        self.note_calibration(dk, model.error)
        return model

    def predict(
        self, unfiltered_df: pd.DataFrame, dk: Any, **kwargs: Any
    ) -> tuple[pd.DataFrame, np.ndarray]:
        also_returned(dk, UNCERTAINTY)
        predictions, usable = super().predict(unfiltered_df, dk, **kwargs)
        if isinstance(self.model, Untrained):
            predictions[UNCERTAINTY] = 0.0
        return predictions, usable


def members(given: Any) -> list[Member]:
    """Returns the members that `freqai.ensemble` lists: names, or objects of `model`, `weight` and
    `model_training_parameters`.

    :raises ConfigurationError: naming what is wrong
    """
    if not (isinstance(given, list) and 1 <= len(given) <= MOST_MEMBERS):
        _refuse("ensemble", f"a list of 1 to {MOST_MEMBERS} models", given)
    found: list[Member] = []
    for place, each in enumerate(given):
        entry: Any = {"model": each} if isinstance(each, str) else each
        where = f"ensemble[{place}]"
        if not (isinstance(entry, dict) and isinstance(entry.get("model"), str)):
            _refuse(where, "the name of a model, or an object with a model", each)
        if unknown := sorted(set(entry) - set(_KEYS)):
            _refuse(where, f"an object of {', '.join(_KEYS)}", unknown[0])
        if entry["model"] == "Ensemble":
            _refuse(f"{where}.model", "a model that is no ensemble", entry["model"])
        weight, parameters = entry.get("weight", 1.0), entry.get("model_training_parameters", {})
        if not (is_number(weight) and 0 < weight < np.inf):
            _refuse(f"{where}.weight", "a number above 0", weight)
        if not isinstance(parameters, dict):
            _refuse(f"{where}.model_training_parameters", "an object", parameters)
        before = sum(one.model == entry["model"] for one in found)
        name = f"{entry['model']} {before + 1}" if before else entry["model"]
        found.append(Member(name, entry["model"], float(weight), parameters))
    return found


def _without_last(data: dict[str, Any], horizon: int) -> dict[str, Any]:
    """Returns the rows of a training without the last ones to fit on, whose labels know outcomes of
    the rows on which the ensemble is measured."""
    rows = purged(len(data["train_labels"]), horizon)
    return {**data, **{f"train_{part}": data[f"train_{part}"][rows] for part in _PARTS}}


def _loaded(member: Member, config: dict[str, Any]) -> Any:
    """Returns the member as FreqAI loads it, with its own parameters."""
    freqai = {**config["freqai"], "model_training_parameters": member.parameters}
    own = {**config, "freqaimodel": member.model, "freqai": freqai}
    return FreqaiModelResolver.load_freqaimodel(own)


def _refuse(name: str, allowed: str, value: object) -> None:
    raise ConfigurationError(f'"freqai.{name}" must be {allowed}, got {value!r}')

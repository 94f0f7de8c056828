"""What FreqAI models that read several candles at a time have in common.

FreqAI's `conv_width` is the number of candles: a running bot hands over as many for a prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from freqtrade.exceptions import ConfigurationError

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Section

P = TypeVar("P", bound=Parameters)

MOST_CANDLES = 500


def least_length(freqai: Mapping[str, Any], least: int) -> None:
    """Checks `conv_width`, which FreqAI takes for 1 where it is missing.

    :raises ConfigurationError: naming it
    """
    width = freqai.get("conv_width", 1)
    if not (isinstance(width, int) and least <= width <= MOST_CANDLES):
        raise ConfigurationError(
            f'"freqai.conv_width" must be a whole number from {least} to {MOST_CANDLES}, got '
            f"{width!r}: the candles that the model reads for a prediction"
        )


def read_settings(kind: type[P], given: Mapping[str, Any]) -> P:
    """Returns the settings in `model_training_parameters`.

    :raises ConfigurationError: naming the parameter, its value and what is allowed
    """
    try:
        settings: P = Section(kind).read("freqai.model_training_parameters", given)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    return settings


def also_returned(dk: Any, *columns: str) -> None:
    """Has FreqAI accept columns beside labels and classes, whose mean and deviation it looks up."""
    for statistic in ("labels_mean", "labels_std"):
        known = dk.data.setdefault(statistic, {})
        for column in columns:
            known.setdefault(column, 0.0)

"""An LSTM for HybridAi. To change it, copy this file under a name of yours."""

from functools import partial
from typing import Any, ClassVar

from freqtrade.freqai.base_models.BaseClassifierModel import BaseClassifierModel
from freqtrade.freqai.data_kitchen import FreqaiDataKitchen

from perpkit.bot.hybrid.guarded_model import GuardedModel, require
from perpkit.bot.hybrid.sequence_model import least_length, read_settings
from perpkit.bot.hybrid.settings import Task
from perpkit.learning.classifier import CalibratedClassifier


class LstmTripleBarrier(GuardedModel, BaseClassifierModel):
    """A small LSTM over the last `conv_width` candles, with calibrated probabilities.

    Its settings (`perpkit/learning/lstm.py`) go into `model_training_parameters`. Needs PyTorch;
    see docs/hybrid_models.md.
    """

    tasks: ClassVar = (Task.OUTCOME,)

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:
        require("lstm", "torch", "sklearn")
        from perpkit.learning.lstm import LstmSettings

        super().__init__(config=config, **kwargs)
        least_length(self.freqai_info, 2)
        self.settings = read_settings(LstmSettings, self.model_training_parameters)

    def fit(
        self, data_dictionary: dict[str, Any], dk: FreqaiDataKitchen, **kwargs: Any
    ) -> CalibratedClassifier:
        from perpkit.learning import lstm

        fit = partial(
            lstm.fit, length=self.CONV_WIDTH, horizon=self.horizon, settings=self.settings
        )
        return self.fit_calibrated(data_dictionary, dk, fit)

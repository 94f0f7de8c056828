"""The default model of HybridAi. To change it, copy this file under a name of yours."""

from typing import Any, ClassVar

from freqtrade.freqai.base_models.BaseClassifierModel import BaseClassifierModel
from freqtrade.freqai.data_kitchen import FreqaiDataKitchen

from perpkit.bot.hybrid.guarded_model import GuardedModel, require
from perpkit.bot.hybrid.settings import Task
from perpkit.learning.boosting import boosted_trees
from perpkit.learning.classifier import CalibratedClassifier


class LightGbmTripleBarrier(GuardedModel, BaseClassifierModel):
    """Gradient-boosted trees with calibrated probabilities; seconds to train. Parameters of
    LightGBM go into `model_training_parameters`. See docs/hybrid_ai.md.
    """

    tasks: ClassVar = (Task.OUTCOME,)

    def __init__(self, config: dict[str, Any], **kwargs: Any) -> None:
        require("ai", "lightgbm", "sklearn")
        super().__init__(config=config, **kwargs)

    def fit(
        self, data_dictionary: dict[str, Any], dk: FreqaiDataKitchen, **kwargs: Any
    ) -> CalibratedClassifier:
        return self.fit_calibrated(
            data_dictionary, dk, boosted_trees(self.model_training_parameters)
        )

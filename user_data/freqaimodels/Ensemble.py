"""Several models as one for HybridAi. To change it, copy this file under a name of yours."""

from freqtrade.freqai.base_models.BaseClassifierModel import BaseClassifierModel

from perpkit.bot.hybrid.ensemble_model import EnsembleModel


class Ensemble(EnsembleModel, BaseClassifierModel):
    """The mean of the models that `freqai.ensemble` lists by name, and how far they disagree.

    See docs/hybrid_models.md.
    """

"""Marked-to-market Calmar and Sharpe, less what makes a set of parameters doubtful.

See docs/hyperopt.md. For other weights, copy this file to `user_data/hyperopts` under a name of
yours, rename the class, and change `RULE`.
"""

from typing import Any

from freqtrade.optimize.hyperopt_loss.hyperopt_loss_interface import IHyperOptLoss

from perpkit.research.hyperopt.loss import LossRule, loss_of

RULE = LossRule()


class PerpHyperOptLoss(IHyperOptLoss):
    @staticmethod
    def hyperopt_loss_function(**given: Any) -> float:
        return loss_of(RULE, **given)

"""The names that strategy and models share. FreqAI finds features by `%` and targets by `&`.

The strategy sets one target, by its `task`:

| task | target | values |
|---|---|---|
| `outcome` (default) | `OUTCOME` | `PAYS` or `LOSES`, text; NaN where unknown, or no side |
| `forward_return` | `FORWARD_RETURN` | the return ahead, in standard deviations, or NaN |
| `action` | `ACTION` | 0, for reinforcement learners, which have no label |

`OUTCOME` is about an entry of `SIDE`, the rule's side of that candle: the strategy says which side
would be taken, the model only whether it pays.

A model returns one row for each candle:

| column | values |
|---|---|
| the target | the predicted class, the predicted return, or the action |
| `PAYS`, `LOSES` | of classifiers: probabilities from 0 to 1; FreqAI names them by the classes |
| `UNCERTAINTY` | of ensembles, optional: standard deviation of the members' probabilities |
| `CONFIDENCE` | of agents, optional: from 0 to 1, how sure they are of the action |
| `do_predict` | FreqAI's: 1 use it, 0 an outlier, an unknown feature or no model, 2 expired |
| `CALIBRATION_ERROR` | of the training's held-out window, one value for each training: the model \
puts it into `dk.data["extra_returns_per_train"]`; without it the score is not used for size |

The plain columns of `SIDE`, `WIDTH`, `PAID` and the candles are in the frame that
`set_freqai_targets` and an agent's environment get, so that either knows sides, volatility and
funding.
"""

OUTCOME = "&-outcome"
FORWARD_RETURN = "&-forward_return"
ACTION = "&-action"

PAYS, LOSES = "pays", "loses"
CLASSES = (LOSES, PAYS)  # in the order of their probabilities, alphabetical as scikit-learn's

UNCERTAINTY = "uncertainty"
CONFIDENCE = "model_confidence"
CALIBRATION_ERROR = "calibration_error"
USABLE = "do_predict"

# 1 long, -1 short, 0 none: the side that the rule would take at the candle's close.
SIDE = "rule_side"
# Standard deviation of the return over the horizon, a fraction.
WIDTH = "horizon_width"
# The funding that a long has paid up to each candle's close, summed by settlements, a fraction of
# the position.
PAID = "funding_paid"

"""How the predictions of several models become one, and how far they disagree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Average(NamedTuple):
    """
    :param mean: of the members' predictions, weighted
    :param disagreement: their weighted standard deviation around it, in the same unit; 0 where all
        say the same, at most 0.5 for probabilities
    """

    mean: Floats
    disagreement: Floats


def cautious(probability: Floats, disagreement: Floats) -> Floats:
    """Returns the probability that HybridAi acts on: members that disagree are no reason to be
    sure.

    :param probability: the mean of several models, 0 to 1
    :param disagreement: their standard deviation; NaN is none

    >>> cautious(np.array([0.75, 0.1, 0.5]), np.array([0.25, 0.3, np.nan])).tolist()
    [0.5, 0.0, 0.5]
    """
    return np.maximum(probability - np.nan_to_num(disagreement), 0.0)


def average(predictions: Sequence[Floats], weights: Sequence[float] | None = None) -> Average:
    """Returns the average of predictions of the same rows (and classes, or actions).

    :param predictions: one array a member, all of one shape
    :param weights: of the members, not negative; equal if None
    :raises ValueError: without members, for shapes that differ, and for weights that cannot be

    >>> average([np.array([0.6]), np.array([0.8])])
    Average(mean=array([0.7]), disagreement=array([0.1]))
    """
    if not predictions:
        raise ValueError("predictions must be those of at least one member, got none")
    shapes = {np.shape(each) for each in predictions}
    if len(shapes) > 1:
        raise ValueError(f"predictions must have the same shape, got {sorted(shapes)}")
    stacked = np.stack([np.asarray(each, dtype=np.float64) for each in predictions])
    share = _shares(len(predictions), weights)
    mean = np.tensordot(share, stacked, axes=1)
    variance = np.tensordot(share, (stacked - mean) ** 2, axes=1)
    return Average(mean, np.sqrt(variance))


def _shares(count: int, weights: Sequence[float] | None) -> Floats:
    if weights is None:
        return np.full(count, 1 / count)
    given = np.array(weights, dtype=np.float64)
    if len(given) != count:
        raise ValueError(f"weights must be {count}, one a member, got {len(given)}")
    if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
        raise ValueError(f"weights must be 0 or more, and one of them more, got {list(weights)}")
    return given / given.sum()


class Vote(NamedTuple):
    """
    :param action: the one that the agents together hold most probable
    :param confidence: its mean probability
    :param disagreement: the standard deviation of its probability among the agents
    """

    action: NDArray[np.int64]
    confidence: Floats
    disagreement: Floats


def vote(probabilities: Sequence[Floats]) -> Vote:
    """Returns what agents decide together, of which each gives every action a probability.

    :param probabilities: one array a agent, rows x actions, every row a distribution

    >>> vote([np.array([[0.2, 0.8]]), np.array([[0.6, 0.4]])])
    Vote(action=array([1]), confidence=array([0.6]), disagreement=array([0.2]))
    """
    mean, disagreement = average(probabilities)
    action = mean.argmax(axis=1)
    chosen = np.arange(len(action)), action
    return Vote(action, mean[chosen], disagreement[chosen])

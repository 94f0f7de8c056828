"""How a rule and a model decide together.

The rule has a side at each candle, and enters it at some. The model says how probable it is that an
entry of that side pays. Where it has no opinion, because it is missing, expired, or has seen
nothing like this candle, the rule decides alone: every mode falls back to `rules_only`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from perpkit.learning.calibration import USABLE_BELOW
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range, Search
from perpkit.signals.source import Flags, Floats, Signals


class Vote(StrEnum):
    RULES_ONLY = "rules_only"
    MODEL_ONLY = "model_only"
    AGREE = "agree"
    WEIGHTED = "weighted"


@dataclass(frozen=True)
class VoteRule(Parameters):
    """What the model's opinion does."""

    vote: Annotated[
        Vote,
        Search("buy", optimize=False),
        "Who decides: the rule, the model on the rule's side, both where they agree, or a weighted "
        "mean of their confidence; without a usable model always the rule",
    ] = Vote.RULES_ONLY
    least_probability: Annotated[
        float,
        Range(0, 1, "probability"),
        Search("buy", 0.3, 0.7),
        "The probability of paying from which the model is for an entry",
    ] = 0.5
    model_weight: Annotated[
        float,
        Range(0, 1, "of the score"),
        Search("buy", 0.0, 1.0),
        "The weight of the model in the score of `weighted`",
    ] = 0.5


@dataclass(frozen=True)
class Opinions:
    """What a model says of each candle.

    :param probability: that an entry of the rule's side pays, 0 to 1; NaN is no opinion
    :param error: the calibration error of the training that it comes from; NaN if not measured
    """

    probability: Floats
    error: Floats

    @property
    def known(self) -> Flags:
        return np.isfinite(self.probability)

    @property
    def calibrated(self) -> Flags:
        """Where the probability is honest enough to scale a stake."""
        return self.known & (self.error < USABLE_BELOW)


def none(rows: int) -> Opinions:
    """Returns the opinions of no model."""
    return Opinions(np.full(rows, np.nan), np.full(rows, np.nan))


def decide(
    rule: Signals, side: NDArray[np.int64], opinions: Opinions, least_score: float, vote: VoteRule
) -> Signals:
    """Returns the entries that rule and model make together, and the rule's exits.

    The confidence is the rule's where the model's probability is not calibrated. Where it is, it is
    the lower of both (`agree`), the model's (`model_only`) or their weighted mean.

    :param rule: its signals
    :param side: 1 long, -1 short, 0 none: the side that the model speaks of
    :param least_score: of the rule, below which a weighted score enters nothing
    """
    if vote.vote is Vote.RULES_ONLY:
        return rule
    given, known = opinions.probability, opinions.known
    in_favour = known & (given >= vote.least_probability)
    long, long_score = _one_side(
        rule.enter_long, rule.long_confidence, side > 0, in_favour, opinions, least_score, vote
    )
    short, short_score = _one_side(
        rule.enter_short, rule.short_confidence, side < 0, in_favour, opinions, least_score, vote
    )
    return rule._replace(
        enter_long=long,
        enter_short=short,
        long_confidence=long_score,
        short_confidence=short_score,
    )


def _one_side(
    entered: Flags,
    score: Floats,
    ours: Flags,
    in_favour: Flags,
    opinions: Opinions,
    least_score: float,
    vote: VoteRule,
) -> tuple[Flags, Floats]:
    known, sized = opinions.known & ours, opinions.calibrated & ours
    given, weight = opinions.probability, vote.model_weight
    if vote.vote is Vote.AGREE:
        return entered & (in_favour | ~known), np.where(sized, np.fmin(score, given), score)
    if vote.vote is Vote.MODEL_ONLY:
        # Once for each time that it comes to favour the side, not while it goes on to.
        favours = in_favour & ours
        comes = favours & ~_favoured_before(favours, known | ~ours)
        return np.where(known, comes, entered), np.where(sized, given, score)
    blended = np.where(known, (1 - weight) * score + weight * given, score)
    enough = ~known | (blended >= least_score)
    return entered & enough, np.where(sized, blended, score)


def _favoured_before(favoured: Flags, heard: Flags) -> Flags:
    """Returns whether the side was favoured where it was last heard of, before each candle: a model
    that is silent for a candle has not changed its mind."""
    last = np.maximum.accumulate(np.where(heard, np.arange(len(heard)), -1))
    before = np.concatenate(([-1], last))[:-1]
    return (before >= 0) & favoured[before]

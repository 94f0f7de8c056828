"""Several sources of signals combined into one: whose claim is acted on, and with what confidence.

A claim is the confidence of a source in an entry that its own signals do not contradict. All
functions take one row a candle, in order, and a row never depends on later ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from perpkit.signals.source import Flags, Floats, Signals


class Combine(StrEnum):
    """When sources together enter."""

    ANY = "any"
    AGREE = "agree"
    WEIGHTED = "weighted"


@dataclass(frozen=True)
class Rule:
    """How sources are combined.

    :param least: with `agree`, how many must be on the same side
    :param threshold: with `weighted`, the sum of confidence times budget from which on to enter
    :param within: with both, how many candles a claim stands, its own included
    """

    combine: Combine = Combine.ANY
    least: int = 2
    threshold: float = 0.4
    within: int = 24


class Side(NamedTuple):
    """What the sources together say of one side.

    :param enters: where it is entered
    :param strength: what the sides are compared by; 0 without a claim
    :param owners: by candle and source, which of them the entry belongs to
    :param confidence: in the entry, 0 to 1
    """

    enters: Flags
    strength: Floats
    owners: Flags
    confidence: Floats


def combined(
    signals: Sequence[Signals], budgets: Sequence[float], rule: Rule
) -> tuple[Side, Side]:
    """Returns what the sources together say of (long, short).

    The side whose claim is stronger is entered, neither if both are as strong.

    :param signals: of each source, those of a higher rank first: among equal claims theirs counts
    :param budgets: of each source, 0 to 1

    >>> no, yes, half = np.array([False]), np.array([True]), np.array([0.5])
    >>> first, second = (Signals(yes, no, no, no, score, half) for score in (half, half + 0.2))
    >>> combined([first, second], [0.5, 0.5], Rule())[0].owners.tolist()
    [[False, True]]
    """
    sides = [
        _side(
            np.column_stack([claims(each)[long] for each in signals]),
            np.column_stack([_off(each)[long] for each in signals]),
            np.asarray(budgets, dtype=float),
            rule,
        )
        for long in (0, 1)
    ]
    long, short = sides
    return (
        long._replace(enters=long.enters & (long.strength > short.strength)),
        short._replace(enters=short.enters & (short.strength > long.strength)),
    )


def claims(signals: Signals) -> tuple[Floats, Floats]:
    """Returns the claim of a source to (long, short): its confidence where it enters and does not
    leave or enter the other side in the same candle; 0 elsewhere, and where it is unknown."""

    def claim(enters: Flags, against: Flags, confidence: Floats) -> Floats:
        known = np.clip(np.nan_to_num(np.asarray(confidence, dtype=float), nan=0.0), 0.0, 1.0)
        return np.where(enters & ~against, known, 0.0)

    long, short, leave_long, leave_short, long_score, short_score = signals
    return (
        claim(long, leave_long | short, long_score),
        claim(short, leave_short | long, short_score),
    )


def _off(signals: Signals) -> tuple[Flags, Flags]:
    """Where a claim that stands ends: with the source's exit, or its entry of the other side."""
    return (
        signals.exit_long | signals.enter_short,
        signals.exit_short | signals.enter_long,
    )


def _side(claimed: Floats, off: Flags, budgets: Floats, rule: Rule) -> Side:
    """:param claimed, off: by candle and source"""
    if rule.combine is Combine.ANY:
        strongest = claimed.max(axis=1)
        owners = np.zeros(claimed.shape, dtype=bool)
        owners[np.arange(len(claimed)), claimed.argmax(axis=1)] = True
        return Side(strongest > 0, strongest, owners, strongest)
    stands = np.column_stack(
        [_standing(claimed[:, n], off[:, n], rule.within) for n in range(claimed.shape[1])]
    )
    owners = stands > 0
    weighed = stands @ budgets
    share = owners @ budgets
    confidence = np.divide(weighed, share, out=np.zeros(len(share)), where=share > 0)
    if rule.combine is Combine.AGREE:
        strength: Floats = owners.sum(axis=1).astype(float)
        enough = strength >= rule.least
    else:
        strength = weighed
        # Sums of shares are not exact.
        enough = weighed >= rule.threshold - 1e-9
    # Entered once somebody joins, and not again at every candle while they agree.
    joined = ((claimed > 0) & ~np.vstack([np.zeros_like(owners[:1]), owners[:-1]])).any(axis=1)
    return Side(enough & joined, strength, owners, confidence)


def _standing(claimed: Floats, off: Flags, within: int) -> Floats:
    """Returns the newest claim of a source, 0 from where it has ended or is too old."""
    rows = np.arange(len(claimed))
    made = np.maximum.accumulate(np.where(claimed > 0, rows, -1))
    ended = np.maximum.accumulate(np.where(off & (claimed == 0), rows, -1))
    stands = (made > ended) & (rows - made < within) & (made >= 0)
    return np.where(stands, claimed[made], 0.0)


def tags(names: Sequence[str], owners: Flags, confidence: Floats) -> NDArray[np.object_]:
    """Returns the enter tags: whose the entry is, and its confidence.

    >>> tags(["rsi_sma", "trend"], np.array([[True, True]]), np.array([0.7])).tolist()
    ['rsi_sma+trend 0.70']
    """
    whose, group = np.unique(owners, axis=0, return_inverse=True)
    named = ["+".join(np.array(names)[each]) for each in whose]
    scores = confidence.round(2)
    labels = {
        pair: f"{named[pair[0]]} {pair[1]:.2f}" for pair in set(zip(group, scores, strict=True))
    }
    return np.array([labels[pair] for pair in zip(group, scores, strict=True)], dtype=object)


def owners_of(tag: str | None, known: Mapping[str, object]) -> tuple[str, ...]:
    """Returns the sources that an enter tag of `tags` names; none for any other tag.

    >>> owners_of("rsi_sma+trend 0.70", {"rsi_sma": 1, "trend": 2}), owners_of("forced", {})
    (('rsi_sma', 'trend'), ())
    """
    named = tuple((tag or "").rpartition(" ")[0].split("+"))
    return named if all(name in known for name in named) else ()

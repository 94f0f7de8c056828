"""Several sources of signals combined into one: whose claim is acted on, and with what confidence.

A claim is the confidence of a source in an entry that its own signals do not contradict. All
functions take one row a candle, in order, and a row never depends on later ones.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from perpkit.signals.source import Flags, Floats, Signals

# Sums of shares are not exact.
ROUNDING = 1e-9
# Of `whose`, and of trades that are forced in the name of a source.
_TAG = re.compile(r"(\w+(?:\+\w+)*) (?:0|1|[01]?\.\d+)")


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

    @property
    def standing(self) -> int:
        """How many candles a claim stands, its own included."""
        return 1 if self.combine is Combine.ANY else self.within


class Side(NamedTuple):
    """What the sources together say of one side.

    :param enters: where it is entered
    :param strength: what the sides are compared by; 0 without a claim
    :param claims: by candle and source, the claims to which an entry belongs; 0 for none
    :param confidence: in the entry, 0 to 1
    """

    enters: Flags
    strength: Floats
    claims: Floats
    confidence: Floats


def combined(signals: Sequence[Signals], budgets: Sequence[float], rule: Rule) -> tuple[Side, Side]:
    """Returns what the sources together say of (long, short).

    The side whose claim is stronger is entered, neither if both are as strong.

    :param signals: of each source, those of a higher rank first: among equal claims theirs counts
    :param budgets: of each source, 0 to 1

    >>> no, yes, half = np.array([False]), np.array([True]), np.array([0.5])
    >>> first, second = (Signals(yes, no, no, no, score, half) for score in (half, half + 0.2))
    >>> combined([first, second], [0.5, 0.5], Rule())[0].claims.tolist()
    [[0.0, 0.7]]
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
    before = np.vstack([np.zeros_like(claimed[:1]), claimed[:-1]])
    if rule.combine is Combine.ANY:
        strongest = claimed.max(axis=1)
        # A source that claims at every candle of a trend has been asked before: the one that
        # begins to claim comes first, or it would never be.
        rank = claimed + ((claimed > 0) & (before == 0))
        winner = rank.argmax(axis=1)[:, None] == np.arange(claimed.shape[1])
        owned = np.where(winner, claimed, 0.0)
        return Side(strongest > 0, strongest, owned, owned.sum(axis=1))
    stands = np.column_stack(
        [_standing(claimed[:, n], off[:, n], rule.within) for n in range(claimed.shape[1])]
    )
    weighed, share = stands @ budgets, (stands > 0) @ budgets
    confidence = np.divide(weighed, share, out=np.zeros(len(share)), where=share > 0)
    agreeing: Floats = (stands > 0).sum(axis=1).astype(float)
    if rule.combine is Combine.AGREE:
        strength, enough = agreeing, agreeing >= rule.least
    else:
        strength, enough = weighed, weighed >= rule.threshold - ROUNDING
    # Entered as a source joins, and not again at every candle while they stand together.
    stood = np.vstack([np.zeros_like(stands[:1]), stands[:-1]])
    joined = ((claimed > 0) & (stood == 0)).any(axis=1)
    return Side(enough & joined, strength, stands, confidence)


def _standing(claimed: Floats, off: Flags, within: int) -> Floats:
    """Returns the newest claim of a source, 0 from where it has ended or is too old."""
    rows = np.arange(len(claimed))
    made = np.maximum.accumulate(np.where(claimed > 0, rows, -1))
    ended = np.maximum.accumulate(np.where(off & (claimed == 0), rows, -1))
    stands = (made > ended) & (rows - made < within) & (made >= 0)
    return np.where(stands, claimed[made], 0.0)


def whose(names: Sequence[str], claims: Floats, confidence: float) -> str:
    """Returns an enter tag: whose the entry is, the strongest claim first, and its confidence.

    :param claims: of each source, 0 for none

    >>> whose(["rsi_sma", "trend"], np.array([0.7, 0.9]), 0.8)
    'trend+rsi_sma 0.80'
    """
    order = sorted(np.flatnonzero(claims).tolist(), key=lambda n: -claims[n])
    return f"{'+'.join(names[n] for n in order)} {confidence:.2f}"


def named_in(tag: object) -> tuple[str, ...]:
    """Returns the names in an enter tag of `whose`; none for any other tag, or NaN."""
    found = _TAG.fullmatch(tag) if isinstance(tag, str) else None
    return tuple(found[1].split("+")) if found else ()


def owners_of(tag: object, known: Collection[str]) -> tuple[str, ...]:
    """Returns the known ones of the sources that an enter tag of `whose` names: the trade stays
    theirs when another of its sources is no longer known.

    >>> owners_of("trend+rsi_sma 0.80", ["rsi_sma", "trend"]), owners_of("force_entry", ["trend"])
    (('trend', 'rsi_sma'), ())
    >>> owners_of("trend+rsi_sma 0.80", ["rsi_sma"])
    ('rsi_sma',)
    """
    return tuple(name for name in named_in(tag) if name in known)


class SourceTags(Collection[str]):
    """The names in enter tags of `whose`, for `perpkit.signals.confidence.score_of`. One that is
    known is enough, as in `owners_of`.

    :param names: of the sources
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and any(each in self._names for each in name.split("+"))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

"""The verdict of a walk-forward in words, which say no more than the days do."""

from __future__ import annotations

from math import isfinite

from perpkit.research.overfitting.gate import LEAST_ACTIVE, LEAST_DAYS, MOST_LUCK
from perpkit.walkforward.verdict import Verdict, Word


def sentence(found: Verdict) -> str:
    """Returns the verdict and its reason."""
    days = f"{found.stitched.days:,} days of tests"
    ratio = f"a Sharpe ratio of {found.stitched.sharpe:.2f} in {days}"
    luck = f"luck alone does as well with a probability of {_percent(found.gate.luck)}"
    if found.gate.ideas > 1:
        luck += (
            f", {found.gate.ideas:,.0f} variants having been tried on these days "
            f"({_percent(found.gate.alone)} by itself)"
        )
    match found.word:
        case Word.PASSES:
            said = f"Passes: {ratio}; {luck}."
        case Word.LOSES:
            return f"Loses: {abs(found.stitched.profit):.1%} in {days}.{_left(found)}"
        case Word.TOO_SHORT:
            return f"Too short to judge: {days}, where {LEAST_DAYS} are the least.{_left(found)}"
        case Word.NOT_SHOWN:
            said = f"Not shown: {ratio}; {luck}, where {MOST_LUCK:.0%} is the most.{_needed(found)}"
    return said + _left(found)


def reservations(found: Verdict) -> list[str]:
    """Returns what a reader of the verdict should know beside it, one sentence each."""
    said = []
    if "active days" in [criterion.name for criterion in found.gate.failed]:
        said.append(f"The account moved on fewer than {LEAST_ACTIVE} days.")
    if found.kept is not None and found.kept < 0.5:
        said.append(
            f"The tests kept {max(found.kept, 0):.0%} of the Sharpe ratio that the training "
            "promised."
        )
    if found.overfitting is not None and found.overfitting > 0.5:
        said.append(
            f"In training, the best half of the time ended below the median: the probability of "
            f"overfitting is {found.overfitting:.0%}. Where all variants share one edge, it is "
            "about 50%."
        )
    moved = [s.parameter for s in found.stability if s.scatter is not None and s.scatter > 0.75]
    if moved:
        said.append(f"From window to window as if chosen at random: {', '.join(moved)}.")
    if found.trades.trades and found.cut_off / found.trades.trades > 0.1:
        said.append(
            f"{found.cut_off} of {found.trades.trades} trades were cut off at the end of a window."
        )
    if found.counted:
        said.append(found.counted)
    if found.years and found.positive_years * 2 < len(found.years):
        said.append(f"{found.positive_years} of {len(found.years)} calendar years made a profit.")
    return said


def _percent(share: float) -> str:
    return "less than 0.1%" if share < 0.001 else f"{share:.1%}"


def _needed(found: Verdict) -> str:
    days = found.gate.needed_days
    if not isfinite(days) or found.gate.luck <= MOST_LUCK:
        return ""
    return f" At this rate, {days:,.0f} days would show it."


def _left(found: Verdict) -> str:
    if not found.windows_left:
        return ""
    return f" {found.windows_left} windows have no result yet."

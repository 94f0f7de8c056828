"""Judges the evidence by the criteria: one row each, measured against required, with the reason.

What is missing is not passed. A good figure in one criterion does not make up for a bad one in
another.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import floor

import numpy as np

from perpkit.durations import DAY_S
from perpkit.golive.criteria import LEAST, MANY, Criteria
from perpkit.golive.evidence import COUNTED_DAYS, Evidence, Missing, NotAsked
from perpkit.research.overfitting.bootstrap import interval


@dataclass(frozen=True)
class Row:
    """
    :param reason: why it is not passed, and what to do; empty if it is passed
    """

    name: str
    measured: str
    required: str
    passed: bool
    reason: str = ""


def judge(criteria: Criteria, found: Evidence, now: datetime) -> tuple[Row, ...]:
    """Returns a row for each criterion, in the order in which they are shown."""
    return (
        _trades(criteria, found),
        _days(criteria, found),
        _expectancy(criteria, found),
        _winning(criteria, found),
        *(judged(criteria, found) for judged in _OF_EVIDENCE),
        _rehearsal(criteria, found, now),
        _keys(found),
    )


def least_trades(criteria: Criteria, found: Evidence) -> int:
    """Returns how many closed trades are asked for."""
    few = criteria.trades
    if not isinstance(found.predicted, Missing):
        few = min(few, floor(found.predicted))
    return max(few, criteria.fewest_trades)


def _trades(criteria: Criteria, found: Evidence) -> Row:
    least, made = least_trades(criteria, found), len(found.profits)
    what = f"at least {least}"
    if least < criteria.trades:
        what += f" (the backtest makes {found.predicted:.0f} in {COUNTED_DAYS} days)"
    return _row("closed trades", str(made), what, made >= least, "let the dry-run go on")


def _days(criteria: Criteria, found: Evidence) -> Row:
    passed = found.days >= criteria.days
    return _row(
        "days", f"{found.days:.1f}", f"at least {criteria.days:g}", passed, "let the dry-run go on"
    )


def _expectancy(criteria: Criteria, found: Evidence) -> Row:
    few = least_trades(criteria, found) < MANY
    confidence = criteria.confidence_of_few if few else criteria.confidence
    name, required = "expectancy", f"{confidence:.0%} interval above 0"
    if len(found.profits) < LEAST:
        return Row(name, "-", required, False, f"there are fewer than {LEAST} closed trades")
    low, high = interval(found.profits, np.mean, confidence, seed=criteria.seed)
    measured = f"{np.mean(found.profits):.4g} a trade, {low:.4g} to {high:.4g}"
    return _row(name, measured, required, low > 0, "so far it may as well be luck")


def _winning(criteria: Criteria, found: Evidence) -> Row:
    rate, factor = found.statistics.win_rate, found.statistics.profit_factor
    required = f"win rate {criteria.win_rate:.0%} or profit factor {criteria.profit_factor:g}"
    if rate is None:
        return Row("winning", "-", required, False, "there is no closed trade")
    # Without a loss there is nothing to divide by.
    measured = f"{rate:.1%}, " + ("no loss" if factor is None else f"{factor:.2f}")
    good = factor is None and found.statistics.wins > 0
    good = good or (factor is not None and factor >= criteria.profit_factor)
    passed = rate >= criteria.win_rate or good
    return _row("winning", measured, required, passed, "neither of the two is reached")


def _drawdown(criteria: Criteria, found: Evidence) -> Row:
    name, required = "drawdown", f"at most {criteria.drawdown:.1%}, marked to market"
    if isinstance(found.drawdown, Missing):
        return _missing(name, required, found.drawdown)
    passed = found.drawdown <= criteria.drawdown
    return _row(name, f"{found.drawdown:.1%}", required, passed, "it risks more than is allowed")


def _slippage(criteria: Criteria, found: Evidence) -> Row:
    name, required = "slippage", f"at most {criteria.slippage_bps:g} bps in the mean"
    if isinstance(found.slipped, Missing):
        return _missing(name, required, found.slipped)
    measured = f"{found.slipped.bps:+.1f} bps in {found.slipped.fills} fills"
    passed = found.slipped.bps <= criteria.slippage_bps
    reason = "fills are worse than is assumed: trade smaller, or pairs with deeper books"
    return _row(name, measured, required, passed, reason)


def _same(_: Criteria, found: Evidence) -> Row:
    name = "backtest's strategy"
    required = "the source, parameters and options that would trade"
    if isinstance(found.other, Missing):
        return _missing(name, required, found.other)
    reason = (
        f"not as in the backtest: {', '.join(found.other)}; make it with the strategy and the "
        "configuration as they are now"
    )
    measured = f"{len(found.other)} differ" if found.other else "the same"
    return _row(name, measured, required, not found.other, reason)


def _ran(_: Criteria, found: Evidence) -> Row:
    name, required = "bot's strategy", "what would trade, since its first trade"
    if isinstance(found.ran, Missing):
        return _missing(name, required, found.ran)
    reason = f"it traded with another one of: {', '.join(found.ran)}; begin another dry-run"
    measured = f"{len(found.ran)} differ" if found.ran else "the same"
    return _row(name, measured, required, not found.ran, reason)


def _band(criteria: Criteria, found: Evidence) -> Row:
    name, share = "backtest's band", criteria.band_confidence
    if isinstance(found.made, Missing):
        return _missing(name, f"return within {share:.0%} of what it predicts", found.made)
    band, made = found.made.band, found.made.share
    required = f"{band.low:+.1%} to {band.high:+.1%} ({share:.0%} in {band.days} days)"
    way = "less" if made < band.low else "more"
    reason = f"the bot made {way} than the backtest predicts: it does something else"
    return _row(name, f"{made:+.1%}", required, band.holds(made), reason)


def _explained(criteria: Criteria, found: Evidence) -> Row:
    name, required = "explained", f"at most {criteria.unexplained:.1%} of trades differ unexplained"
    if isinstance(found.differing, Missing):
        return _missing(name, required, found.differing)
    trades, unknown = found.differing.trades, found.differing.unexplained
    passed = len(unknown) <= criteria.unexplained * trades
    reason = ""
    if unknown:
        first = unknown[0].twins.one
        when = datetime.fromtimestamp(first.opened, UTC)
        reason = (
            f"such as {first.pair} {first.side} of {when:%Y-%m-%d %H:%M}: `perpkit compare --live "
            "--backtest` shows all"
        )
    return _row(name, f"{len(unknown)} of {trades} unexplained", required, passed, reason)


_OF_EVIDENCE: tuple[Callable[[Criteria, Evidence], Row], ...] = (
    _drawdown,
    _slippage,
    _same,
    _ran,
    _band,
    _explained,
)


def _rehearsal(criteria: Criteria, found: Evidence, now: datetime) -> Row:
    name = "rehearsal"
    required = (
        f"{criteria.rehearsal_trades} trades without a breach, {criteria.rehearsal_breakers} "
        f"breakers, not older than {criteria.rehearsal_max_days:g} days"
    )
    record = found.rehearsal
    if isinstance(record, Missing):
        return _missing(name, required, record)
    breaches = sum(record.breaches.values())
    age = (now - record.until).total_seconds() / DAY_S
    wrong = []
    if breaches:
        named = ", ".join(f"{each} {count}" for each, count in record.breaches.items())
        wrong.append(f"invariants were breached: {named}")
    if record.trades < criteria.rehearsal_trades:
        wrong.append("too few trades")
    if len(record.breakers) < criteria.rehearsal_breakers:
        wrong.append("too few breakers have locked")
    if age > criteria.rehearsal_max_days:
        wrong.append("it is too old")
    measured = f"{record.trades} trades, {breaches} breaches, {len(record.breakers)} breakers"
    return _row(name, f"{measured}, {max(age, 0):.0f} days ago", required, not wrong,
                "; ".join(wrong) + ": rehearse with `perpkit venue`")  # fmt: skip


def _keys(found: Evidence) -> Row:
    name, required = "API key", "every check of `perpkit keys check` is made, and none fails"
    if isinstance(found.keys, Missing):
        return _missing(name, required, found.keys)
    if isinstance(found.keys, NotAsked):
        return Row(name, f"not asked: {found.keys.why}", required, True)
    wrong, warned = found.keys
    measured = [f"{len(wrong)} complaints"] if wrong else []
    if warned:
        measured.append(f"warnings: {'; '.join(warned)}")
    return _row(name, ", ".join(measured) or "in order", required, not wrong, "; ".join(wrong))


def _missing(name: str, required: str, missing: Missing) -> Row:
    return Row(name, "missing", required, False, missing.why)


def _row(name: str, measured: str, required: str, passed: bool, reason: str) -> Row:
    return Row(name, measured, required, passed, "" if passed else reason)

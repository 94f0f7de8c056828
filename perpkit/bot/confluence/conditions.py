"""What a candle lacks for an entry by several sources, for the decision log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from perpkit.bot.confluence.columns import checked_signals
from perpkit.signals.combining import Combine, Rule, combined
from perpkit.signals.conditions import Condition, Conditions
from perpkit.signals.source import Source


def conditions_of(
    sources: Mapping[str, Source],
    rules: Mapping[str, Any],
    frame: pd.DataFrame,
    budgets: Mapping[str, float],
    rule: Rule,
) -> Conditions:
    """Returns the conditions of each source, and of all together.

    :param sources, rules, budgets: by name of the source
    """
    found = {
        f"{side} of {name}": own
        for name, source in sources.items()
        for side, own in source.conditions(frame, rules[name]).items()
    }
    if rule.combine is Combine.ANY:
        return found
    signals = [checked_signals(source, frame, rules[name]) for name, source in sources.items()]
    long, short = combined(signals, [budgets[name] for name in sources], rule)
    needed, words = (
        (rule.least, f"{rule.least} sources that agree")
        if rule.combine is Combine.AGREE
        else (rule.threshold, f"a sum of confidence times budget of {rule.threshold:g}")
    )
    together = {
        side: [Condition(words, each.strength >= needed, each.strength)]
        for side, each in (("long", long), ("short", short))
    }
    return {**together, **found}

"""What a strategy of one source takes from it."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, nan

import numpy as np
import pandas as pd
import pytest
from freqtrade.strategy import DecimalParameter

from perpkit.bot.slow_strategy import SlowStrategy
from perpkit.bot.source_strategy import SourceStrategy
from perpkit.parameters.declared import Parameters
from perpkit.signals.confidence import score_of
from perpkit.signals.momentum import Momentum
from perpkit.signals.rsi_sma_source import RsiSma
from perpkit.signals.source import Signals, Source

STOP = {"stop": {"distance": 0.0125}}


@pytest.mark.parametrize(
    ("base", "source", "stop", "target"),
    [
        (SourceStrategy, RsiSma(), 0.05, 0.10),
        (SourceStrategy, RsiSma(take_profit=0.0355, risk=STOP), 0.0125, 0.0355),
        (SourceStrategy, Momentum(), 0.05, 100.0),
        (SlowStrategy, Momentum(), 0.15, 100.0),
        (SlowStrategy, RsiSma(), 0.15, 100.0),
    ],
)
def test_a_source_brings_stop_and_target_of_its_trades(base, source, stop, target):
    kind = type("Own", (base,), {"source": source})
    assert (kind.stop_distance.value, kind.take_profit.value) == (stop, target)
    # Where there is no target, a search may find none either.
    assert kind.take_profit.optimize is (target < 1)


def test_a_target_of_the_class_itself_counts():
    own = DecimalParameter(0.01, 0.5, default=0.2, space="sell")
    members = {"source": RsiSma(take_profit=0.03), "take_profit": own}
    assert type("Own", (SourceStrategy,), members).take_profit is own


@dataclass(frozen=True)
class NoRule(Parameters):
    """Without parameters."""


@dataclass(frozen=True)
class Unsure(Source):
    """Enters as the column `side` says, with the confidence of the column `sure`."""

    name: str = "unsure"
    rule: NoRule = NoRule()

    def columns(self, candles, step):
        return {}

    def signals(self, frame, rule):
        side, sure = frame["side"].to_numpy(), frame["sure"].to_numpy()
        none = np.zeros(len(frame), dtype=bool)
        return Signals(side > 0, side < 0, none, none, sure, sure)


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(
    ("sure", "found"),
    [(0.7, 0.7), (1.0, 1.0), (1.5, 1.0), (inf, 1.0),
     (0.0, None), (-0.5, None), (nan, None), (-inf, None)],
)  # fmt: skip
def test_without_confidence_nothing_is_entered(default_futures_config, side, sure, found):
    """As in Confluence; a tag without a usable one would stand for a full size."""
    strategy = type("Own", (SourceStrategy,), {"source": Unsure(), "timeframe": "1h"})(
        default_futures_config
    )
    frame = strategy.populate_entry_trend(pd.DataFrame({"side": [side], "sure": [sure]}), {})
    row = frame.iloc[0]
    entered = found is not None
    assert (row["enter_long"], row["enter_short"]) == (entered and side > 0, entered and side < 0)
    if entered:
        assert score_of(row["enter_tag"], strategy.scored_tags) == found

"""What a candle lacks for an entry, as the decision log has it, is what the strategies ask."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from freqtrade.resolvers import StrategyResolver

from perpkit.signals import rsi_sma
from perpkit.signals.conditions import all_met, unmet
from perpkit.signals.funding_tide import indicators
from tests.bot.stack import BTC

ROWS = 6_000
PARAMETERS = [
    ("RsiSmaSwing", {}),
    (
        "RsiSmaSwing",
        {"trend_filter": "both", "min_confidence": 0.7, "oversold": 45, "overbought": 55},
    ),
    ("RsiSmaSwing", {"rule": "literal", "oversold": 45, "overbought": 55, "trend_filter": "own"}),
    ("FundingTide", {}),
    ("FundingTide", {"with_trend": False, "stretch": 0.5}),
]


def frame() -> pd.DataFrame:
    random = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, ROWS)))
    made = pd.DataFrame({"close": close})
    made = made.join(rsi_sma.indicators(made)).join(indicators(made))
    for name in ("own_trend", "higher_trend", "trend"):
        made[name] = random.integers(-1, 2, ROWS)
    made["funding_rate_8h"] = random.normal(0, 0.001, ROWS)
    made["funding_mean_8h"] = 0.0001
    for name in ("funding_rank", "long_short_rank"):
        made[name] = np.where(random.random(ROWS) < 0.1, np.nan, random.random(ROWS))
    made["long_short_ratio"] = random.uniform(0.3, 3, ROWS)
    return made


@pytest.mark.parametrize(("name", "parameters"), PARAMETERS, ids=str)
def test_a_candle_enters_where_it_lacks_nothing(default_futures_config, name, parameters):
    strategy = StrategyResolver.load_strategy({**default_futures_config, "strategy": name})
    for parameter, value in parameters.items():
        getattr(strategy, parameter).value = value
    entered = strategy.populate_entry_trend(frame(), {"pair": BTC})
    conditions = strategy.entry_conditions(frame())
    for side in ("long", "short"):
        met = all_met(conditions[side])
        assert (met.astype(int) == entered[f"enter_{side}"]).all()
        if name == "FundingTide" or parameters.get("rule") != "literal":
            assert met.any()
    quiet = int(np.argmin(entered["enter_long"] + entered["enter_short"]))
    assert unmet(conditions, quiet).startswith("a long needs ")
    assert "; a short needs " in unmet(conditions, quiet)

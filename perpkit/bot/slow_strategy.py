"""A strategy whose trades last for weeks and end when their score has come back."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from freqtrade.strategy import DecimalParameter

from perpkit.bot.source_strategy import SourceStrategy
from perpkit.bot.strategy import PerpStrategy
from perpkit.risk.exposure import ExposureLimits

# Pairs trend together. What they risk together is limited rather than their number: at full size
# three positions that move as one, more if they differ or have been cut.
SHARED_RISK = ExposureLimits(max_positions=20, max_open_risk=0.06, max_cluster_risk=0.025)


class SlowStrategy(SourceStrategy):
    """Stops are many average true ranges away and there is no target, so sizes are small, and
    smaller the more the price moves. Subclasses set `source`."""

    timeframe = "1h"
    # Four weeks of returns.
    startup_candle_count = 700

    settings = replace(PerpStrategy.settings, exposure=SHARED_RISK)
    searched: ClassVar[dict[str, str]] = {
        "stop_atr": "stop.atr_multiple",
        "trail_atr": "trailing.atr_multiple",
        "risk_per_trade": "sizing.risk_per_trade",
    }
    meanings = PerpStrategy.meanings | {
        "stop_distance": "The stop of a trade whose own could not be computed",
    }

    stop_atr = DecimalParameter(8, 20, default=16, decimals=0, space="sell")
    risk_per_trade = DecimalParameter(
        0.0025, 0.02, default=0.0075, decimals=4, space="sell", optimize=False
    )
    # Never reached.
    take_profit = DecimalParameter(1, 100, default=100, decimals=0, space="sell", optimize=False)
    stop_distance = DecimalParameter(
        0.05, 0.25, default=0.15, decimals=2, space="sell", optimize=False
    )
    # Without use, unless the configuration switches trailing on.
    trail_atr = DecimalParameter(1.5, 20, default=16.0, decimals=1, space="sell", optimize=False)

from dataclasses import replace

from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.settings import overridden
from perpkit.bot.slow_strategy import SHARED_RISK, SlowStrategy
from perpkit.bot.strategy import PerpStrategy
from perpkit.signals.momentum import Momentum


class TrendFollowing(SlowStrategy):
    """Follows trends of one to four weeks, long and short.

    See docs/evidence/strategies.md for how it was chosen, and for its results.
    """

    source = Momentum()
    settings = replace(overridden(PerpStrategy.settings, source.risk, "risk"), exposure=SHARED_RISK)
    plot_config = plot_config(beside={"Momentum": "momentum"})

from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.slow_strategy import SlowStrategy
from perpkit.signals.momentum import Momentum


class TrendFollowing(SlowStrategy):
    """Follows trends of one to four weeks, long and short.

    See docs/evidence/strategies.md for how it was chosen, and for its results.
    """

    source = Momentum()
    plot_config = plot_config(beside={"Momentum": "momentum"})

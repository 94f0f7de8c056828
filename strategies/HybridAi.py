from perpkit.bot.hybrid.strategy import HybridStrategy


class HybridAi(HybridStrategy):
    """Trades RSI/SMA pull-backs on 1h candles that a model learned through FreqAI agrees with.

    Without FreqAI it trades by the rules alone. See docs/hybrid_ai.md.
    """

    timeframe = "1h"
    trend_timeframe = "4h"
    # A month of ranks, and some more for averages to converge.
    startup_candle_count = 800

from perpkit.bot.rsi_sma import RsiSmaStrategy


class RsiSmaScalp(RsiSmaStrategy):
    """RSI/SMA pull-backs on 5m candles in the direction of the 1h trend."""

    timeframe = "5m"
    trend_timeframe = "1h"
    startup_candle_count = 900

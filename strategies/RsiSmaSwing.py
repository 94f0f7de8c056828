from perpkit.bot.rsi_sma import RsiSmaStrategy


class RsiSmaSwing(RsiSmaStrategy):
    """RSI/SMA pull-backs on 1h candles in the direction of the 4h trend."""

    timeframe = "1h"
    trend_timeframe = "4h"
    startup_candle_count = 400

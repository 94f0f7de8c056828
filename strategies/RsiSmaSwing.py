from perpkit.bot.rsi_sma import RsiSmaStrategy


class RsiSmaSwing(RsiSmaStrategy):
    """Trades RSI/SMA pull-backs on 1h candles in the direction of the 4h trend."""

    timeframe = "1h"
    trend_timeframe = "4h"
    # 50 candles of 4h for the trend, and as many again for RSI to converge.
    startup_candle_count = 400

from freqtrade.strategy import DecimalParameter, IntParameter

from perpkit.bot.rsi_sma import RsiSmaStrategy


class RsiSmaScalp(RsiSmaStrategy):
    """Trades RSI/SMA pull-backs on 5m candles in the direction of the 1h trend.

    At 5 minutes the fees are as large as the edge: on the candles of 2023, only rare extremes were
    worth their costs. See docs/strategies.md before you trade it.
    """

    timeframe = "5m"
    trend_timeframe = "1h"
    # 50 candles of 1h for the trend, and half as many again for RSI to converge.
    startup_candle_count = 900

    oversold = IntParameter(15, 40, default=20, space="buy")
    overbought = IntParameter(60, 85, default=80, space="buy")
    stop_distance = DecimalParameter(0.005, 0.03, default=0.015, decimals=3, space="sell")
    take_profit = DecimalParameter(0.01, 0.06, default=0.03, decimals=3, space="sell")

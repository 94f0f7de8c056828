from freqtrade.strategy import IStrategy

from perpkit.signals import rsi_sma


class StockSwing(IStrategy):
    """The signals of `RsiSmaSwing` with nothing of Perpkit around them; holds as `HeldSwing`.

    For benchmarks/live_cycle.py: what a cycle costs where Freqtrade does all there is to do.
    """

    timeframe = "1h"
    can_short = True
    startup_candle_count = 400
    stoploss = -0.60
    minimal_roi = {"0": 100.0}
    order_types = {
        "entry": "limit",
        "exit": "limit",
        "emergency_exit": "market",
        "force_entry": "market",
        "force_exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": True,
    }

    def populate_indicators(self, dataframe, metadata):
        dataframe = dataframe.join(rsi_sma.indicators(dataframe))
        dataframe["trend"] = rsi_sma.higher_trend(dataframe, "1h", "4h")
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        rsi_sma.pullback_ended(dataframe, oversold=35, overbought=65, lookback=12)
        dataframe[["enter_long", "enter_short"]] = 0
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe[["exit_long", "exit_short"]] = 0
        return dataframe

from freqtrade.strategy import IStrategy


class PlainSteep(IStrategy):
    """Takes leverage and stakes, and adds fixed amounts, as "asks" of the configuration says; it
    fails where that is "error".

    Its columns bear the names that a layer might use.
    """

    INTERFACE_VERSION = 3
    timeframe = "1h"
    startup_candle_count = 30
    can_short = True
    stoploss = -0.1
    minimal_roi = {"0": 0.08}
    position_adjustment_enable = True

    def asks(self, name, default):
        asked = self.config.get("asks", {}).get(name, default)
        if asked == "error":
            raise KeyError(name)
        return asked

    def populate_indicators(self, dataframe, metadata):
        dataframe["mean"] = dataframe["close"].rolling(24).mean()
        dataframe["atr"] = dataframe["vol_1h"] = dataframe["range_24h"] = -1.0
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = (dataframe["close"] > dataframe["mean"]).astype(int)
        dataframe["enter_short"] = (dataframe["close"] < dataframe["mean"]).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = (dataframe["close"] < dataframe["mean"] * 0.99).astype(int)
        dataframe["exit_short"] = (dataframe["close"] > dataframe["mean"] * 1.01).astype(int)
        return dataframe

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage,
                 entry_tag, side, **kwargs):  # fmt: skip
        return self.asks("leverage", 10.0)

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, min_stake,
                            max_stake, leverage, entry_tag, side, **kwargs):  # fmt: skip
        return self.asks("stake", 1_500.0)

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        if trade.nr_of_successful_entries < 3 and current_profit < -0.02:
            return self.asks("addition", 0.0) or None
        return None

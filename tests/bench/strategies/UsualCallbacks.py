import talib.abstract as ta
from freqtrade.strategy import IStrategy, stoploss_from_absolute, timeframe_to_prev_date


class UsualCallbacks(IStrategy):
    """Callbacks of the usual style, with stock protections; knows nothing of Perpkit."""

    timeframe = "1h"
    can_short = True
    startup_candle_count = 50
    stoploss = -0.15
    minimal_roi = {"0": 100.0}
    use_custom_stoploss = True

    @property
    def protections(self):
        return [
            {"method": "CooldownPeriod", "stop_duration_candles": 2},
            {
                "method": "MaxDrawdown",
                "lookback_period_candles": 48,
                "trade_limit": 3,
                "stop_duration_candles": 4,
                "max_allowed_drawdown": 0.02,
            },
            {
                "method": "StoplossGuard",
                "lookback_period_candles": 24,
                "trade_limit": 2,
                "stop_duration_candles": 2,
            },
            {
                "method": "LowProfitPairs",
                "lookback_period_candles": 24,
                "trade_limit": 2,
                "stop_duration_candles": 10,
                "required_profit": 0.01,
            },
        ]

    def populate_indicators(self, dataframe, metadata):
        dataframe["fast"] = ta.EMA(dataframe, timeperiod=12)
        dataframe["slow"] = ta.EMA(dataframe, timeperiod=48)
        dataframe["atr"] = ta.ATR(dataframe, timeperiod=14)
        dataframe["rsi"] = ta.RSI(dataframe, timeperiod=14)
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        above = dataframe["fast"] > dataframe["slow"]
        dataframe.loc[above, "enter_long"] = 1
        dataframe.loc[~above, "enter_short"] = 1
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        above = dataframe["fast"] > dataframe["slow"]
        dataframe.loc[~above, "exit_long"] = 1
        dataframe.loc[above, "exit_short"] = 1
        return dataframe

    def custom_stoploss(
        self, pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs
    ):
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        last_candle = dataframe.iloc[-1].squeeze()
        side = -1 if trade.is_short else 1
        return stoploss_from_absolute(
            current_rate - side * 3 * last_candle["atr"],
            current_rate,
            is_short=trade.is_short,
            leverage=trade.leverage,
        )

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        last_candle = dataframe.iloc[-1].squeeze()
        if current_profit > 0.02 and last_candle["rsi"] > 80 and not trade.is_short:
            return "overbought"
        if (current_time - trade.open_date_utc).days >= 3:
            return "old"
        return None

    def confirm_trade_exit(self, pair, trade, exit_reason, current_time, **kwargs):
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        date = timeframe_to_prev_date(self.timeframe, current_time)
        candle = dataframe.loc[dataframe["date"] == date]
        last = dataframe.iloc[-1] if candle.empty else candle.iloc[0]
        return not (exit_reason == "exit_signal" and last["rsi"] > 75 and not trade.is_short)

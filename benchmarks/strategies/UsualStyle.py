from freqtrade.strategy import stoploss_from_absolute
from InTheMarket import InTheMarket
from pandas import DataFrame


class UsualStyle(InTheMarket):
    """`InTheMarket` as strategies are usually written: three callbacks that look at the frame of
    analysed candles in each candle of a trade, and Freqtrade's own protections. Nothing of Perpkit.
    """

    use_custom_stoploss = True

    @property
    def protections(self):
        return [
            {"method": "CooldownPeriod", "stop_duration_candles": 2},
            {
                "method": "StoplossGuard",
                "lookback_period_candles": 48,
                "trade_limit": 3,
                "stop_duration_candles": 12,
                "only_per_pair": False,
            },
            {
                "method": "MaxDrawdown",
                "lookback_period_candles": 96,
                "trade_limit": 10,
                "stop_duration_candles": 12,
                "max_allowed_drawdown": 0.2,
            },
            {
                "method": "LowProfitPairs",
                "lookback_period_candles": 96,
                "trade_limit": 3,
                "stop_duration_candles": 24,
                "required_profit": -0.02,
            },
        ]

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe = super().populate_indicators(dataframe, metadata)
        spread = dataframe["high"] - dataframe["low"]
        dataframe["range"] = spread.rolling(24).mean()
        dataframe["rise"] = dataframe["close"].diff().clip(lower=0).rolling(14).mean()
        dataframe["strength"] = (
            dataframe["rise"] / dataframe["close"].diff().abs().rolling(14).mean()
        )
        return dataframe

    def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, current_time,
                            entry_tag, side, **kwargs):  # fmt: skip
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        last = dataframe.iloc[-1].squeeze()
        return last["range"] < 0.05 * rate

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        last = dataframe.iloc[-1].squeeze()
        if trade.is_short and last["strength"] < 0.1 and current_profit > 0.02:
            return "exhausted"
        if not trade.is_short and last["strength"] > 0.9 and current_profit > 0.02:
            return "exhausted"
        return None

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit,
                        after_fill, **kwargs):  # fmt: skip
        dataframe, _ = self.dp.get_analyzed_dataframe(pair, self.timeframe)
        last = dataframe.iloc[-1].squeeze()
        away = 8 * last["range"] * (1 if trade.is_short else -1)
        return stoploss_from_absolute(
            current_rate + away, current_rate, is_short=trade.is_short, leverage=trade.leverage
        )

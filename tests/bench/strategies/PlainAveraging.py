from freqtrade.strategy import IStrategy, stoploss_from_open


class PlainAveraging(IStrategy):
    """Buys more as the price falls, sells a part as it rises, and has a stop of its own."""

    INTERFACE_VERSION = 3
    timeframe = "1h"
    startup_candle_count = 30
    can_short = False
    stoploss = -0.35
    use_custom_stoploss = True
    position_adjustment_enable = True
    max_entry_position_adjustment = 3
    minimal_roi = {"0": 0.05}

    @property
    def protections(self):
        return [{"method": "CooldownPeriod", "stop_duration_candles": 3}]

    def populate_indicators(self, dataframe, metadata):
        dataframe["mean"] = dataframe["close"].rolling(24).mean()
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = (dataframe["close"] < dataframe["mean"]).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe["exit_long"] = (dataframe["close"] > dataframe["mean"] * 1.03).astype(int)
        return dataframe

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage,
                 entry_tag, side, **kwargs):  # fmt: skip
        return 3.0

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, min_stake,
                            max_stake, leverage, entry_tag, side, **kwargs):  # fmt: skip
        return proposed_stake / 4

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        if trade.has_open_orders:
            return None
        if current_profit > 0.03 and trade.nr_of_successful_exits == 0:
            return -(trade.stake_amount / 2), "part"
        if current_profit < -0.02 * trade.nr_of_successful_entries:
            return trade.stake_amount / trade.nr_of_successful_entries
        return None

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit,
                        after_fill, **kwargs):  # fmt: skip
        if current_profit > 0.04:
            return stoploss_from_open(0.01, current_profit, trade.is_short, trade.leverage)
        return None

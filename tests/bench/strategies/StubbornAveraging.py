from PlainAveraging import PlainAveraging


class StubbornAveraging(PlainAveraging):
    """Buys more as the price falls, never sells at a loss, and has no stop."""

    stoploss = -0.99
    use_custom_stoploss = False
    use_exit_signal = False
    exit_profit_only = True

    def populate_entry_trend(self, dataframe, metadata):
        dataframe = super().populate_entry_trend(dataframe, metadata)
        dataframe["enter_tag"] = "dip" if metadata["pair"] < "X" else "other"
        return dataframe

    def confirm_trade_exit(self, pair, trade, order_type, amount, rate, *args, **kwargs):
        return trade.calc_profit_ratio(rate) > 0

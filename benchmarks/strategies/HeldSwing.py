from strategies.RsiSmaSwing import RsiSmaSwing


class HeldSwing(RsiSmaSwing):
    """`RsiSmaSwing` that asks itself everything, and neither enters nor leaves.

    For benchmarks/live_cycle.py, which enters by hand, and needs positions that stay.
    """

    def populate_entry_trend(self, dataframe, metadata):
        dataframe = super().populate_entry_trend(dataframe, metadata)
        dataframe[["enter_long", "enter_short"]] = 0
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        dataframe = super().populate_exit_trend(dataframe, metadata)
        dataframe[["exit_long", "exit_short"]] = 0
        return dataframe

    def leverage(self, *args, **kwargs):
        return 1.0

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, *args, **kw):
        return proposed_stake

    def confirm_trade_entry(self, *args, **kwargs):
        return True

    def custom_stoploss(self, *args, **kwargs):
        super().custom_stoploss(*args, **kwargs)

    def custom_exit(self, *args, **kwargs):
        super().custom_exit(*args, **kwargs)

    def custom_roi(self, *args, **kwargs):
        super().custom_roi(*args, **kwargs)

    def adjust_trade_position(self, *args, **kwargs):
        super().adjust_trade_position(*args, **kwargs)

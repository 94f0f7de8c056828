from freqtrade.strategy import IStrategy


class StoplessOpener(IStrategy):
    """Enters when it is asked to, and keeps its stop in the bot."""

    timeframe = "5m"
    can_short = True
    stoploss = -0.30
    minimal_roi = {"0": 100.0}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

from freqtrade.strategy import IStrategy


class AskedSignals(IStrategy):
    """Enters and leaves at the candles that the configuration's `script` names, by pair and row;
    knows nothing of Perpkit."""

    INTERFACE_VERSION = 3
    timeframe = "1h"
    startup_candle_count = 0
    can_short = True
    stoploss = -0.30
    minimal_roi = {"0": 100}

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        for column in ("enter_long", "enter_short", "exit_long", "exit_short"):
            dataframe[column] = 0
            rows = self.config["script"].get(metadata["pair"], {}).get(column, [])
            dataframe.loc[dataframe.index.isin(rows), column] = 1
        dataframe["enter_tag"] = "scripted"
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def leverage(self, *args, **kwargs):
        return self.config.get("asked_leverage", 1.0)

    def custom_entry_price(self, proposed_rate, **kwargs):
        return proposed_rate * self.config.get("asked_price", 1.0)

    def custom_stake_amount(self, proposed_stake, **kwargs):
        return proposed_stake * self.config.get("asked_stake", 1.0)

    def confirm_trade_entry(self, pair, *args, **kwargs):
        return pair not in self.config.get("denied", ())

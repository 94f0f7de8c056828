from freqtrade.strategy import IStrategy


class LiveOpener(IStrategy):
    """One position on the side that the configuration names, with its stop at the exchange.

    With `waits` in the configuration its entry rests away from the market. Out of it once `leave`
    appears in the user directory; told by a file, which survives a restart.
    """

    timeframe = "5m"
    can_short = True
    stoploss = -0.30
    minimal_roi = {"0": 100.0}
    order_types = {
        "entry": "limit",
        "exit": "limit",
        "stoploss": "market",
        "stoploss_on_exchange": True,
    }

    @property
    def left(self):
        return (self.config["user_data_dir"] / "leave").exists()

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        side = None if self.left else self.config["side"]
        dataframe["enter_long"] = int(side == "long")
        dataframe["enter_short"] = int(side == "short")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def leverage(self, *args, **kwargs):
        return 3.0

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kw):
        away = -0.01 if self.config.get("waits") else 0.002
        return proposed_rate * (1 + away if side == "long" else 1 - away)

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * (1.002 if trade.is_short else 0.998)

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "told" if self.left else None

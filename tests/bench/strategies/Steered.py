from freqtrade.strategy import IStrategy


class Steered(IStrategy):
    """Does what the test says: knows nothing of Perpkit.

    `side` opens a position ("long" or "short"), `leave` closes it, `crossing` takes what the book
    offers instead of waiting.
    """

    INTERFACE_VERSION = 3
    timeframe = "1m"
    startup_candle_count = 10
    can_short = True
    process_only_new_candles = False
    stoploss = -0.06
    minimal_roi = {"0": 100.0}
    order_types = {
        "entry": "limit",
        "exit": "limit",
        "emergency_exit": "market",
        "stoploss": "market",
        "stoploss_on_exchange": True,
        "stoploss_on_exchange_interval": 60,
    }

    side: str | None = None
    leave = False
    crossing = True

    def populate_indicators(self, dataframe, metadata):
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = int(self.side == "long")
        dataframe["enter_short"] = int(self.side == "short")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def leverage(self, *args, **kwargs):
        return 3.0

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kw):
        away = 0.001 if self.crossing else -0.001
        return proposed_rate * (1 + away if side == "long" else 1 - away)

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "told" if self.leave else None

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * (1.001 if trade.is_short else 0.999)

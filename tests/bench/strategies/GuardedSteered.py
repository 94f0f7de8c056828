from dataclasses import replace

import numpy as np
from freqtrade.strategy import stoploss_from_absolute

from perpkit.bot.live.rests import REST
from perpkit.bot.positions.parameters import Settings, Switches
from perpkit.bot.strategy import PerpStrategy


class GuardedSteered(PerpStrategy):
    """Does what the test says, as `Steered` does, on the base strategy without its breakers.

    `side` opens a position ("long" or "short"), `leave` closes it, `crossing` takes what the book
    offers instead of waiting, `trails` keeps the stop 2% behind the price instead of the entry.
    """

    timeframe = "1m"
    startup_candle_count = 10
    process_only_new_candles = False
    protections = ()
    settings = replace(
        Settings(), use=replace(Switches(), scale_out=False, carry=False, refresh=False)
    )

    side: str | None = None
    leave = False
    crossing = True
    trails = False

    def populate_indicators(self, dataframe, metadata):
        returns = np.log(dataframe["close"]).diff()
        dataframe["vol_1h"] = returns.rolling(9).std() * 60**0.5
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = int(self.side == "long")
        dataframe["enter_short"] = int(self.side == "short")
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def leverage(self, *args, **kwargs):
        return 3.0

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, *args, **kw):
        return proposed_stake

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kw):
        if entry_tag == REST:
            return super().custom_entry_price(
                pair, trade, current_time, proposed_rate, entry_tag, side
            )
        away = 0.001 if self.crossing else -0.001
        return proposed_rate * (1 + away if side == "long" else 1 - away)

    def custom_stoploss(
        self, pair, trade, current_time, current_rate, current_profit, after_fill, **kwargs
    ):
        if not (after_fill or self.trails):
            return None
        away = 1.02 if trade.is_short else 0.98
        start = current_rate if self.trails else trade.open_rate
        return stoploss_from_absolute(start * away, current_rate, trade.is_short, trade.leverage)

    def custom_roi(self, *args, **kwargs):
        return None

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "told" if self.leave else None

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * (1.001 if trade.is_short else 0.999)

import numpy as np

from perpkit.bot.live.rests import REST
from strategies.TargetBasket import TargetBasket


class BasketOfMinutes(TargetBasket):
    """`TargetBasket` on 1m candles without its breakers, whose orders take what the book offers."""

    timeframe = "1m"
    startup_candle_count = 10
    protections = ()

    def populate_indicators(self, dataframe, metadata):
        returns = np.log(dataframe["close"]).diff()
        dataframe["vol_1h"] = returns.rolling(9).std() * 60**0.5
        return dataframe

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side, **kw):
        if entry_tag == REST:
            return super().custom_entry_price(
                pair, trade, current_time, proposed_rate, entry_tag, side
            )
        return proposed_rate * (1.001 if side == "long" else 0.999)

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * (1.001 if trade.is_short else 0.999)

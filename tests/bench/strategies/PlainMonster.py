from datetime import timedelta

from freqtrade.enums import ExitCheckTuple, ExitType
from freqtrade.strategy import IStrategy


class PlainMonster(IStrategy):
    """Overrides every callback that Freqtrade has, and never wants to leave.

    Its names are those that a layer around it might like to use.
    """

    INTERFACE_VERSION = 3
    timeframe = "1h"
    startup_candle_count = 30
    can_short = True
    stoploss = -0.99
    use_custom_stoploss = True
    use_custom_roi = True
    use_exit_signal = False
    exit_profit_only = True
    position_adjustment_enable = True
    minimal_roi = {"0": 10.0}
    order_types = {"entry": "limit", "exit": "limit", "stoploss": "market",
                   "stoploss_on_exchange": False}  # fmt: skip

    def __init__(self, config):
        self.watch = self.refusals = self.attached = self._running = "mine"
        super().__init__(config)
        self.protections = [{"method": "CooldownPeriod", "stop_duration_candles": 2}]
        self.asked = {}

    def note(self, name):
        self.asked[name] = self.asked.get(name, 0) + 1

    def bot_start(self, **kwargs):
        self.note("bot_start")

    def bot_loop_start(self, current_time, **kwargs):
        self.note("bot_loop_start")

    def informative_pairs(self):
        return [("ETH/USDT:USDT", "1h")]

    def populate_indicators(self, dataframe, metadata):
        dataframe["mean"] = dataframe["close"].rolling(20).mean()
        return dataframe

    def populate_entry_trend(self, dataframe, metadata):
        dataframe["enter_long"] = (dataframe["close"] > dataframe["mean"]).astype(int)
        dataframe["enter_short"] = (dataframe["close"] < dataframe["mean"]).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        busy = dataframe["volume"] > 1.45 * dataframe["volume"].rolling(20).mean()
        dataframe["exit_long"] = dataframe["exit_short"] = busy.astype(int)
        return dataframe

    def leverage(self, pair, current_time, current_rate, proposed_leverage, max_leverage,
                 entry_tag, side, **kwargs):  # fmt: skip
        return 2.0 if side == "long" else 5.0

    def custom_stake_amount(self, pair, current_time, current_rate, proposed_stake, min_stake,
                            max_stake, leverage, entry_tag, side, **kwargs):  # fmt: skip
        return max(min_stake or 0.0, proposed_stake / 3)

    def custom_entry_price(self, pair, trade, current_time, proposed_rate, entry_tag, side,
                           **kwargs):  # fmt: skip
        return proposed_rate * (0.999 if side == "long" else 1.001)

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, current_profit,
                          exit_tag, **kwargs):  # fmt: skip
        if exit_tag == "tired":
            return proposed_rate * (0.999 if trade.is_short else 1.001)
        return proposed_rate * (0.5 if trade.is_short else 1.5)

    def confirm_trade_entry(self, pair, order_type, amount, rate, time_in_force, current_time,
                            entry_tag, side, **kwargs):  # fmt: skip
        return current_time.hour % 5 != 0

    def confirm_trade_exit(self, pair, trade, order_type, amount, rate, time_in_force,
                           exit_reason, current_time, **kwargs):  # fmt: skip
        return exit_reason in ("tired", "liquidation", "force_exit")

    def custom_exit(self, pair, trade, current_time, current_rate, current_profit, **kwargs):
        return "never asked"

    def custom_roi(self, pair, trade, current_time, trade_duration, entry_tag, side, **kwargs):
        return 0.5

    def custom_stoploss(self, pair, trade, current_time, current_rate, current_profit,
                        after_fill, **kwargs):  # fmt: skip
        return -0.6 if after_fill else None

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        if trade.nr_of_successful_entries < 3 and current_time.hour == 12:
            return trade.stake_amount / 5
        return None

    def adjust_entry_price(self, trade, order, pair, current_time, proposed_rate,
                           current_order_rate, entry_tag, side, **kwargs):  # fmt: skip
        return current_order_rate

    def adjust_exit_price(self, trade, order, pair, current_time, proposed_rate,
                          current_order_rate, entry_tag, side, **kwargs):  # fmt: skip
        return proposed_rate

    def check_entry_timeout(self, pair, trade, order, current_time, **kwargs):
        return current_time - order.order_date_utc > timedelta(hours=3)

    def check_exit_timeout(self, pair, trade, order, current_time, **kwargs):
        return True

    def order_filled(self, pair, trade, order, current_time, **kwargs):
        self.note("order_filled")

    def should_exit(self, trade, rate, current_time, *, enter, exit_, low=None, high=None,
                    force_stoploss=0):  # fmt: skip
        stock = super().should_exit(trade, rate, current_time, enter=enter, exit_=exit_, low=low,
                                    high=high, force_stoploss=force_stoploss)  # fmt: skip
        if current_time - trade.open_date_utc > timedelta(hours=30):
            return [*stock, ExitCheckTuple(exit_type=ExitType.CUSTOM_EXIT, exit_reason="tired")]
        return stock

    def version(self):
        return "1"

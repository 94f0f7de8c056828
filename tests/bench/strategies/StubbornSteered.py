from Steered import Steered


class StubbornSteered(Steered):
    """Does not leave by anything of its own, and asks a price that nobody pays."""

    use_exit_signal = False
    exit_profit_only = True
    position_adjustment_enable = True

    def confirm_trade_exit(self, *args, **kwargs):
        return False

    def custom_exit_price(self, pair, trade, current_time, proposed_rate, **kwargs):
        return proposed_rate * 1.5

    def should_exit(self, *args, **kwargs):
        return []

    def adjust_trade_position(self, trade, current_time, current_rate, current_profit, **kwargs):
        return trade.stake_amount if getattr(self, "adds", False) else None

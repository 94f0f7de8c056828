from dataclasses import replace

from RandomSwing import RandomSwing

from perpkit.bot.layer.breaker_parameters import default_breakers
from perpkit.bot.positions.parameters import Settings, Switches

# What would halt until an operator clears it, or block for days; the faults gap the price daily.
_NEVER_HALTS = {"open_loss": 0, "high_water_loss": 0, "week_loss": 0, "streak_losses": 0}


class Enduring(RandomSwing):
    """`RandomSwing` in candles of 5m, with every breaker and part, for `python -m tests.endurance`.

    `closing` leaves all positions and enters none.
    """

    timeframe = "5m"
    # Trades of an hour and a half, and as long without one.
    entering, leaving = 0.02, 0.03
    settings = replace(Settings(), use=replace(Switches(), slicing=True, alerts=True, targets=True))

    closing = False

    @property
    def protections(self):
        breakers = default_breakers(lambda name: getattr(self, name).value)
        return [
            {**each, **(_NEVER_HALTS if each["method"] == "DrawdownBreaker" else {})}
            for each in breakers
        ]

    def populate_entry_trend(self, dataframe, metadata):
        drawn = self.drawn(metadata, dataframe)
        dataframe["enter_long"] = (drawn < self.entering).astype(int)
        dataframe["enter_short"] = (drawn > 1 - self.entering).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        drawn = self.drawn(metadata, dataframe)
        dataframe["exit_long"] = (abs(drawn - 0.5) < self.leaving).astype(int)
        dataframe["exit_short"] = (abs(drawn - 0.6) < self.leaving).astype(int)
        return dataframe

    def confirm_trade_entry(self, *args, **kwargs):
        return not self.closing and super().confirm_trade_entry(*args, **kwargs)

    def custom_exit(self, *args, **kwargs):
        return "the end" if self.closing else super().custom_exit(*args, **kwargs)

from freqtrade.strategy import BooleanParameter, CategoricalParameter, DecimalParameter
from pandas import DataFrame

from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.layer.warm_up import Need
from perpkit.bot.strategy import PerpStrategy
from perpkit.signals import funding_tide, rsi_sma
from perpkit.signals.conditions import Condition, Conditions
from perpkit.signals.confidence import ConfidenceRule, confidence, tag
from perpkit.signals.funding_tide import ExitOn, TideRule


class FundingTide(PerpStrategy):
    """Enters the side that receives extreme funding when the price is stretched, with the trend.

    See docs/evidence/strategies.md for its results, and for those of fading without the trend.
    """

    timeframe = "1h"
    # SMA(200), and as many again for the average true range to converge.
    startup_candle_count = 400

    rules = (TideRule,)
    scored_tags = frozenset({"funding_tide"})
    plot_config = plot_config(means=("mean_48",), beside={"Stretch": "stretch", "Trend": "trend"})
    meanings = PerpStrategy.meanings | {
        "with_trend": "Whether the side that is taken must be the trend's",
        "exit_on": "What must be back at its middle for the exit: funding, price, either or both",
    }

    funding_rank = DecimalParameter(0.80, 0.99, default=0.90, decimals=2, space="buy")
    funding_floor_8h = DecimalParameter(0.0, 0.0005, default=0.00005, decimals=5, space="buy")
    stretch = DecimalParameter(0.5, 2.5, default=1.0, decimals=1, space="buy")
    with_trend = BooleanParameter(default=True, space="buy")
    # What a trade is expected to earn and to cost is set, not optimised.
    reversion = DecimalParameter(0.0, 0.5, default=0.2, decimals=2, space="buy", optimize=False)
    costs = DecimalParameter(0.0, 0.01, default=0.0014, decimals=4, space="buy", optimize=False)

    exit_on = CategoricalParameter([str(e) for e in ExitOn], default="both", space="sell")

    def candles_needed(self) -> list[Need]:
        own = [Need("the stretch of the price", funding_tide.MEAN_PERIOD)]
        if self.with_trend.value:
            own.append(Need("the trend", rsi_sma.TREND_PERIODS[-1]))
        return [*super().candles_needed(), *own]

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        dataframe = super().populate_indicators(dataframe, metadata)
        dataframe = dataframe.join(funding_tide.indicators(dataframe))
        dataframe["trend"] = rsi_sma.trend(rsi_sma.indicators(dataframe))
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        long, short = funding_tide.entries(dataframe, self._rule())
        if self.with_trend.value:
            long &= dataframe["trend"] > 0
            short &= dataframe["trend"] < 0
        long_score, short_score = confidence(dataframe, ConfidenceRule())
        dataframe["enter_long"] = long.astype(int)
        dataframe["enter_short"] = short.astype(int)
        dataframe["enter_tag"] = tag("funding_tide", long_score.where(long, short_score))
        return dataframe

    def entry_conditions(self, dataframe: DataFrame) -> Conditions:
        """Returns what a candle must meet for an entry, for the decision log."""
        found = funding_tide.conditions(dataframe, self._rule())
        if self.with_trend.value:
            trend = dataframe["trend"]
            found["long"].append(Condition("an upward trend, 1", trend > 0, trend))
            found["short"].append(Condition("a downward trend, -1", trend < 0, trend))
        return found

    def _rule(self) -> TideRule:
        return TideRule(
            funding_rank=self.funding_rank.value,
            funding_floor_8h=self.funding_floor_8h.value,
            stretch=self.stretch.value,
            reversion=self.reversion.value,
            costs=self.costs.value,
        )

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        long, short = funding_tide.exits(dataframe, ExitOn(self.exit_on.value))
        dataframe["exit_long"] = long.astype(int)
        dataframe["exit_short"] = short.astype(int)
        return dataframe

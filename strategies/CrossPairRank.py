from typing import Any

import pandas as pd

from perpkit.bot.candles.plot_config import plot_config
from perpkit.bot.candles.rank_columns import RankColumns
from perpkit.bot.positions.ranking import RankSettings
from perpkit.bot.settings import overridden
from perpkit.bot.slow_strategy import SHARED_RISK, SlowStrategy
from perpkit.market.columns import with_columns
from perpkit.signals.cross_rank import CrossRank


class CrossPairRank(SlowStrategy):
    """Long the strongest of many pairs and short the weakest; see docs/strategies.md.

    The pairs that are compared come from the configuration: `"perpkit": {"ranking": {...}}`.
    """

    source = CrossRank()
    settings = overridden(RankSettings(exposure=SHARED_RISK), source.risk, "risk")
    plot_config = plot_config(beside={"Rank": "strength_rank"})

    def bot_start(self, **kwargs: Any) -> None:
        super().bot_start(**kwargs)
        least = self.present_settings().ranking.min_pairs
        self._ranks = RankColumns(self._perpkit.feed, self.timeframe, least)

    def informative_pairs(self) -> list[tuple[str, str, str]]:
        own = super().informative_pairs()
        compared = [(pair, self.timeframe, "") for pair in self._compared()]
        funding = [(pair, "1h", "funding_rate") for pair in self._compared()]
        return [*own, *(each for each in (*compared, *funding) if each not in own)]

    def populate_indicators(self, dataframe: pd.DataFrame, metadata: dict) -> pd.DataFrame:
        dataframe = super().populate_indicators(dataframe, metadata)
        ranks = self._ranks.columns(dataframe, metadata["pair"], self._compared())
        return with_columns(dataframe, ranks)

    def _compared(self) -> list[str]:
        # Of the settings only this one, since hyperopt warns of parameters that indicators read.
        given = self.present_settings("ranking.pairs").ranking.pairs
        return list(given or self._traded_pairs())

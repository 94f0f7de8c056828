import json
from functools import cached_property
from pathlib import Path

import pandas as pd
from freqtrade.exchange import timeframe_to_seconds
from freqtrade.strategy import IStrategy
from pandas import DataFrame


class Replayed(IStrategy):
    """Opens and closes the trades of a file in their candles, without a callback.

    What the same trades cost Freqtrade alone. The configuration's "replayed" names the file.
    """

    timeframe = "1h"
    can_short = True
    startup_candle_count = 400
    stoploss = -0.99
    minimal_roi = {"0": 100.0}

    @cached_property
    def trades(self) -> list[dict]:
        return json.loads(Path(self.config["replayed"]).read_text())

    def populate_indicators(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return dataframe

    def populate_entry_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return self._signal(dataframe, metadata["pair"], "enter", "open_timestamp")

    def populate_exit_trend(self, dataframe: DataFrame, metadata: dict) -> DataFrame:
        return self._signal(dataframe, metadata["pair"], "exit", "close_timestamp")

    def _signal(self, dataframe: DataFrame, pair: str, what: str, when: str) -> DataFrame:
        """The signal is of the candle before."""
        before = pd.Timedelta(seconds=timeframe_to_seconds(self.timeframe))
        for side in ("long", "short"):
            times = [
                pd.Timestamp(trade[when], unit="ms", tz="UTC") - before
                for trade in self.trades
                if trade["pair"] == pair and trade["is_short"] == (side == "short")
            ]
            dataframe[f"{what}_{side}"] = dataframe["date"].isin(times).astype(int)
        return dataframe

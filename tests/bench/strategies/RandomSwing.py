import hashlib

import numpy as np

from perpkit.bot.strategy import PerpStrategy


class RandomSwing(PerpStrategy):
    """Enters and leaves at random; sizes, stops and parts are the package's."""

    timeframe = "1h"
    startup_candle_count = 30

    def drawn(self, metadata, dataframe):
        """A number from 0 to 1 for each candle; the same for the same seed, pair and time."""
        texts = (
            f"{self.config['random_trades']} {metadata['pair']} {at}" for at in dataframe["date"]
        )
        digests = (hashlib.sha256(text.encode()).hexdigest()[:8] for text in texts)
        return np.array([int(digest, 16) / 2**32 for digest in digests])

    def populate_entry_trend(self, dataframe, metadata):
        drawn = self.drawn(metadata, dataframe)
        dataframe["enter_long"] = (drawn < 0.1).astype(int)
        dataframe["enter_short"] = (drawn > 0.9).astype(int)
        return dataframe

    def populate_exit_trend(self, dataframe, metadata):
        drawn = self.drawn(metadata, dataframe)
        dataframe["exit_long"] = (abs(drawn - 0.5) < 0.01).astype(int)
        dataframe["exit_short"] = (abs(drawn - 0.6) < 0.01).astype(int)
        return dataframe

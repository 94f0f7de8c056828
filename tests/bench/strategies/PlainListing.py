from PlainTrend import PlainTrend


class PlainListing(PlainTrend):
    """Knows nothing of Perpkit but the names of two of its breakers."""

    @property
    def protections(self):
        return [
            {"method": "CooldownPeriod", "stop_duration_candles": 1},
            {"method": "FlashCrashBreaker", "windows": [[60, 0.15]]},
            {"method": "DrawdownBreaker", "open_loss": 0.001, "confirm": 1},
        ]

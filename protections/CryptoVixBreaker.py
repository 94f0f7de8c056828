from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import CandleType
from freqtrade.exceptions import ConfigurationError

from perpkit.bot.protection import WatchedProtection, only_known_keys
from perpkit.bot.sources import Sources
from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.volatility import VolatilityLimits, VolatilityTimeline, timeline

TIMEFRAME = "1h"
# Freqtrade calls candles outdated from two candles and five minutes on.
STALE_AFTER = timedelta(hours=2, minutes=5)


class CryptoVixBreaker(WatchedProtection):
    """Blocks new entries while the volatility of one market, usually BTC, stands extremely high.

    Parameters: those of `perpkit.breakers.volatility.VolatilityLimits`, and `pair`, the market that
    is watched. Figures and tuning: docs/crypto_vix.md.
    """

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        super().__init__(config, protection_config)
        known = {field.name for field in fields(VolatilityLimits)} - {"asset"}
        parameters = only_known_keys(self.name, protection_config, known | {"pair"})
        self._pair = parameters.pop(
            "pair", f"BTC/{config['stake_currency']}:{config['stake_currency']}"
        )
        try:
            self._limits = VolatilityLimits(**parameters, asset=self._pair.split("/")[0])
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{self.name}: {error}") from error
        self._candles: pd.DataFrame | None = None
        self._timeline: VolatilityTimeline | None = None

    def informative_pairs(self, pairs: Sequence[str]) -> list[tuple[str, str]]:
        return [(self._pair, TIMEFRAME)]

    def short_desc(self) -> str:
        limits = self._limits
        return (
            f"{self.name} - No entries while {self._pair} volatility is in the top "
            f"{100 - limits.stressed_percentile:g}% of {limits.window_days} days, until "
            f"{limits.calm_candles} calm hours."
        )

    def evaluate(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        warm_up = timedelta(hours=self._limits.history_hours)
        candles = sources.candles.history(self._pair, TIMEFRAME, CandleType.FUTURES, warm_up)
        if candles is not self._candles or self._timeline is None:
            self._timeline = timeline(self._limits, candles)
            self._candles = candles
        last_close = self._timeline.last_close
        if last_close is None or now - last_close > STALE_AFTER:
            seen = (
                f"the last closed at {last_close:%Y-%m-%d %H:%M} UTC" if last_close else "none seen"
            )
            return [
                Decision(
                    Trading.REDUCING,
                    size_factor=0.0,
                    reason=f"no current candles of {self._pair} ({seen}): no new entries",
                )
            ]
        return [self._timeline.at(now)]

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import CandleType
from freqtrade.exceptions import ConfigurationError, ExchangeError

from perpkit.bot.settings import only_known_keys
from perpkit.bot.watching.protection import WatchedProtection
from perpkit.bot.watching.sources import Sources
from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.funding import FundingLimits, FundingTimeline

logger = logging.getLogger(__name__)


class FundingBreaker(WatchedProtection):
    """Blocks new entries, pair by pair, on the side that pays extreme or too costly funding.

    Parameters: those of `FundingLimits` in `perpkit.breakers.funding`. Figures:
    docs/funding_breaker.md.
    """

    LIMITS = (FundingLimits,)
    REPLAYS = True
    has_global_stop = False

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        super().__init__(config, protection_config)
        given = only_known_keys(self.name, protection_config, self.parameters())
        try:
            self._limits = FundingLimits(**given)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{self.name}: {error}") from error
        self._lines: dict[str, tuple[pd.DataFrame, FundingTimeline]] = {}
        self._said: set[str] = set()

    def short_desc(self) -> str:
        limits = self._limits
        return (
            f"{self.name} - No entries on the side of a pair that pays funding in the top "
            f"{100 - limits.extreme_percentile:g}% of {limits.window_days} days and "
            f"{limits.floor_8h:.3%} per 8 h, or a predicted {limits.expected_edge:.2%} over "
            f"{limits.holding_hours:g} h."
        )

    def evaluate(self, sources: Sources, now: datetime) -> list[Decision]:
        return [decision for pair in sources.pairs for decision in self._of(pair, sources, now)]

    def quiet_until(self, sources: Sources, now: datetime) -> datetime:
        lines = (self._lines[pair][1] for pair in sources.pairs)
        return min((line.quiet_until(now) for line in lines), default=now)

    def _of(self, pair: str, sources: Sources, now: datetime) -> Sequence[Decision]:
        known = self._lines.get(pair)
        if known is not None and self._simulated:  # all of them are there from the start
            return known[1].at(now)
        history = self._limits.history
        try:
            rates = sources.candles.history(pair, "1h", CandleType.FUNDING_RATE, history)
        except ExchangeError as error:
            reason = f"funding rates could not be fetched ({error}): no new entries"
            return [Decision(Trading.REDUCING, 0.0, reason=reason, pair=pair)]
        if known is None or known[0] is not rates:
            known = self._lines[pair] = rates, self._timeline(pair, rates)
        return known[1].at(now)

    def _timeline(self, pair: str, rates: pd.DataFrame) -> FundingTimeline:
        if rates.empty:
            if pair not in self._said:
                logger.warning(f"{self.name}: no funding rates of {pair}, so none are extreme.")
            self._said.add(pair)
            rates = pd.DataFrame({"date": pd.DatetimeIndex([], tz="UTC"), "funding_rate": []})
        return FundingTimeline(self._limits, pair, rates)

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import CandleType
from freqtrade.exceptions import TemporaryError

from perpkit.bot.candles.known_funding import NO_RATES, KnownFunding
from perpkit.bot.watching.candle_breaker import CandleBreaker
from perpkit.bot.watching.sources import Sources
from perpkit.breakers import funding
from perpkit.breakers.breaker import Decision
from perpkit.breakers.funding import FundingLimits, FundingTimeline

logger = logging.getLogger(__name__)


class FundingBreaker(CandleBreaker[FundingTimeline]):
    """Blocks new entries, pair by pair, on the side that pays extreme or too costly funding.

    Parameters: those of `FundingLimits` in `perpkit.breakers.funding`. Figures:
    docs/funding_breaker.md.
    """

    LIMITS = (FundingLimits,)
    REPLAYS = True
    CANDLES = CandleType.FUNDING_RATE
    DATA = "funding rates"
    has_global_stop = False

    limits: FundingLimits

    def configure(self, config: Config, given: dict[str, Any]) -> None:
        super().configure(config, given)
        self.timeframe = "1h"
        self._warned: set[str] = set()

    def informative_pairs(self, pairs: Sequence[str]) -> list[tuple[str, str]]:
        return []  # a futures bot already has the funding rates of its pairs

    def short_desc(self) -> str:
        limits = self.limits
        return (
            f"{self.name} - No entries on the side of a pair that pays funding in the top "
            f"{100 - limits.extreme_percentile:g}% of {limits.window_days} days and "
            f"{limits.floor_8h:.3%} per 8 h, or a predicted {limits.expected_edge:.2%} over "
            f"{limits.holding_hours:g} h."
        )

    def candles(self, pair: str, sources: Sources) -> pd.DataFrame:
        rates = super().candles(pair, sources)
        # Freqtrade logs an error of its refresh and has no frame then; that of a pair which never
        # had a rate has columns (tests/contract/test_strategy_seams.py).
        if not self.simulated and rates.columns.empty:
            raise TemporaryError("Freqtrade has none yet, see its log")
        return rates

    def data(self, pair: str, sources: Sources) -> Sequence[Any]:
        return self.candles(pair, sources), sources.candles.funding

    def timeline(self, pair: str, rates: pd.DataFrame, known: KnownFunding) -> FundingTimeline:
        if rates.empty:
            if pair not in self._warned:
                logger.warning(f"{self.name}: no funding rates of {pair}, so none are extreme.")
            self._warned.add(pair)
            rates = NO_RATES
        return funding.timeline(self.limits, pair, known.readings(pair, rates, self.limits.rule))

    def same_until(self, sources: Sources, now: datetime) -> datetime:
        lines = [self.line(pair, sources) for pair in self.watched(sources.pairs)]
        return min((line.same_until(now) for line in lines), default=now)

    def stale(self, *_: Any) -> Iterator[Decision]:
        return iter(())  # the timeline knows when the next rate is due

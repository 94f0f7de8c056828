import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from freqtrade.constants import Config

from perpkit.bot.watching.candle_breaker import CandleBreaker, checked_pair
from perpkit.bot.watching.dvol import STALE_AFTER, URL, Dvol
from perpkit.bot.watching.protection import limits_of
from perpkit.bot.watching.sources import Sources
from perpkit.breakers.breaker import ALL_PAIRS, Decision
from perpkit.breakers.volatility import (
    VolatilityLimits,
    VolatilityTimeline,
    index_timeline,
    timeline,
)
from perpkit.market.basket import HourlyIndex, basket_index, check_weights
from perpkit.market.benchmark import benchmark_pair

logger = logging.getLogger(__name__)

TIMEFRAME = "1h"


class CryptoVixBreaker(CandleBreaker[VolatilityTimeline]):
    """Blocks new entries while the volatility of the market, usually BTC's, stands extremely high.

    Parameters: those of `perpkit.breakers.volatility.VolatilityLimits`; `pair`, the market that is
    watched, or `basket`, several of them, as a list or with weights; `dvol`, whether Deribit's
    index is watched beside it, and `dvol_url`. Figures and tuning: docs/crypto_vix.md.
    """

    LIMITS = (VolatilityLimits,)
    DERIVED = frozenset({"asset"})
    BESIDE = frozenset({"pair", "basket", "dvol", "dvol_url"})
    REPLAYS = True

    limits: VolatilityLimits
    stale_after = STALE_AFTER

    def configure(self, config: Config, given: dict[str, Any]) -> None:
        self.timeframe = TIMEFRAME
        self._weights = _members(given, benchmark_pair(config["stake_currency"]))
        self._market = ", ".join(self._weights)
        bases = [pair.split("/")[0] for pair in self._weights]
        asset = ", ".join(bases) if len(bases) < 4 else f"basket of {len(bases)}:"
        dvol, url = given.get("dvol", False), given.get("dvol_url", URL)
        if not isinstance(dvol, bool):
            raise ValueError(f"dvol must be true or false, got {dvol!r}")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            raise ValueError(f"dvol_url must be an address such as {URL}, got {url!r}")
        self.limits = limits_of(VolatilityLimits, given, asset=asset)
        # A backtest has candles only.
        warm_up = timedelta(days=self.limits.window_days)
        self._dvol = Dvol(bases[0], warm_up, url=url) if dvol and not self.simulated else None
        if dvol and self.simulated:
            logger.warning(f"{self.name}: no DVOL in backtests, candles decide alone.")
        self._implied: tuple[HourlyIndex, VolatilityTimeline] | None = None
        self._without_dvol = False

    def watched(self, pairs: Sequence[str]) -> Sequence[str]:
        return list(self._weights)

    def short_desc(self) -> str:
        limits = self.limits
        return (
            f"{self.name} - No entries while {self._market} volatility is in the top "
            f"{100 - limits.stressed_percentile:g}% of {limits.window_days} days, until "
            f"{limits.calm_candles} calm hours{', or DVOL is' if self._dvol else ''}."
        )

    def evaluate(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        line = self.line(self._market, sources)
        stale = list(self.stale(line, now, self._market, ALL_PAIRS))
        if stale:
            return stale
        implied = self._from_options(now)
        lines = [line, implied] if implied else [line]
        return [decision for one in lines for decision in one.restrictions(now)]

    def quiet_until(self, sources: Sources, now: datetime) -> datetime:
        line = self.line(self._market, sources)
        return min(line.quiet_until(now), self.stale_from(line, now))

    def same_until(self, sources: Sources, now: datetime) -> datetime:
        line = self.line(self._market, sources)
        return min(line.same_until(now), self.stale_from(line, now))

    def data(self, pair: str, sources: Sources) -> list[pd.DataFrame]:
        return [self.candles(member, sources) for member in self._weights]

    def timeline(self, pair: str, *candles: pd.DataFrame) -> VolatilityTimeline:
        if len(candles) == 1:
            return timeline(self.limits, candles[0])
        frames = dict(zip(self._weights, candles, strict=True))
        how = self.limits.estimator, self.limits.half_life_hours
        return index_timeline(self.limits, basket_index(frames, self._weights, *how))

    def _from_options(self, now: datetime) -> VolatilityTimeline | None:
        if self._dvol is None:
            return None
        index = self._dvol.index(now)
        if (index is None) is not self._without_dvol:
            self._without_dvol = index is None
            logger.warning(
                f"{self.name}: {'no current DVOL' if index is None else 'DVOL is back'}, "
                f"{'candles decide alone' if index is None else 'it decides with the candles'}."
            )
        if index is None:
            return None
        if self._implied is None or self._implied[0] is not index:
            limits = replace(self.limits, asset=f"{self.limits.asset.split(',')[0]} implied")
            self._implied = index, index_timeline(limits, index)
        return self._implied[1]


def _members(given: dict[str, Any], default: str) -> dict[str, float]:
    """The watched pairs and their weights."""
    if "basket" not in given:
        return {checked_pair("pair", given.get("pair", default)): 1.0}
    if "pair" in given:
        raise ValueError("pair must not be given beside basket")
    basket = given["basket"]
    if not isinstance(basket, list | dict):
        raise ValueError(f"basket must be a list of pairs, or pairs with weights, got {basket!r}")
    for pair in basket:
        checked_pair("pairs of basket", pair)
    members = basket if isinstance(basket, dict) else dict.fromkeys(basket, 1.0)
    check_weights(members)
    return members

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from operator import is_
from typing import Any

import pandas as pd
from freqtrade.constants import Config
from freqtrade.enums import CandleType
from freqtrade.exceptions import ConfigurationError

from perpkit.bot.settings import only_known_keys
from perpkit.bot.watching.dvol import URL, Dvol
from perpkit.bot.watching.protection import WatchedProtection
from perpkit.bot.watching.sources import Sources
from perpkit.breakers.breaker import Decision, Trading
from perpkit.breakers.volatility import (
    VolatilityLimits,
    VolatilityTimeline,
    index_timeline,
    timeline,
)
from perpkit.market.basket import HourlyIndex, basket_index, check_weights

logger = logging.getLogger(__name__)

TIMEFRAME = "1h"
# Freqtrade calls candles outdated from two candles and five minutes on.
STALE_AFTER = timedelta(hours=2, minutes=5)


class CryptoVixBreaker(WatchedProtection):
    """Blocks new entries while the volatility of the market, usually BTC's, stands extremely high.

    Parameters: those of `perpkit.breakers.volatility.VolatilityLimits`; `pair`, the market that is
    watched, or `basket`, several of them, as a list or with weights; `dvol`, whether Deribit's
    index is watched beside it, and `dvol_url`. Figures and tuning: docs/crypto_vix.md.
    """

    LIMITS = (VolatilityLimits,)
    DERIVED = frozenset({"asset"})
    BESIDE = frozenset({"pair", "basket", "dvol", "dvol_url"})
    REPLAYS = True

    def __init__(self, config: Config, protection_config: dict[str, Any]) -> None:
        super().__init__(config, protection_config)
        parameters = only_known_keys(self.name, protection_config, self.parameters())
        stake = config["stake_currency"]
        try:
            self._weights = _members(parameters, f"BTC/{stake}:{stake}")
            bases = [pair.split("/")[0] for pair in self._weights]
            asset = ", ".join(bases) if len(bases) < 4 else f"basket of {len(bases)}:"
            dvol, url = parameters.pop("dvol", False), parameters.pop("dvol_url", URL)
            if not isinstance(dvol, bool):
                raise ValueError(f"dvol must be true or false, got {dvol!r}")
            self._limits = VolatilityLimits(**parameters, asset=asset)
            # A backtest has candles only.
            warm_up = timedelta(hours=self._limits.window_days * 24)
            live = dvol and not self._simulated
            self._dvol = Dvol(bases[0], warm_up, url=url) if live else None
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{self.name}: {error}") from error
        if dvol and self._simulated:
            logger.warning(f"{self.name}: no DVOL in backtests, candles decide alone.")
        self._candles: list[pd.DataFrame] = []
        self._timeline: VolatilityTimeline | None = None
        self._implied: tuple[HourlyIndex, VolatilityTimeline] | None = None
        self._without_dvol = False

    def informative_pairs(self, pairs: Sequence[str]) -> list[tuple[str, str]]:
        return [(pair, TIMEFRAME) for pair in self._weights]

    def short_desc(self) -> str:
        limits = self._limits
        watched = ", ".join(self._weights)
        return (
            f"{self.name} - No entries while {watched} volatility is in the top "
            f"{100 - limits.stressed_percentile:g}% of {limits.window_days} days, until "
            f"{limits.calm_candles} calm hours{', or DVOL is' if self._dvol else ''}."
        )

    def evaluate(self, sources: Sources, now: datetime) -> Sequence[Decision]:
        line = self._from_candles(sources)
        last_close = line.last_close
        if last_close is None or now - last_close > STALE_AFTER:
            seen = (
                f"the last closed at {last_close:%Y-%m-%d %H:%M} UTC" if last_close else "none seen"
            )
            return [
                Decision(
                    Trading.REDUCING,
                    size_factor=0.0,
                    reason=f"no current candles of {', '.join(self._weights)} ({seen}): "
                    "no new entries",
                )
            ]
        implied = self._from_options(now)
        lines = [line, implied] if implied else [line]
        return [one.at(now) for one in lines if one.restricts(now)]

    def quiet_until(self, sources: Sources, now: datetime) -> datetime:
        line = self._from_candles(sources)
        stale = line.last_close + STALE_AFTER if line.last_close else now
        return min(line.quiet_until(now), max(stale, now))

    def _from_candles(self, sources: Sources) -> VolatilityTimeline:
        warm_up = timedelta(hours=self._limits.history_hours)
        candles = [
            sources.candles.history(pair, TIMEFRAME, CandleType.FUTURES, warm_up)
            for pair in self._weights
        ]
        known = len(candles) == len(self._candles) and all(map(is_, candles, self._candles))
        if not known or self._timeline is None:
            self._candles, self._timeline = candles, self._measure(candles)
        return self._timeline

    def _measure(self, candles: list[pd.DataFrame]) -> VolatilityTimeline:
        if len(candles) == 1:
            return timeline(self._limits, candles[0])
        frames = dict(zip(self._weights, candles, strict=True))
        how = self._limits.estimator, self._limits.half_life_hours
        return index_timeline(self._limits, basket_index(frames, self._weights, *how))

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
            limits = replace(self._limits, asset=f"{self._limits.asset.split(',')[0]} implied")
            self._implied = index, index_timeline(limits, index)
        return self._implied[1]


def _members(parameters: dict[str, Any], default: str) -> dict[str, float]:
    """The watched pairs and their weights, taken out of the parameters."""
    if "basket" not in parameters:
        return {parameters.pop("pair", default): 1.0}
    if "pair" in parameters:
        raise ValueError("pair must not be given beside basket")
    basket = parameters.pop("basket")
    if not isinstance(basket, list | dict):
        raise ValueError(f"basket must be a list of pairs, or pairs with weights, got {basket!r}")
    members = basket if isinstance(basket, dict) else dict.fromkeys(basket, 1.0)
    check_weights(members)
    return members

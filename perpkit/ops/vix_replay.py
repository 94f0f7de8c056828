"""Replays the levels of the crypto-VIX on all stored candles at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from perpkit.breakers.stretches import Stretch
from perpkit.durations import HOUR
from perpkit.ops.stored import BadInputError
from perpkit.ops.stretches import print_table

# pandas and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.breakers.volatility import VolatilityLimits, VolatilityTimeline

VIX = "CryptoVixBreaker"
ALMOST_HOUR = timedelta(minutes=59, seconds=59)  # time ranges are in whole seconds


@dataclass(frozen=True)
class LevelReplay:
    """The result of a replay.

    :param blocked_share: of the hours in which entries were blocked
    :param stretches: each at one level above calm
    """

    start: datetime
    stop: datetime
    blocked_share: float
    stretches: list[Stretch]


def level_limits(parameters: Mapping[str, Any], asset: str) -> VolatilityLimits:
    """Creates the limits of the levels from a breaker's parameters.

    :raises BadInputError: for parameters that the levels do not have, or values that they refuse
    """
    from freqtrade.exceptions import ConfigurationError

    from perpkit.bot.settings import only_known_keys
    from perpkit.breakers.volatility import VolatilityLimits

    known = {field.name for field in fields(VolatilityLimits)} - {"asset"}
    try:
        return VolatilityLimits(**only_known_keys(VIX, dict(parameters), known), asset=asset)
    except ConfigurationError as error:
        raise BadInputError(f"{error} Others need --breaker {VIX}.") from error
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{VIX}: {error}") from error


def summarise(
    decisions: VolatilityTimeline, start: datetime | None, stop: datetime | None
) -> LevelReplay:
    """Returns stretches and blocked share between `start` and `stop`, as far as candles reach.

    :raises BadInputError: if no candle lies in the range
    """
    import numpy as np

    from perpkit.market.volatility import hour_of, time_of

    first_open, last_close = decisions.first_close - 1, decisions.first_close - 1 + len(decisions)
    # An hour counts if it begins inside the range.
    begin = first_open if start is None else max(hour_of(start + ALMOST_HOUR), first_open)
    end = last_close if stop is None else min(hour_of(stop + ALMOST_HOUR), last_close)
    if begin >= end:
        asked = "-".join(f"{end:%Y%m%d}" if end else "" for end in (start, stop))
        raise BadInputError(
            f"timerange must overlap the stored candles ({time_of(first_open):%Y%m%d}-"
            f"{time_of(last_close):%Y%m%d}), got {asked}"
        )
    # The level in force during an hour is the one of the candle that closed as the hour began.
    level = np.concatenate(([0], decisions.level))[begin - first_open : end - first_open]
    blocked = np.concatenate(([False], decisions.entries_blocked))
    return LevelReplay(
        time_of(begin),
        time_of(end),
        float(blocked[begin - first_open : end - first_open].mean()),
        list(_stretches(decisions, level, begin)),
    )


def _stretches(decisions: VolatilityTimeline, level: Any, begin: int) -> Iterator[Stretch]:
    import numpy as np

    from perpkit.market.volatility import time_of

    edges = [0, *(np.flatnonzero(np.diff(level)) + 1).tolist(), len(level)]
    for first, after in pairwise(edges):
        if level[first]:
            start = time_of(begin + first)
            decision = decisions.at(start)
            until = time_of(begin + after)
            yield Stretch(start, until, str(decision.level), decision.reason, VIX)


def print_levels(pair: str, result: LevelReplay) -> None:
    blocked = round(result.blocked_share * ((result.stop - result.start) / HOUR))
    closing = (
        f"{pair} {result.start:%Y-%m-%d %H:%M} to {result.stop:%Y-%m-%d %H:%M}: "
        f"{len(result.stretches)} intervals above calm, entries blocked {blocked} hours "
        f"({result.blocked_share:.1%})"
    )
    print_table(result.stretches, closing, level="level")

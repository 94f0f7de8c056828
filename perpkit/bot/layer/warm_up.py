"""How many candles a strategy needs, and how many a running bot has.

A backtest has the whole history behind its first trade, so a strategy can trade there and never
enter live. Freqtrade fetches `startup_candle_count` candles in as many requests as that takes, at
most five; then each closed candle is added, until it has one request more than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

# Requests for one pair at the start, above which Freqtrade refuses to run.
MOST_REQUESTS = 5


@dataclass(frozen=True)
class Need:
    """Candles that a strategy needs behind the newest one, that one included.

    :param what: is unknown with fewer, such as `the 4h trend`
    :param candles: of the strategy's timeframe
    :param else_: what happens without it
    :param vital: nothing is ever entered without it
    """

    what: str
    candles: int
    else_: str = "nothing is entered without it"
    vital: bool = True


@dataclass(frozen=True)
class Supply:
    """The candles of each pair that a running bot has.

    :param startup: "startup_candle_count"
    :param at_start: of its first cycle
    :param most: it ever has
    :param allowed: the largest "startup_candle_count" that Freqtrade accepts
    """

    startup: int
    at_start: int
    most: int
    allowed: int


def supply(startup: int, per_request: int, *, has_history: bool = True) -> Supply:
    """Returns what Freqtrade fetches and keeps.

    :param per_request: candles that the exchange returns at once
    :param has_history: whether the exchange returns older ones than that

    >>> supply(400, 499)
    Supply(startup=400, at_start=498, most=899, allowed=2494)
    """
    requests = ceil((startup + 1) / per_request) if has_history else 1
    allowed = (MOST_REQUESTS if has_history else 1) * per_request - 1
    # One of those that are fetched has not closed yet.
    return Supply(startup, requests * per_request - 1, per_request + startup, allowed)


def never(needs: Iterable[Need], has: Supply, timeframe: str) -> list[tuple[Need, str]]:
    """Returns the needs that no running bot with this supply can meet, each with its sentence."""
    found = []
    for need in needs:
        if need.candles <= has.most:
            continue
        allowed = 'a longer "timeframe"'
        if need.candles <= has.allowed:
            allowed = f'"startup_candle_count" of at least {need.candles}, or {allowed}'
        sentence = (
            f"{need.what} needs {need.candles} candles of {timeframe}, and a running bot has at "
            f'most {has.most} with "startup_candle_count" {has.startup}: {need.else_}. '
            f"Allowed: {allowed}"
        )
        found.append((need, sentence))
    return found


def later(needs: Iterable[Need], has: Supply, timeframe: str) -> list[tuple[Need, str]]:
    """Returns the needs that a running bot meets only some time after its start."""
    return [
        (
            need,
            f"{need.what} needs {need.candles} candles of {timeframe}, and a running bot starts "
            f'with {has.at_start} with "startup_candle_count" {has.startup}: for the first '
            f"{need.candles - has.at_start} candles after each start {need.else_}",
        )
        for need in needs
        if has.at_start < need.candles <= has.most
    ]

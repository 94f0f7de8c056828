"""Replays any breaker on stored candles hour by hour, evaluating it as the watch does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.durations import HOUR
from perpkit.ops.stored import BadInputError, load_candles, parse_timerange, stored_pairs
from perpkit.ops.stretches import Moments

# pandas and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from pandas import DataFrame

    from perpkit.bot.watching.protection import WatchedProtection

DRAWDOWN = "DrawdownBreaker"


@dataclass(frozen=True)
class Stored:
    """The stored candles to replay.

    :param pair: the market to watch and to draw
    """

    datadir: Path
    data_format: str
    pair: str
    timerange: str
    userdir: Path

    def ends(self) -> tuple[datetime | None, datetime | None]:
        return parse_timerange(self.timerange)

    def candles(self, pair: str, stop: datetime | None) -> DataFrame:
        return load_candles(self.datadir, pair, self.data_format, stop)


def market_moments(
    kind: type[WatchedProtection],
    parameters: Mapping[str, Any],
    stored: Stored,
    start: datetime,
    stop: datetime,
) -> Moments:
    """Returns the decisions of a candle-based breaker for every hour from `start`, before `stop`.

    A breaker with a `pair` watches that of `stored`, unless its parameters name a pair or basket.

    :raises BadInputError: if there are no candles, or the breaker refuses the parameters
    """
    from freqtrade.enums import RunMode
    from freqtrade.exceptions import OperationalException

    from perpkit.bot.watching.sources import stored_sources

    pairs = stored_pairs(stored.datadir, stored.data_format)
    if not pairs:
        raise BadInputError(f"datadir must hold 1h futures candles, got {stored.datadir}")
    config = {
        "user_data_dir": stored.userdir,
        "datadir": stored.datadir,
        "dataformat_ohlcv": stored.data_format,
        "runmode": RunMode.BACKTEST,
        "stake_currency": pairs[0].split("/")[1].split(":")[0],
        "timeframe": "1h",
        "timerange": f"-{int(stop.timestamp())}",
        "exchange": {"pair_whitelist": list(pairs)},
    }
    given = {"method": kind.__name__, **parameters}
    if "pair" in kind.parameters() and not parameters.keys() & {"pair", "basket"}:
        given["pair"] = stored.pair
    try:
        breaker = kind(config, given)
    except OperationalException as error:
        raise BadInputError(str(error)) from error
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{kind.__name__}: {error}") from error
    sources = stored_sources(config)
    return ((now, breaker.evaluate(sources, now)) for now in _hours(start, stop))


@dataclass(frozen=True)
class Exported:
    """An exported backtest.

    :param strategy: which one of the export; may be None if there is only one
    """

    path: Path
    strategy: str | None


def drawdown_moments(exported: Exported, stored: Stored, parameters: Mapping[str, Any]) -> Moments:
    """Yields the drawdown breaker's decisions on a backtest's equity, marked to market hourly.

    The equity includes the trades that the breaker would have refused.

    :param stored: with 1h candles of every traded pair
    :raises BadInputError: if the breaker refuses the parameters
    """
    import pandas as pd

    from perpkit.breakers.drawdown import DrawdownLimits, DrawdownState, Observation, step
    from perpkit.research.marked import load_export, marked_equity

    try:
        limits = DrawdownLimits(**{"confirm": 1, "clear_hours": 168.0, **parameters})
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{DRAWDOWN}: {error}") from error
    stats = load_export(exported.path, exported.strategy)
    traded = sorted({trade["pair"] for trade in stats["trades"]})
    candles = {pair: stored.candles(pair, None) for pair in traded}
    equity = marked_equity(stats, candles, pd.Timedelta(HOUR))
    realised = _realised(stats, equity.index)
    capital, state = float(stats["starting_balance"]), DrawdownState()
    for now, value, booked in zip(equity.index, equity, realised, strict=True):
        profit = float(value) - capital
        observation = Observation(now.to_pydatetime(), capital, profit, profit - booked)
        state, decisions = step(limits, state, observation)
        yield observation.now, decisions


def _realised(stats: Mapping[str, Any], times: Any) -> list[float]:
    """Returns the cumulative profit of closed trades at each of `times`."""
    import numpy as np

    from perpkit.market.asof import nanoseconds

    closed = sorted((t["close_timestamp"], t["profit_abs"]) for t in stats["trades"])
    ends = np.array([at for at, _ in closed], dtype=np.int64) * 1_000_000
    sums = np.append(0.0, np.cumsum([profit for _, profit in closed]))
    return sums[np.searchsorted(ends, nanoseconds(times), side="right")].tolist()


def _hours(start: datetime, stop: datetime) -> Iterator[datetime]:
    while start < stop:
        yield start
        start += HOUR

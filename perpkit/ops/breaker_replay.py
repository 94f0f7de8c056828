"""What any breaker would have restricted on stored candles, hour by hour, as the watch asks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.ops.stored import BadInputError, wide_console

# pandas, rich and Freqtrade load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from pandas import DataFrame

    from perpkit.breakers.breaker import Decision

HOUR = timedelta(hours=1)
MARKET_BREAKERS = ("CryptoVixBreaker", "FlashCrashBreaker", "FundingBreaker")
DRAWDOWN = "DrawdownBreaker"
Moments = Iterable[tuple[datetime, Sequence["Decision"]]]


@dataclass(frozen=True)
class Stretch:
    """A longest time with one effect of a breaker on one pair and side.

    :param level: the trading state, `active` where only size or leverage are taken away
    :param reason: what the breaker said at its start
    """

    start: datetime
    until: datetime
    level: str
    reason: str
    breaker: str
    pair: str
    side: str


def stretches(breaker: str, moments: Moments, end: datetime) -> list[Stretch]:
    """Decisions at successive moments as stretches, in the order of their starts.

    :param end: of what is still going on
    """
    found: list[Stretch] = []
    going: dict[tuple[str, str], tuple[datetime, Decision]] = {}

    def close(key: tuple[str, str], at: datetime) -> None:
        start, decision = going.pop(key)
        found.append(Stretch(start, at, decision.trading.value, decision.reason, breaker, *key))

    for now, decisions in moments:
        by_key: dict[tuple[str, str], Decision] = {
            (d.pair, d.side): d for d in decisions if d.restricts
        }
        for key in [k for k, (_, d) in going.items() if _effect(by_key.get(k)) != _effect(d)]:
            close(key, now)
        for key, decision in by_key.items():
            going.setdefault(key, (now, decision))
    for key in list(going):
        close(key, end)
    return sorted(found, key=lambda stretch: (stretch.start, stretch.pair, stretch.side))


def _effect(decision: Decision | None) -> object:
    return decision and (decision.trading, decision.size_factor, decision.max_leverage)


def market_moments(
    name: str,
    parameters: Mapping[str, Any],
    *,
    datadir: Path,
    data_format: str,
    pairs: Sequence[str],
    start: datetime,
    stop: datetime,
) -> Moments:
    """Decisions of a breaker that needs only candles, at every hour from `start` to `stop`.

    :raises BadInputError: for parameters that the breaker refuses
    """
    from freqtrade.enums import RunMode
    from freqtrade.exceptions import OperationalException
    from freqtrade.resolvers import ProtectionResolver

    from perpkit.bot.watching.protection import WatchedProtection
    from perpkit.bot.watching.sources import stored_sources

    config = {
        "user_data_dir": Path("user_data"),
        "datadir": datadir,
        "dataformat_ohlcv": data_format,
        "runmode": RunMode.BACKTEST,
        "stake_currency": pairs[0].split("/")[1].split(":")[0],
        "timeframe": "1h",
        "timerange": f"-{int(stop.timestamp())}",
        "exchange": {"pair_whitelist": list(pairs)},
    }
    try:
        breaker = ProtectionResolver.load_protection(name, config, {"method": name, **parameters})
    except OperationalException as error:
        raise BadInputError(str(error)) from error
    assert isinstance(breaker, WatchedProtection)
    sources = stored_sources(config)
    return ((now, breaker.evaluate(sources, now)) for now in _hours(start, stop))


def drawdown_moments(
    stats: Mapping[str, Any], candles: Mapping[str, DataFrame], parameters: Mapping[str, Any]
) -> Moments:
    """Decisions of the drawdown breaker on the equity of a backtest, marked to market hourly.

    What the breaker would have refused was traded in that backtest all the same.

    :param stats: of one strategy, from a backtest export
    :param candles: 1h candles of every traded pair
    :raises BadInputError: for parameters that the breaker refuses
    """
    import pandas as pd

    from perpkit.breakers.drawdown import DrawdownLimits, DrawdownState, Observation, step
    from perpkit.research.marked import marked_equity

    try:
        limits = DrawdownLimits(**{"confirm": 1, "clear_hours": 168.0, **parameters})
    except (TypeError, ValueError) as error:
        raise BadInputError(f"{DRAWDOWN}: {error}") from error
    equity = marked_equity(stats, candles, pd.Timedelta(HOUR))
    realised = _realised(stats, equity.index)
    capital, state = float(stats["starting_balance"]), DrawdownState()
    for now, value, booked in zip(equity.index, equity, realised, strict=True):
        profit = float(value) - capital
        observation = Observation(now.to_pydatetime(), capital, profit, profit - booked)
        state, decisions = step(limits, state, observation)
        yield observation.now, decisions


def _realised(stats: Mapping[str, Any], times: Any) -> list[float]:
    """Profit of closed trades at each of `times`."""
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


def locked_share(found: Sequence[Stretch], start: datetime, stop: datetime) -> float:
    """Share of the hours in which entries of every pair and side were blocked."""
    market_wide = sorted(
        (s.start, s.until) for s in found if s.pair == s.side == "*" and s.level != "active"
    )
    locked, reached = timedelta(0), start
    for begin, until in market_wide:
        locked += max(timedelta(0), min(until, stop) - max(begin, reached))
        reached = max(reached, until)
    return locked / (stop - start)


def as_dict(found: Sequence[Stretch], start: datetime, stop: datetime) -> dict[str, Any]:
    return {
        "hours_locked_share": locked_share(found, start, stop),
        "intervals": [
            {
                "from": stretch.start.isoformat(),
                "until": stretch.until.isoformat(),
                "level": stretch.level,
                "reason": stretch.reason,
                "breaker": stretch.breaker,
                "pair": stretch.pair,
                "side": stretch.side,
            }
            for stretch in found
        ],
    }


def print_table(found: Sequence[Stretch], start: datetime, stop: datetime) -> None:
    from rich.table import Table

    table = Table("from (UTC)", "until (UTC)", "hours", "breaker", "where", "state", "reason")
    for column in table.columns[:-1]:
        column.no_wrap = True
    table.columns[2].justify = "right"
    for stretch in found:
        table.add_row(
            f"{stretch.start:%Y-%m-%d %H:%M}",
            f"{stretch.until:%Y-%m-%d %H:%M}",
            str((stretch.until - stretch.start) // HOUR),
            stretch.breaker,
            " ".join(part for part in (stretch.pair, stretch.side) if part != "*") or "all pairs",
            stretch.level,
            stretch.reason,
        )
    console = wide_console()
    console.print(table)
    console.print(
        f"{start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M}: {len(found)} intervals, entries of all "
        f"pairs blocked {locked_share(found, start, stop):.1%} of the time",
        soft_wrap=True,
        highlight=False,
    )

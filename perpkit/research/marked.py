"""The equity of a backtest, marked to market, and the statistics computed from it.

Freqtrade's own futures statistics change only when a trade closes, so a loss that was carried for
a week and then recovered does not appear in them.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.durations import DAYS_A_YEAR
from perpkit.files.contents import content_of, json_of
from perpkit.files.errors import FileError
from perpkit.files.zipped import unpacked
from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_every, dates_of, shifted
from perpkit.research.spread import LEAST_SPREAD
from perpkit.research.trades import exported_trade
from perpkit.risk.equity import TradeLedger, profit_curve

# Of an export: one of 50,000 trades has about 100 MiB.
_MOST_BYTES = 2**30


class NoStrategyError(ValueError):
    """Results that do not have a strategy; the message is for the operator."""


def load_export(path: Path, strategy: str | None = None) -> dict[str, Any]:
    """Returns the statistics of one strategy from a backtest export of Freqtrade.

    :param path: `backtest-result-*.zip`, or the .json of older releases
    :param strategy: may be omitted if the export has only one
    :raises FileError: if the file is not an export
    :raises NoStrategyError: if it does not contain the strategy
    """
    try:
        if zipfile.is_zipfile(path):
            text = unpacked(path, str(path), lambda _: f"{path.stem}.json", _MOST_BYTES)
        else:
            text = content_of(path, _MOST_BYTES)
        strategies: dict[str, dict[str, Any]] = dict(json_of(text, str(path))["strategy"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FileError(f"export must be a Freqtrade backtest result, got {path}") from error
    if strategy is None and len(strategies) == 1:
        strategy = next(iter(strategies))
    if strategy not in strategies:
        known = ", ".join(sorted(strategies))
        raise NoStrategyError(f"strategy must be one of {known} in {path}, got {strategy}")
    stats = strategies[strategy]
    try:
        _check(stats)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise FileError(
            f"export must be a Freqtrade backtest result, got {path}: {strategy}: {error!r}"
        ) from error
    return stats


def _check(stats: Mapping[str, Any]) -> None:
    """Raises for statistics from which no equity can be computed."""
    for name in ("backtest_start", "backtest_end"):
        if pd.Timestamp(stats[name], tz="UTC").value < 0:
            raise ValueError(f"{name} must not be before 1970")
    if not np.isfinite(stats["starting_balance"]):
        raise ValueError("starting_balance must be a number")
    for ledger in ledgers(stats["trades"]):
        numbers = [(fill.at, fill.amount, fill.rate, fill.fee) for fill in ledger.fills]
        if not isinstance(ledger.pair, str) or not np.isfinite(numbers).all():
            raise ValueError("trades must have a pair and orders")


def load_exported_config(path: Path) -> dict[str, Any]:
    """Returns the configuration in a backtest export, without the options of the command line.

    It is empty if there is none, as in the .json of older releases.
    """
    try:
        text = unpacked(path, str(path), lambda _: f"{path.stem}_config.json", _MOST_BYTES)
        config = json_of(text, str(path))
    except (OSError, ValueError, KeyError):
        return {}
    return config if isinstance(config, dict) else {}


def ledgers(trades: Iterable[Mapping[str, Any]]) -> list[TradeLedger]:
    """Converts exported trades to fills.

    Funding is booked as one sum at the close, because exports do not itemise it.
    """
    return [exported_trade(trade).ledger() for trade in trades]


def marked_equity(
    stats: Mapping[str, Any], candles: Mapping[str, pd.DataFrame], step: pd.Timedelta
) -> pd.Series:
    """Returns the equity at each candle close of the backtest, in quote currency, with a UTC index.

    :param stats: of one strategy, from `load_export`
    :param candles: of every traded pair, with `date` (open time) and `close`
    :param step: timeframe of the candles
    """
    start = pd.Timestamp(stats["backtest_start"], tz="UTC")
    end = pd.Timestamp(stats["backtest_end"], tz="UTC")
    times = dates_every(start, step, (end - start) // step + 1)
    return equity_curve(times, stats["starting_balance"], candles, step, ledgers(stats["trades"]))


def equity_curve(
    times: pd.DatetimeIndex,
    starting_balance: float,
    candles: Mapping[str, pd.DataFrame],
    step: pd.Timedelta,
    trades: Iterable[TradeLedger],
) -> pd.Series:
    """Returns the equity at `times`, marked to the closes known then; all other tools ask here.

    :param candles: by pair, with `date` (open time) and `close`; a pair without any, and a missing
        candle, is valued at the rate of the last fill
    :param step: timeframe of the candles
    """
    closes = {pair: closes_at(times, frame, step) for pair, frame in candles.items()}
    profit = profit_curve(nanoseconds(times) / 1e9, closes, trades)
    return pd.Series(starting_balance + profit, times, name="equity")


def closes_at(
    times: pd.DatetimeIndex, candles: pd.DataFrame, step: pd.Timedelta
) -> NDArray[np.float64]:
    """Returns the close of the candle that ends at each time, NaN where there is none."""
    closes = candles.set_index(shifted(dates_of(candles["date"]), step))["close"]
    return closes.reindex(times).to_numpy(dtype=np.float64)


@dataclass(frozen=True)
class Figures:
    """Performance figures; returns and losses are fractions, and losses are positive.

    Ratios use daily returns, 365 days a year, and no rate of interest.

    :param sortino: mean return over the root mean square of the losing days
    :param calmar: `cagr` over `max_drawdown`
    :param max_drawdown: measured at every mark, not only at daily ones
    :param days: how many days have a return, the first and the last one included
    """

    profit: float
    cagr: float
    sharpe: float
    sortino: float
    calmar: float
    max_drawdown: float
    worst_day: float
    days: int


def daily_returns(equity: pd.Series) -> pd.Series:
    """Returns the return of every day in UTC, from midnight to midnight.

    The first day begins with the first mark, and the last one ends with the last. A day at whose
    end nothing is left loses all, and those after it are without a return.

    :param equity: from `marked_equity`
    """
    # The mark of midnight belongs to the day that ends then.
    later = equity.iloc[1:]
    day = (dates_of(later.index) - pd.Timedelta("1ms")).floor("D")
    ends = later.groupby(day).last().asfreq("D").ffill()
    before = ends.shift(fill_value=equity.iloc[0])
    ruined = (before <= 0).cummax()
    return (ends / before - 1).clip(lower=-1.0).mask(ruined, 0.0)


def yearly_returns(daily: pd.Series) -> dict[int, float]:
    """Returns the return of each calendar year in UTC, first and last ones as far as they go.

    :param daily: from `daily_returns`
    """
    growth = (1 + daily).groupby(dates_of(daily.index).year).prod() - 1
    return {int(str(year)): float(value) for year, value in growth.items()}


def figures(equity: pd.Series) -> Figures:
    """Computes performance figures. A ratio to a spread or loss that is only rounding is 0.

    :param equity: from `marked_equity`, positive throughout
    """
    returns = daily_returns(equity)
    years = max(len(returns), 1) / DAYS_A_YEAR
    growth = equity.iloc[-1] / equity.iloc[0]
    cagr = growth ** (1 / years) - 1 if growth > 0 else -1.0
    drawdown = float((1 - equity / equity.cummax()).max())
    deviation = returns.std() if len(returns) > 1 else 0.0
    downside = float(np.sqrt((returns.clip(upper=0) ** 2).mean())) if len(returns) else 0.0
    yearly = returns.mean() * np.sqrt(DAYS_A_YEAR)
    return Figures(
        profit=float(growth - 1),
        cagr=float(cagr),
        sharpe=float(yearly / deviation) if deviation > LEAST_SPREAD else 0.0,
        sortino=float(yearly / downside) if downside > LEAST_SPREAD else 0.0,
        calmar=float(cagr / drawdown) if drawdown > LEAST_SPREAD else 0.0,
        max_drawdown=drawdown,
        worst_day=float(max(0.0, -returns.min())) if len(returns) else 0.0,
        days=len(returns),
    )


def liquidations(stats: Mapping[str, Any]) -> int:
    """Returns the number of trades that were closed at their liquidation price."""
    return sum(trade["exit_reason"] == "liquidation" for trade in stats["trades"])

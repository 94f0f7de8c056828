"""What the sections look at: a run, another one beside it, and what it is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from perpkit.learning.evidence import Evidence
from perpkit.research.accounts import MarkedAccount, Market, marked_account
from perpkit.research.causes import Explained
from perpkit.research.comparing import Comparison, compared
from perpkit.research.explaining import explained_results
from perpkit.research.exposure import exposure
from perpkit.research.holding import holding
from perpkit.research.hyperopt.plateau import Search
from perpkit.research.marked import Figures, daily_returns, figures
from perpkit.research.results import Results
from perpkit.research.trade_statistics import TradeStatistics, trade_statistics
from perpkit.walkforward.holdout import Seal
from perpkit.walkforward.verdict import Verdict


@dataclass(frozen=True)
class Run:
    """:param name: in tables and legends"""

    name: str
    results: Results
    account: MarkedAccount

    @cached_property
    def figures(self) -> Figures:
        return figures(self.account.equity)

    @cached_property
    def statistics(self) -> TradeStatistics:
        return trade_statistics(self.results.trades)

    @cached_property
    def exposure(self) -> pd.DataFrame:
        return exposure(self.account)

    @cached_property
    def daily_returns(self) -> pd.Series:
        return daily_returns(self.account.equity)


@dataclass(frozen=True)
class Benchmark:
    """:param equity: of the same money in it, at the same times as the run's"""

    name: str
    equity: pd.Series

    @cached_property
    def figures(self) -> Figures:
        return figures(self.equity)


@dataclass(frozen=True)
class View:
    """
    :param search: that found the parameters of the run
    :param walked: what the run shows, where it is a walk-forward
    :param evidence: what a learned model predicted in the run, and what came
    :param seals: days that were put aside, of the user directory of a walk-forward
    """

    run: Run
    market: Market
    other: Run | None = None
    benchmark: Benchmark | None = None
    search: Search | None = None
    walked: Verdict | None = None
    evidence: Evidence | None = None
    seals: tuple[Seal, ...] = ()

    @cached_property
    def comparison(self) -> Comparison | None:
        """As `perpkit compare` says it; None without another run.

        :raises ValueError: if the runs have too few days in common
        :raises ModuleNotFoundError: without the extra `research`
        """
        if self.other is None:
            return None
        return compared(self.run.daily_returns, self.other.daily_returns)

    @cached_property
    def twins(self) -> list[Explained] | None:
        """As `perpkit compare --live --backtest` finds them; None but for a bot and a backtest.

        :raises NoTwinsError: if they cannot be paired
        """
        if self.other is None or self.run.results.is_bot == self.other.results.is_bot:
            return None
        bot, run = sorted((one.results for one in self.runs), key=lambda each: not each.is_bot)
        return explained_results(bot, run, self.market)

    @property
    def runs(self) -> list[Run]:
        return [self.run] if self.other is None else [self.run, self.other]

    @property
    def currency(self) -> str:
        return self.run.results.stake_currency


def runs_of(market: Market, results: Results, other: Results | None) -> tuple[Run, Run | None]:
    """Returns the run, and the other one, by names that tell them apart."""
    run = marked_account(results, market)
    if other is None:
        return Run(results.strategy, results, run), None
    names = _names(results, other)
    return Run(names[0], results, run), Run(names[1], other, marked_account(other, market))


def _names(one: Results, other: Results) -> tuple[str, str]:
    if one.strategy != other.strategy:
        return one.strategy, other.strategy
    if one.is_bot != other.is_bot:
        return ("the bot", "the backtest") if one.is_bot else ("the backtest", "the bot")
    guarded = [bool(each.breakers_locks) for each in (one, other)]
    if guarded[0] != guarded[1]:
        words = {True: "with breakers", False: "without breakers"}
        return words[guarded[0]], words[guarded[1]]
    if one.source.stem != other.source.stem:
        return one.source.stem, other.source.stem
    return "this run", "the other run"


def buy_and_hold(run: Run, market: Market, pairs: list[str], name: str) -> Benchmark:
    """Returns the same money in equal parts in these pairs, from the first candle to the last.

    It has no leverage, fees or funding. A pair whose candles begin later is bought then.

    :raises ValueError: if none of them has candles
    """
    found = [market.candles(pair, run.results.timeframe) for pair in pairs]
    candles = [frame for frame in found if frame is not None]
    try:
        growth = holding(run.account.times, candles, run.account.step)
    except ValueError:
        raise ValueError(
            f"against needs {run.results.timeframe} candles of {', '.join(pairs)}"
        ) from None
    return Benchmark(name, run.results.starting_balance * growth)

"""A whole stress test: every scenario beside the run as it was, and the cost at which it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from perpkit.research.accounts import Market, marked_account
from perpkit.research.causes import decimals
from perpkit.research.marked import Figures, daily_returns, figures
from perpkit.research.results import Results
from perpkit.research.stress.break_even import BreakEven, break_even
from perpkit.research.stress.model import CostModel
from perpkit.research.stress.monte_carlo import Luck, by_days, by_order
from perpkit.research.stress.repricing import Repriced, Repricing
from perpkit.research.trade_statistics import TradeStatistics, trade_statistics

# Of the turnover: what rounding leaves where nothing costs more.
_NO_COST = 1e-8


@dataclass(frozen=True)
class Stressed:
    """A run under one scenario; money is in stake currency.

    :param cost: how much less it made than as exported
    :param bps: that cost for each side, of the value that was traded as exported
    :param times: how many times as high the cost could be until the profit is 0; None if the run
        made no profit, or the scenario cost nothing
    :param figures: marked to market; None if nothing was left of the account at some time
    """

    name: str
    repriced: Repriced
    statistics: TradeStatistics
    figures: Figures | None
    cost: float
    bps: float | None
    times: float | None

    @property
    def profit(self) -> float:
        return self.statistics.profit


@dataclass(frozen=True)
class Stress:
    """
    :param open_trades: how many are not counted, because they are not closed
    :param inexact: how many trades their own fills do not reproduce, to a cent or the last decimal
        that is shown of the stake currency
    """

    break_even: BreakEven
    scenarios: tuple[Stressed, ...]
    open_trades: int
    inexact: int


def stress(
    repricing: Repricing,
    market: Market,
    scenarios: Iterable[tuple[str, Sequence[CostModel]]],
    done: Callable[[str], object] = lambda _: None,
) -> Stress:
    """Prices a run by each of the scenarios.

    :param scenarios: names and models
    :param done: called with the name of each
    :raises ValueError: if there is no closed trade, or what a model needs is missing
    """
    results = repricing.results
    closed = tuple(trade for trade in results.closed if trade.fills)
    if not closed:
        raise ValueError(f"results must have a closed trade, got none in {results.source}")
    before = break_even(closed)
    found = []
    for name, models in scenarios:
        repriced = repricing.by(models)
        found.append(_stressed(name, repriced, market, before))
        done(name)
    exact = repricing.by(()).results.trades
    least = 10 ** -decimals(results.stake_currency)
    # Freqtrade rounds the profit of each exit to as many decimals.
    inexact = sum(
        abs(a.profit - b.profit) > least * len(a.fills) for a, b in zip(closed, exact, strict=True)
    )
    return Stress(before, tuple(found), len(results.trades) - len(closed), inexact)


def _stressed(name: str, repriced: Repriced, market: Market, before: BreakEven) -> Stressed:
    statistics = trade_statistics(repriced.results.trades)
    cost = before.profit - statistics.profit
    counts = before.profit > 0 and cost > _NO_COST * before.turnover
    equity = marked_account(repriced.results, market).equity
    return Stressed(
        name=name,
        repriced=repriced,
        statistics=statistics,
        figures=figures(equity) if equity.min() > 0 else None,
        cost=cost,
        bps=cost / before.turnover * 1e4 if before.turnover else None,
        times=before.profit / cost if counts else None,
    )


def luck(results: Results, market: Market, *, seed: int) -> dict[str, Luck]:
    """Returns what luck could have made of a run, by what is drawn.

    :raises ModuleNotFoundError: without the extra `research`
    """
    closed = replace(results, trades=tuple(results.closed))
    returns = daily_returns(marked_account(closed, market).equity)
    return {
        "order of trades": by_order(closed.trades, results.starting_balance, seed=seed),
        "blocks of days": by_days(returns, seed=seed),
    }

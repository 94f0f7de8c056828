"""What a set of parameters is worth to hyperopt: marked to market, less what makes it doubtful.

Freqtrade's own losses see realised profit only, and none of them asks how many trades, or how few
days, the profit is from. `user_data/hyperopts/PerpHyperOptLoss.py` hands over what Freqtrade gives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import ceil, isfinite
from typing import Annotated, Any

import numpy as np
import pandas as pd

from perpkit.durations import DAYS_A_YEAR
from perpkit.execution.book import BPS
from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_every
from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.research.marked import daily_returns, equity_curve, figures
from perpkit.research.trades import exported_trade
from perpkit.risk.equity import TradeLedger

# Of an account that was ruined, and of one that did not trade: worse than any other.
RUINED, IDLE = 100.0, 50.0
# The share of days whose profit is looked at alone.
_BEST_DAYS = 0.01


@dataclass(frozen=True)
class LossRule(Parameters):
    """How a search weighs. A penalty is in the units of a Sharpe ratio."""

    calmar_share: Annotated[float, Range(0, 1), "How much Calmar counts; the rest is Sharpe"] = 0.5
    most_calmar: Annotated[float, Range(0, 100), "A higher Calmar counts as this one"] = 4.0
    most_sharpe: Annotated[float, Range(0, 100), "A higher Sharpe ratio counts as this one"] = 20.0
    cost_bps: Annotated[
        float, Range(0, 1000, "bps"), "What each side costs more than in the backtest"
    ] = 2.0
    trades_a_year: Annotated[float, Range(0, 1e6), "With fewer trades there is a penalty"] = 50.0
    few_trades: Annotated[float, Range(0, 100), "The penalty without any trade"] = 4.0
    few_days: Annotated[
        float, Range(0, 100), "The penalty if the best 1% of days made 1.5 times the whole profit"
    ] = 1.0
    most_drawdown: Annotated[
        float, Range(0.01, 1, "of the equity"), "A deeper drawdown has a penalty"
    ] = 0.2
    drawdown: Annotated[float, Range(0, 100), "The penalty of a drawdown of twice that"] = 1.0


@dataclass(frozen=True)
class Parts:
    """What a loss is made of; `loss` is lower for better parameters.

    :param sharpe, calmar, max_drawdown: marked to market, after the cost of turnover
    :param few_trades, few_days, drawdown: penalties, not below 0
    """

    sharpe: float
    calmar: float
    max_drawdown: float
    few_trades: float
    few_days: float
    drawdown: float
    loss: float


def parts(rule: LossRule, equity: pd.Series, trades: int) -> Parts:
    """Returns the loss of a run, by parts.

    :param equity: marked to market, from `equity_after_costs`
    :param trades: how many were closed
    """
    if trades == 0 or not equity.min() > 0:
        return Parts(0.0, 0.0, 1.0, 0.0, 0.0, 0.0, RUINED if trades else IDLE)
    found = figures(equity)
    returns = daily_returns(equity)
    least = rule.trades_a_year * len(returns) / DAYS_A_YEAR
    few_trades = rule.few_trades * max(0.0, 1 - trades / least) if least else 0.0
    few_days = rule.few_days * float(np.clip(best_days_share(returns) - 0.5, 0, 1))
    deeper = max(0.0, found.max_drawdown / rule.most_drawdown - 1)
    calmar = min(found.calmar, rule.most_calmar)
    sharpe = min(found.sharpe, rule.most_sharpe)
    worth = rule.calmar_share * calmar + (1 - rule.calmar_share) * sharpe
    loss = few_trades + few_days + rule.drawdown * deeper - worth
    return Parts(
        found.sharpe, found.calmar, found.max_drawdown, few_trades, few_days,
        rule.drawdown * deeper, loss if isfinite(loss) else RUINED,
    )  # fmt: skip


def best_days_share(returns: pd.Series) -> float:
    """Returns which part of the profit the best 1% of days made; 0 without a profit.

    Above 1, all other days together lost money.
    """
    total = float(returns.sum())
    if total <= 0:
        return 0.0
    best = returns.nlargest(ceil(len(returns) * _BEST_DAYS))
    return float(best.sum()) / total


def equity_after_costs(
    results: pd.DataFrame,
    processed: Mapping[str, pd.DataFrame],
    start: datetime,
    end: datetime,
    step: pd.Timedelta,
    starting_balance: float,
    cost_bps: float,
) -> pd.Series:
    """Returns the equity at every candle close, each order having cost so much more.

    Funding counts when a trade closes, as Freqtrade books it here.

    :param results: trades, as Freqtrade hands them to a loss
    :param processed: candles by pair, with `date` and `close`
    :param start, end: the first and the last candle
    """
    ledgers = [_ledger(trade, cost_bps / BPS) for trade in results.to_dict("records")]
    first = pd.Timestamp(start)
    closed = [ledger.closed_at or 0.0 for ledger in ledgers]
    until = max([pd.Timestamp(end).timestamp(), *closed])
    count = ceil((until - first.timestamp()) / step.total_seconds()) + 1
    times = dates_every(first.to_pydatetime(), step, max(count, 2))
    traded = {ledger.pair for ledger in ledgers}
    # Only of the time that is asked for: rows in front of it warm indicators up.
    candles = {
        pair: frame.loc[nanoseconds(frame["date"]) >= first.value, ["date", "close"]]
        for pair, frame in processed.items()
        if pair in traded
    }
    return equity_curve(times, starting_balance, candles, step, ledgers)


def _ledger(given: Mapping[Any, Any], cost: float) -> TradeLedger:
    trade = exported_trade(given)
    ledger = trade.ledger()
    value = sum(fill.amount * fill.rate for fill in trade.fills)
    return TradeLedger(
        ledger.pair,
        tuple(fill._replace(fee=fill.fee + cost) for fill in ledger.fills),
        ledger.fee_close + cost,
        ledger.closed_at,
        ledger.profit - value * cost,
    )


def loss_of(
    rule: LossRule,
    *,
    results: pd.DataFrame,
    min_date: datetime,
    max_date: datetime,
    config: Mapping[str, object],
    processed: Mapping[str, pd.DataFrame],
    starting_balance: float,
    **_: object,
) -> float:
    """Returns the loss of an epoch, by what Freqtrade hands to `hyperopt_loss_function`."""
    equity = equity_after_costs(
        results, processed, min_date, max_date, pd.Timedelta(str(config["timeframe"])),
        starting_balance, rule.cost_bps,
    )  # fmt: skip
    return parts(rule, equity, len(results)).loss

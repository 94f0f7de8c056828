"""The tests of a run as results of one account, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from perpkit.research.results import Results
from perpkit.research.trades import Trade
from perpkit.walkforward.record import Run, WindowResult
from perpkit.walkforward.stitching import factors


def as_results(run: Run, source: Path) -> Results:
    """Returns what one account did that went through all tests.

    Every test begins with the same balance; its trades are scaled to what the account had then, as
    in `stitched_equity`.

    :raises ValueError: if no window has a result
    """
    if not run.results:
        raise ValueError(f"run must have a window with a result, has none in {source}")
    asked, results = run.request, run.results
    return Results(
        source=source,
        strategy=asked.strategy,
        stake_currency=asked.stake_currency,
        timeframe=asked.timeframe,
        start=results[0].window.test_start.timestamp(),
        end=results[-1].window.test_end.timestamp(),
        starting_balance=results[0].out_of_sample.starting_balance,
        pairs=asked.pairs,
        trades=scaled_trades(results),
        stats={"strategy_name": asked.strategy},
        config={"exchange": asked.settings.get("exchange") or {}},
    )


def scaled_trades(results: Sequence[WindowResult]) -> tuple[Trade, ...]:
    """Returns the trades of all tests with the stakes of one account that went through them.

    :param results: in their order, at least one; what an account that has nothing left would trade
        is left out
    """
    return tuple(
        scaled(trade, factor)
        for result, factor in zip(results, factors(results), strict=True)
        if factor
        for trade in result.out_of_sample.closed
    )


def scaled(trade: Trade, factor: float) -> Trade:
    """Returns the same trade with a stake that is so many times as large."""
    fills = (
        fill._replace(amount=factor * fill.amount, funding=factor * fill.funding)
        for fill in trade.fills
    )
    return replace(
        trade,
        profit=factor * trade.profit,
        funding=factor * trade.funding,
        fills=tuple(fills),
    )

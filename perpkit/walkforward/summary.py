"""The figures of a run: each window in training and test, and all tests together."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from perpkit.research.marked import daily_returns, figures
from perpkit.risk.budgets import SourceRisk
from perpkit.walkforward.record import Run, Sample, WindowResult
from perpkit.walkforward.stitching import stitched_equity
from perpkit.walkforward.windows import days_tested


def summary(run: Run) -> dict[str, Any]:
    """Returns figures as `perpkit.research.marked.Figures` names them.

    :param run: with at least one result
    """
    return {
        "strategy": run.request.strategy,
        "windows": [_window(result) for result in run.results],
        "stitched": asdict(figures(stitched_equity(run.results))),
        "trades": sum(len(result.out_of_sample.trades) for result in run.results),
        "trials": sum(len(result.epochs) for result in run.results),
    }


def source_risk(run: Run) -> SourceRisk:
    """Returns how much the tests moved the account, for budgets of sources of signals.

    :param run: with at least one result, of Confluence with one source alone
    :raises ValueError: for fewer than 30 days, or if nothing moved
    """
    daily = daily_returns(stitched_equity(run.results))
    _, until = days_tested([result.window for result in run.results])
    return SourceRisk(float(daily.std()), len(daily), until.isoformat())


def _window(result: WindowResult) -> dict[str, Any]:
    window = result.window
    return {
        "window": window.number,
        "test_start": window.test_start,
        "test_end": window.test_end,
        "in_sample": None if result.in_sample is None else _figures(result.in_sample),
        "out_of_sample": _figures(result.out_of_sample),
        "trades": len(result.out_of_sample.trades),
        "parameters": result.parameters,
    }


def _figures(sample: Sample) -> dict[str, Any]:
    return asdict(figures(sample.equity))

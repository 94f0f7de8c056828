"""What a walk-forward shows: the verdict, its windows, and the parameters that they chose."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from perpkit.market.times import dates_of
from perpkit.report import words
from perpkit.report.charts import (
    ACCENT,
    MUTED,
    SECOND,
    Chart,
    legend_above,
    line,
    rounded,
    value_axis,
)
from perpkit.report.section import Missing, Section
from perpkit.report.view import View
from perpkit.report.words import Cell, number, percent, tone
from perpkit.research.overfitting.bootstrap import Interval
from perpkit.walkforward.plateaus import Stability
from perpkit.walkforward.verdict import Verdict, WindowFigures
from perpkit.walkforward.verdict_words import reservations, sentence


def walked(view: View) -> Section | Missing:
    found = view.walked
    if found is None:
        return Missing("Walk-forward: these results are not of one.")
    lead = " ".join([sentence(found), *reservations(found)])
    content: list[Chart | str] = [words.side_by_side(_figures(found), _luck(found))]
    content += [_stitched(view, found), _sharpes(found.windows), _windows(found.windows)]
    if found.stability:
        content.append(_parameters(found.stability))
    return Section("walked", "What the tests show", lead, content)


def _figures(found: Verdict) -> str:
    trades = found.trades
    rows: list[list[Cell]] = [
        ["Sharpe", number(found.stitched.sharpe)],
        ["95% of it", _span(found.sharpe, number)],
        ["95% of the mean a year", _span(found.mean, percent)],
        ["Profit factor", number(trades.profit_factor)],
    ]
    rows += [[str(year), (percent(made), tone(made))] for year, made in found.years.items()]
    rows += [
        ["Kept of the training's Sharpe", percent(found.kept, 0)],
        ["Cut off at the end of a window", words.counted(found.cut_off, "trade")],
    ]
    return words.table(["All tests together", ""], rows)


def _luck(found: Verdict) -> str:
    passed = found.gate
    rows: list[list[Cell]] = [
        ["Luck, by itself", percent(passed.alone)],
        ["Variants tried on these days", f"{passed.ideas:,.0f}"],
        ["Luck, of all variants", percent(passed.luck)],
        ["Deflated Sharpe ratio, of all variants", percent(passed.deflated)],
        ["Days", f"{found.stitched.days:,}"],
        ["Days that are needed", number(passed.needed_days, 0)],
        ["Parameters tried in training", f"{found.trials:,}"],
        ["PBO, mean of the windows", percent(found.overfitting, 0)],
    ]
    if found.hold is not None:
        rows += [
            ["Sharpe of holding the pairs", number(found.hold.sharpe)],
            ["Luck (SPA against holding)", percent(found.hold.luck)],
        ]
    return words.table(["More than luck?", ""], rows)


def _span(interval: Interval | None, shown: Callable[[float | None], str]) -> str:
    if interval is None:
        return words.DASH
    return f"{shown(interval.low)} to {shown(interval.high)}"


def _stitched(view: View, found: Verdict) -> Chart:
    equity = view.run.account.equity
    at = dates_of(equity.index)
    lines = []
    for place, window in enumerate(found.windows):
        within = (at >= pd.Timestamp(window.test_start)) & (at <= pd.Timestamp(window.test_end))
        part = equity[within]
        if len(part):
            colour = SECOND if place % 2 else ACCENT
            lines.append(line(part, f"window {window.number}", colour, showlegend=False))
    axis = value_axis(float(equity.min()), float(equity.max()))
    return Chart(
        "stitched",
        "The tests of all windows, one after the other, marked to market",
        lines,
        {
            "xaxis": {"type": "date"},
            "yaxis": {"title": {"text": view.currency}, **axis},
            "hovermode": "closest",
        },
    )


def _sharpes(windows: Sequence[WindowFigures]) -> Chart:
    names = [f"{window.number}" for window in windows]
    before = np.array([np.nan if w.in_sample is None else w.in_sample for w in windows])
    after = np.array([window.out_of_sample for window in windows])
    kinds = [("in training", before, MUTED), ("in the test after it", after, ACCENT)]
    bars = [
        {"type": "bar", "name": name, "x": names, "y": rounded(y), "marker": {"color": colour}}
        for name, y, colour in kinds
        if not np.isnan(y).all()
    ]
    return Chart(
        "degradation",
        "Sharpe of each window's parameters, where they were chosen and where they were tested",
        bars,
        {
            "barmode": "group",
            "legend": legend_above(),
            "xaxis": {"title": {"text": "window"}, "type": "category"},
        },
        height=280,
    )


def _windows(windows: Sequence[WindowFigures]) -> str:
    rows: list[list[Cell]] = [
        [
            str(window.number),
            f"{window.test_start:%Y-%m-%d} to {window.test_end:%Y-%m-%d}",
            number(window.in_sample),
            (number(window.out_of_sample), tone(window.out_of_sample)),
            (percent(window.profit), tone(window.profit)),
            percent(window.max_drawdown),
            f"{window.trades:,}",
            percent(window.overfitting, 0),
        ]
        for window in windows
    ]
    head = ["Window", "Test", "Sharpe in training", "In the test", "Return", "Drawdown", "Trades"]
    return words.table([*head, "PBO"], rows)


def _parameters(parameters: Sequence[Stability]) -> str:
    rows: list[list[Cell]] = [
        [
            one.parameter,
            ", ".join(
                f"{each:.4g}" if isinstance(each, float) else str(each) for each in one.chosen
            ),
            percent(one.scatter, 0),
        ]
        for one in parameters
    ]
    caption = (
        "Scatter: 0% if all windows chose the same, 100% if as far apart as all that was tried."
    )
    return words.table(["Parameter", "Chosen, window by window", "Scatter"], rows, caption)

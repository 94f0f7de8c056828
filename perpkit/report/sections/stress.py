"""What is left of the profit if trading costs more, and at which cost nothing is."""

from __future__ import annotations

import numpy as np

from perpkit.report import words
from perpkit.report.charts import ACCENT, BAD, Chart, rounded
from perpkit.report.section import Missing, Section
from perpkit.report.view import View
from perpkit.report.words import Cell, money, number, tone
from perpkit.research.stress.break_even import BreakEven, break_even
from perpkit.research.stress.repricing import NOISE, Repricing
from perpkit.research.stress.scenarios import DEFAULT, models_of
from perpkit.research.trade_statistics import trade_statistics

# It needs leverage tiers, and says something of the account rather than of costs.
_NOT_SHOWN = "cross_margin"
_MORE_BPS = 20.0  # to which the chart goes at least


def stress(view: View) -> Section | Missing:
    results = view.run.results
    found = break_even(results.trades)
    if found.more_bps is None:
        return Missing("Cost stress: no trade was closed.")
    lead = (
        f"{found.words} Sizes, signals and stops are left as they were; perpkit stress has "
        "parameters, models of your own, and what luck could have made of it."
    )
    table, unpriced = _table(view, found)
    lacks = []
    if unpriced:
        lacks.append(
            f"Cost stress: {words.counted(unpriced, 'order')} without a candle, without "
            "turnover in it, or without enough candles before it, count as they were."
        )
    return Section("stress", "If trading costs more", lead, [_chart(view, found), table], lacks)


def _chart(view: View, found: BreakEven) -> Chart:
    more = found.more_bps or 0.0
    costs = np.linspace(0.0, max(2 * more, _MORE_BPS), 101)
    profits = np.array([found.profit_at(each) for each in costs])
    return Chart(
        "stress",
        f"Profit, in {view.currency}, by what each side costs more, in basis points",
        [
            {
                "type": "scatter",
                "mode": "lines",
                "name": "profit",
                "x": rounded(costs, 4),
                "y": rounded(profits),
                "line": {"color": ACCENT},
                "showlegend": False,
            },
            {
                "type": "scatter",
                "mode": "lines",
                "name": "nothing is left",
                "x": [0.0, rounded(costs, 4)[-1]],
                "y": [0.0, 0.0],
                "line": {"color": BAD, "dash": "dot", "width": 1},
                "showlegend": False,
            },
        ],
        {"xaxis": {"ticksuffix": " bps"}},
        height=240,
    )


def _table(view: View, found: BreakEven) -> tuple[str, int]:
    """Returns the scenarios as HTML, and how many orders could not be priced at most."""
    repricing = Repricing(view.run.results, view.market, lambda _: None, noise=NOISE, seed=0)
    rows: list[list[Cell]] = []
    unpriced = 0
    for name in DEFAULT:
        if name == _NOT_SHOWN:
            continue
        repriced = repricing.by(models_of(name))
        unpriced = max(unpriced, repriced.unpriced)
        made = trade_statistics(repriced.results.trades)
        cost = (found.profit - made.profit) / found.turnover * 1e4
        rows.append(
            [
                name.replace("_", " ").replace("+", " + "),
                (money(made.profit), tone(made.profit)),
                f"{number(cost)} bps",
                f"{made.trades:,}",
                number(made.profit_factor),
            ]
        )
    head = ["Scenario", f"Profit, {view.currency}", "Cost a side", "Trades", "Profit factor"]
    return words.table(head, rows), unpriced

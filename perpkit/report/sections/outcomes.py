"""How trades ended, in units of their risk, and where their prices went before."""

from __future__ import annotations

from typing import Any

import numpy as np

from perpkit.report import words
from perpkit.report.charts import BAD, GOOD, MUTED, Chart, legend_above, rounded
from perpkit.report.section import Missing, Section
from perpkit.report.view import View
from perpkit.research.trades import Trade

MOST_TRADES = 2_500
_WIDEST = 10.0  # R multiples beyond it are counted with it


def multiples(view: View) -> Section | Missing:
    found = [r for r in (trade.r_multiple for trade in view.run.results.closed) if r is not None]
    if not found:
        return Missing(
            "R multiples: these results do not record where the first stop of a trade stood."
        )
    values = np.clip(np.array(found), -_WIDEST, _WIDEST)
    low, high = np.floor(values.min() * 4) / 4, np.floor(values.max() * 4) / 4 + 0.25
    counts, edges = np.histogram(values, np.arange(low, high + 0.125, 0.25))
    middles = (edges[:-1] + edges[1:]) / 2
    chart = Chart(
        "multiples",
        "How many trades ended with how many times their first risk",
        [
            {
                "type": "bar",
                "x": rounded(middles),
                "y": counts.tolist(),
                "width": 0.23,
                "marker": {"color": [GOOD if middle >= 0 else BAD for middle in middles]},
                "hovertemplate": "%{x:.2f} R: %{y} trades<extra></extra>",
            }
        ],
        {"xaxis": {"title": {"text": "R"}}, "yaxis": {"title": {"text": "trades"}}},
        height=300,
    )
    beyond = sum(r < -1.1 for r in found)
    lead = (
        f"1 R is what the first entry loses at its first stop. The mean is "
        f"{words.number(float(np.mean(found)))} R, the median "
        f"{words.number(float(np.median(found)))} R; {words.counted(beyond, 'trade')} lost more "
        "than 1.1 R."
    )
    without = len(view.run.results.closed) - len(found)
    lacks = [f"R multiples of {words.counted(without, 'trade')}: no first stop."] if without else []
    return Section("multiples", "Profit in units of risk", lead, [chart], lacks)


def excursions(view: View) -> Section | Missing:
    trades = [trade for trade in view.run.results.closed if trade.excursions() is not None]
    if not trades:
        return Missing("Excursions: these results do not record lowest and highest rates.")
    shown = trades[:: -(-len(trades) // MOST_TRADES)]
    traces: list[dict[str, Any]] = []
    for name, colour, won in (("made a profit", GOOD, True), ("lost", BAD, False)):
        own = [trade for trade in shown if (trade.profit > 0) is won]
        pairs = np.array([trade.excursions() for trade in own], dtype=np.float64).reshape(-1, 2)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": rounded(pairs[:, 0], 4),
                "y": rounded(pairs[:, 1], 4),
                "text": [label(trade, view.currency) for trade in own],
                "hovertemplate": "%{text}<br>%{x:.2%} against, %{y:.2%} in favour<extra></extra>",
                "marker": {"color": colour, "size": 6, "opacity": 0.6},
            }
        )
    most = float(max(max(trade.excursions() or (0, 0)) for trade in shown))
    traces.append(
        {
            "type": "scatter",
            "mode": "lines",
            "x": [0, most],
            "y": [0, most],
            "line": {"color": MUTED, "dash": "dot", "width": 1},
            "hoverinfo": "skip",
            "showlegend": False,
        }
    )
    chart = Chart(
        "excursions",
        "How far each trade's price went against it (MAE) and in its favour (MFE)",
        traces,
        {
            "xaxis": {"title": {"text": "against the trade (MAE)"}, "tickformat": ".1%"},
            "yaxis": {"title": {"text": "in its favour (MFE)"}, "tickformat": ".1%"},
            "legend": legend_above(),
            "hovermode": "closest",
        },
        height=380,
    )
    lead = (
        f"{_given_back(trades)} Those far to the right, in green, were close to being losses; "
        "those high up, in red, gave a profit back."
    )
    return Section("excursions", "What trades went through", lead, [chart])


def _given_back(trades: list[Trade]) -> str:
    lost = [trade for trade in trades if trade.profit < 0]
    ahead = sum((trade.excursions() or (0.0, 0.0))[1] > 0.01 for trade in lost)
    return f"{ahead:,} of {words.counted(len(lost), 'losing trade')} had been 1% ahead."


def label(trade: Trade, currency: str) -> str:
    """Returns a trade in one line for a hover, escaped."""
    tag = f", {trade.enter_tag}" if trade.enter_tag else ""
    return words.text(
        f"{trade.pair} {trade.side}{tag}, {words.moment(trade.opened)}: "
        f"{words.money(trade.profit, currency)}"
    )

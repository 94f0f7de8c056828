"""How much was held, and how close the exchange was to closing it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from perpkit.market.times import dates_of
from perpkit.report import words
from perpkit.report.charts import (
    ACCENT,
    BAD,
    GOOD,
    INK,
    Chart,
    instants,
    legend_above,
    line,
    rounded,
)
from perpkit.report.section import Missing, Section
from perpkit.report.sections.outcomes import label
from perpkit.report.view import View
from perpkit.research.liquidation import is_isolated
from perpkit.research.results import Results
from perpkit.research.trades import Trade

MOST_STEPS = 500


def exposure(view: View) -> Section | Missing:
    held, equity = view.run.exposure, view.run.account.equity
    if not (held["positions"] > 0).any():
        return Missing("Exposure: no position was open at the close of a candle.")
    longs, shorts = held["long"] / equity, -held["short"] / equity
    net = longs + shorts
    gross = longs - shorts
    chart = Chart(
        "exposure",
        "Value of all longs, of all shorts (below zero) and of both together, over equity; means "
        "of short stretches",
        [
            line(_steady(longs), "long", GOOD, digits=4, fill="tozeroy"),
            line(_steady(shorts), "short", BAD, digits=4, fill="tozeroy"),
            line(_steady(net), "net", INK, digits=4),
        ],
        {
            "legend": legend_above(),
            "xaxis": {"type": "date"},
            "yaxis": {"title": {"text": "x equity"}},
            "hovermode": "x unified",
        },
        height=300,
    )
    leverage = sorted(trade.leverage for trade in view.run.results.trades)
    lead = (
        f"At most {words.number(float(gross.max()))} x equity was held, "
        f"{words.number(float(gross.mean()))} x on average, and "
        f"{words.counted(int(held['positions'].max()), 'position')} at a time. "
        f"{_leverage(leverage)}"
    )
    return Section("exposure", "What was held", lead, [chart])


def _leverage(ordered: list[float]) -> str:
    least, most = ordered[0], ordered[-1]
    if least == most:
        return f"Every trade had a leverage of {least:g}."
    middle = ordered[len(ordered) // 2]
    return f"Trades had a leverage of {least:g} to {most:g}, {middle:g} in the middle."


def _steady(series: pd.Series) -> pd.Series:
    """Returns means of as many stretches as can be told apart: positions come and go faster."""
    width = -(-len(series) // MOST_STEPS)
    if width == 1:
        return series
    groups = np.arange(len(series)) // width
    means = series.groupby(groups).mean()
    means.index = dates_of(series.index)[::width]
    return means


def liquidation(view: View) -> Section | Missing:
    """How close each trade's price came to the rate at which the exchange closes it."""
    trades = [(t, left) for t in view.run.results.trades if (left := _left(t)) is not None]
    if not trades:
        return Missing(f"Distance to liquidation: {_why_unknown(view.run.results)}.")
    chart = Chart(
        "liquidation",
        "How much of the way from its entry to its liquidation was left when it was closest",
        [
            {
                "type": "scatter",
                "mode": "markers",
                "x": instants(trade.opened for trade, _ in trades),
                "y": rounded(pd.Series([left for _, left in trades], dtype=float), 4),
                "text": [label(trade, view.currency) for trade, _ in trades],
                "hovertemplate": "%{text}<br>%{y:.1%} left<extra></extra>",
                "marker": {"color": ACCENT, "size": 7},
            }
        ],
        {"yaxis": {"tickformat": ".0%", "rangemode": "tozero"}, "xaxis": {"type": "date"}},
        height=260,
    )
    closest, left = min(trades, key=lambda one: one[1])
    lead = (
        f"The closest call was {closest.pair}, opened {words.moment(closest.opened)}: "
        f"{words.percent(left)} of the way was left."
    )
    if not view.run.results.is_bot:
        lead += (
            " An export does not have the rates of liquidation: they are computed, in isolated "
            "margin, from the leverage and the tiers of the installed Freqtrade, as after the "
            "last entry of a trade."
        )
    return Section("liquidation", "Distance to liquidation", lead, [chart])


def _why_unknown(results: Results) -> str:
    if results.is_bot:
        return "the database has no liquidation price, as of spot or before an entry has filled"
    if not any(":" in pair for pair in results.pairs):
        return "spot is not liquidated"
    if not is_isolated(results):
        return (
            "an export does not have it, and it can be computed in isolated margin only: in cross "
            "margin it depends on everything that the account held"
        )
    return "an export does not have it, and the leverage tiers of these pairs are not known"


def _left(trade: Trade) -> float | None:
    worst = trade.highest if trade.is_short else trade.lowest
    entry = trade.entry_rate
    if not trade.liquidation or worst is None or trade.liquidation == entry:
        return None
    return (worst - trade.liquidation) / (entry - trade.liquidation)

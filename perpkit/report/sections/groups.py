"""The same figures for each pair, each tag, each reason of an exit, and each confidence."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from perpkit.report import words
from perpkit.report.charts import ACCENT, SECOND, Chart, bars, legend_above, rounded
from perpkit.report.section import Missing, Section
from perpkit.report.view import View
from perpkit.report.words import Cell, money, number, percent, tone
from perpkit.research.trade_statistics import TradeStatistics, grouped
from perpkit.research.trades import Trade

MOST_ROWS = 40
_MOST_BARS = 20
_FEWEST = 20  # trades with a confidence, below which its calibration says nothing


def groups(view: View) -> Section | Missing:
    if not view.run.results.closed:
        return Missing("Pairs, tags and exit reasons: no trade was closed.")
    content: list[Chart | str] = []
    lacks: list[str] = []
    for name, title, key in (
        ("pairs", "Pair", lambda trade: trade.pair),
        ("reasons", "Exit reason", lambda trade: trade.exit_reason or "(none)"),
        ("tags", "Enter tag", lambda trade: trade.enter_tag or "(none)"),
        ("sides", "Side", lambda trade: trade.side),
    ):
        _add(content, lacks, view, name, title, key)
    best = grouped(view.run.results.trades, lambda trade: trade.pair)
    lead = f"{best[0][0]} made {money(best[0][1].profit, view.currency)}"
    if len(best) > 1:
        lead += f", {best[-1][0]} {money(best[-1][1].profit, view.currency)}"
    return Section("groups", "Where the profit came from", f"{lead}.", content, lacks)


def _add(
    content: list[Chart | str],
    lacks: list[str],
    view: View,
    name: str,
    title: str,
    key: Callable[[Trade], str],
) -> None:
    found = grouped(view.run.results.trades, key)
    if name in ("pairs", "reasons"):
        drawn = found if len(found) <= _MOST_BARS else [*found[:10], *found[-10:]]
        content.append(
            Chart(
                name,
                f"Profit by {title.lower()}, in {view.currency}",
                [bars([words.text(n) for n, _ in drawn], [s.profit for _, s in drawn])],
                {"xaxis": {"type": "category"}},
                height=240,
            )
        )
    shown = found
    if len(found) > MOST_ROWS:
        half = MOST_ROWS // 2
        shown = [*found[:half], *found[-half:]]
        lacks.append(f"{title}: the {half} best and the {half} worst of {len(found)} are shown.")
    content.append(_table(title, shown))


def _table(title: str, groups: list[tuple[str, TradeStatistics]]) -> str:
    with_r = any(s.with_r for _, s in groups)
    rows: list[list[Cell]] = [
        [
            group,
            f"{s.trades:,}",
            percent(s.win_rate),
            (money(s.profit), tone(s.profit)),
            (money(s.expectancy), tone(s.expectancy)),
            number(s.profit_factor),
            _hours(s.mean_hours),
            *([number(s.mean_r)] if with_r else []),
        ]
        for group, s in groups
    ]
    head = [title, "Trades", "Won", "Profit", "A trade", "Profit factor", "Held"]
    return words.table([*head, "Mean R"] if with_r else head, rows)


def _hours(hours: float) -> str:
    return f"{hours / 24:.1f} d" if hours >= 48 else f"{hours:.1f} h"


def confidence_of(trade: Trade) -> float | None:
    """Returns the confidence that ends an enter tag of our strategies, such as "rsi_sma 0.70"."""
    _, _, last = trade.enter_tag.rpartition(" ")
    try:
        value = float(last)
    except ValueError:
        return None
    return value if 0 <= value <= 1 and "." in last else None


def confidence(view: View) -> Section | Missing:
    rated = [
        (value, trade)
        for trade in view.run.results.closed
        if (value := confidence_of(trade)) is not None
    ]
    if len(rated) < _FEWEST:
        return Missing(
            f"Calibration of confidence: fewer than {_FEWEST} enter tags end with a confidence "
            "such as 0.70."
        )
    by_bin: dict[float, list[Trade]] = {}
    for value, trade in rated:
        by_bin.setdefault(round(np.floor(value * 10 + 1e-9) / 10, 1), []).append(trade)
    names = sorted(by_bin)
    won = [sum(t.profit > 0 for t in by_bin[name]) / len(by_bin[name]) for name in names]
    made = [float(np.mean([t.profit / t.entered for t in by_bin[name]])) for name in names]
    chart = Chart(
        "confidence",
        "Share of trades that won, and their mean profit, by the confidence of their entries",
        [
            {
                "type": "bar",
                "name": "won",
                "x": [f"{name:.1f} to {name + 0.1:.1f}" for name in names],
                "y": rounded(np.array(won), 4),
                "text": [words.counted(len(by_bin[name]), "trade") for name in names],
                "marker": {"color": ACCENT},
                "textposition": "outside",
                "width": 0.5,
            },
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": "mean profit, of the value entered",
                "x": [f"{name:.1f} to {name + 0.1:.1f}" for name in names],
                "y": rounded(np.array(made), 4),
                "yaxis": "y2",
                "line": {"color": SECOND},
            },
        ],
        {
            "legend": legend_above(),
            "xaxis": {"type": "category"},
            "yaxis": {"tickformat": ".0%", "rangemode": "tozero"},
            "yaxis2": {"tickformat": ".2%", "overlaying": "y", "side": "right", "showgrid": False},
        },
        height=300,
    )
    lead = (
        f"{words.counted(len(rated), 'trade')} have a confidence, from "
        f"{min(value for value, _ in rated):.2f} to {max(value for value, _ in rated):.2f}. It is "
        "worth something if bars and line rise to the right."
    )
    return Section("confidence", "Is confidence worth something", lead, [chart])

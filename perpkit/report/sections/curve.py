"""The equity and its drawdown, with the times at which entries were locked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from perpkit.market.times import dates_of
from perpkit.report import words
from perpkit.report.charts import (
    ACCENT,
    BAD,
    MUTED,
    SECOND,
    SHADE,
    Chart,
    instants,
    legend_above,
    value_axis,
)
from perpkit.report.charts import line as drawn
from perpkit.report.section import Section
from perpkit.report.view import View
from perpkit.research.locks import Lock, merged

# Shaded at most: more of them are a grey area, and make the page slow.
MOST_SHADES = 400


def curve(view: View) -> Section:
    equity, currency = view.run.account.equity, view.currency
    low, since, depth = worst(equity)
    lead = "The account never fell below an earlier high."
    if depth > 0:
        lead = (
            f"At worst {words.percent(depth)} were lost: from {words.day(since)} to "
            f"{words.day(low)}. "
        )
        lead += _back(equity, low, since)
    # The lane of locks is below the other two, where there is a lock.
    lane = _locks(view)
    upper, lower = ([0.42, 1], [0.14, 0.38]) if lane else ([0.32, 1], [0, 0.28])
    chart = Chart(
        "equity",
        "Equity, marked to market at every candle's close, and how far it is below its high",
        [*_lines(view), *lane],
        {
            "yaxis": {"domain": upper, "title": {"text": currency}, **_axis(view)},
            "yaxis2": {"domain": lower, "tickformat": ".2~%", "title": {"text": "drawdown"}},
            "yaxis3": {"domain": [0, 0.1], "visible": False, "range": [0, 1], "fixedrange": True},
            "xaxis": {
                "type": "date",
                "anchor": "y3" if lane else "y2",
                "range": instants(_ends(view)),
            },
            "shapes": [_shade(lock) for lock in _global(view)],
            "legend": legend_above(),
            "hovermode": "x unified",
            "barmode": "overlay",
        },
        height=520,
    )
    return Section("equity", "The account over time", lead, [chart], _lacks(view))


def worst(equity: pd.Series) -> tuple[float, float, float]:
    """Returns when the worst drawdown was deepest, when it began, and how deep it was.

    Times are in seconds since 1970 UTC, the depth is a share of the high.
    """
    fallen = 1 - equity / equity.cummax()
    low = int(np.argmax(fallen.to_numpy()))
    high = int(np.argmax(equity.to_numpy()[: low + 1]))
    at = dates_of(equity.index)
    return at[low].timestamp(), at[high].timestamp(), float(fallen.iloc[low])


def _ends(view: View) -> tuple[float, float]:
    times = view.run.account.times
    return times[0].timestamp(), times[-1].timestamp()


def _axis(view: View) -> dict[str, Any]:
    curves = [run.account.equity for run in view.runs]
    if view.benchmark is not None:
        curves.append(view.benchmark.equity)
    return value_axis(min(c.min() for c in curves), max(c.max() for c in curves))


def _back(equity: pd.Series, low: float, since: float) -> str:
    at = dates_of(equity.index)
    high = equity[at <= pd.Timestamp(since, unit="s", tz="UTC")].iloc[-1]
    later = equity[(at > pd.Timestamp(low, unit="s", tz="UTC")) & (equity >= high)]
    if later.empty:
        return "It has not come back since."
    return f"It was back at its high on {words.day(dates_of(later.index)[0].timestamp())}."


def _lines(view: View) -> list[dict[str, Any]]:
    lines = []
    for run, colour in zip(view.runs, (ACCENT, SECOND), strict=False):
        equity = run.account.equity
        fallen = equity / equity.cummax() - 1
        lines.append(drawn(equity, words.text(run.name), colour, legendgroup=colour))
        lines.append(
            drawn(
                fallen,
                f"{words.text(run.name)}, drawdown",
                BAD if colour == ACCENT else SECOND,
                digits=4,
                yaxis="y2",
                showlegend=False,
                **({"fill": "tozeroy"} if colour == ACCENT else {}),
            )
        )
    if view.benchmark is not None:
        lines.append(drawn(view.benchmark.equity, words.text(view.benchmark.name), MUTED))
    return lines


def _global(view: View) -> list[Lock]:
    locks = [lock for lock in merged(view.run.results.breakers_locks) if lock.pair == "*"]
    locks = [lock for lock in locks if lock.until > view.run.results.start]
    return sorted(locks, key=lambda lock: lock.start - lock.until)[:MOST_SHADES]


def _locks(view: View) -> list[dict[str, Any]]:
    """A lane of the locks, which says on hover why entries were refused."""
    locks = merged(view.run.results.breakers_locks)
    traces = []
    for whole, name, colour in ((True, "all entries locked", BAD), (False, "one pair", MUTED)):
        own = [lock for lock in locks if (lock.pair == "*") is whole][:2000]
        if own:
            # Plotly expects durations in milliseconds.
            traces.append(
                {
                    "type": "bar",
                    "name": name,
                    "orientation": "h",
                    "base": instants(lock.start for lock in own),
                    "x": [round(1000 * (lock.until - lock.start)) for lock in own],
                    "y": [0.75 if whole else 0.25] * len(own),
                    "width": 0.45,
                    "yaxis": "y3",
                    "hovertext": [_hover(lock) for lock in own],
                    "hoverinfo": "text",
                    "marker": {"color": colour, "line": {"width": 0}},
                }
            )
    return traces


def _hover(lock: Lock) -> str:
    where = "" if lock.pair == "*" else f"{lock.pair}: "
    reason = lock.reason if len(lock.reason) <= 120 else f"{lock.reason[:120]} ..."
    return (
        f"{words.moment(lock.start)} to {words.moment(lock.until)}<br>{words.text(where + reason)}"
    )


def _shade(lock: Lock) -> dict[str, Any]:
    start, until = instants([lock.start, lock.until])
    return {
        "type": "rect",
        "xref": "x",
        "yref": "paper",
        "x0": start,
        "x1": until,
        "y0": 0.14,
        "y1": 1,
        "fillcolor": SHADE,
        "line": {"width": 0},
        "layer": "below",
    }


def _lacks(view: View) -> list[str]:
    if view.run.results.breakers_locks:
        return []
    return ["States of breakers: these results have no lock."]

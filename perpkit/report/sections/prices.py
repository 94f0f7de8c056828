"""The trades of each pair on its price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from perpkit.market.times import dates_of
from perpkit.report import words
from perpkit.report.charts import (
    BAD,
    GOOD,
    INK,
    MUTED,
    SECOND,
    Chart,
    dates,
    instants,
    legend_above,
    rounded,
    value_axis,
)
from perpkit.report.section import Missing, Section
from perpkit.report.view import View
from perpkit.research.trades import StopLevel, Trade, TradeFill

MOST_PAIRS = 12
MOST_CANDLES = 900
MOST_FILLS = 4_000  # of all pairs together

Marked = tuple[Trade, TradeFill]


def prices(view: View) -> Section | Missing:
    counts = Counter(trade.pair for trade in view.run.results.trades)
    known = [pair for pair, _ in counts.most_common() if pair in view.run.account.candles]
    if not known:
        return Missing("Trades on the price: there are no candles of the traded pairs.")
    lacks = []
    if len(known) > MOST_PAIRS:
        lacks.append(
            f"Prices of {len(known) - MOST_PAIRS} pairs: those of the {MOST_PAIRS} most traded are "
            "shown."
        )
    fills = sum(len(trade.fills) for trade in view.run.results.trades)
    every = -(-fills // MOST_FILLS)
    if every > 1:
        lacks.append(f"Trades on the price: one of {every} is drawn.")
    lacks += _lacks(view.run.results.trades)
    charts = [_chart(view, pair, every, number) for number, pair in enumerate(known[:MOST_PAIRS])]
    lead = "Open a pair to see its entries, partial exits, exits and stops."
    return Section("prices", "Trades on the price", lead, charts, lacks)


def _lacks(trades: Sequence[Trade]) -> list[str]:
    """Says of how many trades the way of the stop is not known, and how it would be."""
    without = [trade for trade in trades if trade.fills and not trade.stops]
    if not without:
        return []
    known = sum(trade.first_stop is not None for trade in without)
    shown = "only where it stood first is shown" if known else "they do not record where it stood"
    if 0 < known < len(without):
        shown = f"where it stood first is shown of {known:,} of them"
    which = "their trades" if len(without) == len(trades) else words.counted(len(without), "trade")
    return [
        f"Way of the stop on the price: these results do not have it of {which}; {shown}. Our "
        "strategies record it: in a backtest with --export signals, and a bot in its decision log."
    ]


def _chart(view: View, pair: str, every: int, number: int) -> Chart:
    own = [trade for trade in view.run.results.trades if trade.pair == pair]
    trades = own[::every]
    candles = _candles(view, pair)
    return Chart(
        f"price-{number}",
        f"{pair}: {words.counted(len(own), 'trade')}",
        [
            candles,
            *_ways(trades),
            *_stops(trades),
            *_marks(trades, view.currency),
        ],
        {
            "legend": legend_above(),
            "xaxis": {"type": "date", "rangeslider": {"visible": False}},
            "yaxis": {"title": {"text": "price"}, **_axis(candles)},
            "hovermode": "closest",
        },
        height=460,
        folded=True,
    )


def _candles(view: View, pair: str) -> dict[str, Any]:
    """Candles as long as a screen can show of the whole time."""
    account = view.run.account
    frame = account.candles[pair]
    opened = dates_of(frame["date"])
    inside = (opened >= account.times[0] - account.step) & (opened < account.times[-1])
    frame, opened = frame[inside], opened[inside]
    groups = np.arange(len(frame)) // max(-(-len(frame) // MOST_CANDLES), 1)
    grouped = frame.groupby(groups)
    values = {
        "open": grouped["open"].first(),
        "high": grouped["high"].max(),
        "low": grouped["low"].min(),
        "close": grouped["close"].last(),
    }
    first = pd.Series(opened).groupby(groups).first()
    return {
        "type": "candlestick",
        "name": "price",
        "x": dates(dates_of(first)),
        **{name: rounded(series) for name, series in values.items()},
        "increasing": {"line": {"color": GOOD, "width": 1}},
        "decreasing": {"line": {"color": BAD, "width": 1}},
        "opacity": 0.45,
        "showlegend": False,
    }


def _axis(candles: dict[str, Any]) -> dict[str, Any]:
    lows = [low for low in candles["low"] if low is not None]
    highs = [high for high in candles["high"] if high is not None]
    return value_axis(min(lows), max(highs)) if lows and highs else {}


def _ways(trades: list[Trade]) -> list[dict[str, Any]]:
    """Lines from the first fill of a trade to its last, in the colour of its profit."""
    lines = []
    for name, colour, won in (("made a profit", GOOD, True), ("lost", BAD, False)):
        own = [t for t in trades if len(t.fills) > 1 and (t.profit > 0) is won]
        ends = [(trade.fills[0], trade.fills[-1]) for trade in own]
        lines.append(
            {
                **_segments([(a.at, b.at, a.rate, b.rate) for a, b in ends]),
                "name": name,
                "line": {"color": colour, "width": 2},
            }
        )
    return lines


def _stops(trades: list[Trade]) -> list[dict[str, Any]]:
    """The way of the stop where it is known; else where it stood first, dotted."""
    found = []
    known = [(until, t.stops) for t in trades if t.stops and (until := _end(t))]
    if known:
        found.append({**_steps(known), "name": "stop"})
    levels = [
        (t.opened, _end(t), t.first_stop, t.first_stop)
        for t in trades
        if t.first_stop is not None and t.fills and not t.stops
    ]
    if levels:
        dotted = {"color": SECOND, "width": 1, "dash": "dot"}
        found.append({**_segments(levels), "name": "first stop", "line": dotted})
    return found


def _end(trade: Trade) -> float:
    newest = trade.stops[-1].at if trade.stops else trade.opened
    return trade.closed or max([newest, *(fill.at for fill in trade.fills)])


def _steps(known: list[tuple[float, tuple[StopLevel, ...]]]) -> dict[str, Any]:
    """Returns levels that hold until the next one, as one trace.

    :param known: of each trade, its end and its stops
    """
    x: list[str | None] = []
    y: list[float | None] = []
    for until, stops in known:
        x += [*instants([*(stop.at for stop in stops), max(until, stops[-1].at)]), None]
        rates = [stop.rate for stop in stops]
        y += [*rounded(np.array([*rates, rates[-1]])), None]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"shape": "hv", "color": SECOND, "width": 1.5},
        "hovertemplate": "stop %{y}<extra></extra>",
    }


def _segments(ends: list[tuple[float, float, float, float]]) -> dict[str, Any]:
    """Returns separate lines as one trace: plotly is slow with many.

    :param ends: times and rates of both ends: start, end, first rate, last rate
    """
    at = instants(time for start, end, _, _ in ends for time in (start, end))
    rates = rounded(np.array([rate for _, _, first, last in ends for rate in (first, last)]))
    x: list[str | None] = []
    y: list[float | None] = []
    for row in range(0, len(at), 2):
        x += [at[row], at[row + 1], None]
        y += [rates[row], rates[row + 1], None]
    return {"type": "scatter", "mode": "lines", "x": x, "y": y, "hoverinfo": "skip"}


def _marks(trades: list[Trade], currency: str) -> list[dict[str, Any]]:
    kinds: dict[str, list[Marked]] = {"long in": [], "short in": [], "part out": [], "out": []}
    for trade in trades:
        for fill in trade.fills:
            kinds[_kind(trade, fill)].append((trade, fill))
    looks = {
        "long in": ("triangle-up", GOOD),
        "short in": ("triangle-down", BAD),
        "part out": ("circle-open", INK),
        "out": ("x-thin-open", INK),
    }
    return [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": instants(fill.at for _, fill in marked),
            "y": rounded(np.array([fill.rate for _, fill in marked])),
            "text": [_said(trade, fill, currency) for trade, fill in marked],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {
                "symbol": looks[name][0],
                "color": looks[name][1],
                "size": 9,
                "line": {"color": MUTED if name.endswith("in") else INK, "width": 1},
            },
        }
        for name, marked in kinds.items()
        if marked
    ]


def _kind(trade: Trade, fill: TradeFill) -> str:
    if fill.is_entry:
        return f"{trade.side} in"
    return "out" if trade.closed is not None and fill is trade.fills[-1] else "part out"


def _said(trade: Trade, fill: TradeFill, currency: str) -> str:
    """Returns what a mark says on hover, escaped."""
    what = f"{fill.amount:g} at {words.price(fill.rate)}"
    if fill.is_entry:
        tag = fill.tag or trade.enter_tag
        return words.text(f"{trade.side} in: {what}" + (f", {tag}" if tag else ""))
    if _kind(trade, fill) == "part out":
        return words.text(f"part out: {what}" + (f", {fill.tag}" if fill.tag else ""))
    return words.text(f"out: {what}, {trade.exit_reason}: {words.money(trade.profit, currency)}")

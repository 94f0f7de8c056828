"""Draws the price with the breakers' states shaded, as one HTML file."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from perpkit.files.whole_file import put
from perpkit.ops.stored import BadInputError

if TYPE_CHECKING:
    from pandas import DataFrame
    from plotly.graph_objects import Figure

# By the severity of a state. Levels of the crypto-VIX have the colour of the state they cause.
COLOURS = {
    "elevated": "rgba(240, 190, 60, 0.35)",
    "active": "rgba(240, 190, 60, 0.35)",
    "stressed": "rgba(230, 110, 40, 0.40)",
    "reducing": "rgba(230, 110, 40, 0.40)",
    "extreme": "rgba(190, 30, 40, 0.45)",
    "halted": "rgba(120, 0, 90, 0.50)",
}
MEANINGS = {
    "elevated": "smaller or less leveraged entries",
    "active": "smaller or less leveraged entries",
    "stressed": "no new entries",
    "reducing": "no new entries",
    "extreme": "no new entries (extreme)",
    "halted": "halted, everything closed",
}
TITLE = "what the breakers restrict"  # by which an earlier chart is known
MOST_CANDLES = 20_000  # browsers become slow with more


class Shaded(Protocol):
    """A period of one breaker in one state."""

    @property
    def start(self) -> datetime: ...
    @property
    def until(self) -> datetime: ...
    @property
    def level(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def breaker(self) -> str: ...
    @property
    def pair(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def where(self) -> str: ...


def draw(candles: DataFrame, intervals: Iterable[Shaded], pair: str) -> Figure:
    """Draws the price, shaded while `pair` is restricted, above the lanes of the breakers.

    A breaker has a lane for all pairs, and one more for each pair and each side that it restricts
    alone. Where one side is restricted, the price is shaded in the half of that side: longs above,
    shorts below. The reason is shown on hover.

    :param candles: of `pair`, in Freqtrade's columns; long series are thinned to every n-th close
    :raises BadInputError: if the extra `chart` is not installed
    """
    try:
        from plotly import graph_objects as go
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise BadInputError("chart needs plotly: pip install 'perpkit[chart]'") from error

    every = list(intervals)
    lanes = list(dict.fromkeys(_lane(interval) for interval in every))
    figure = make_subplots(rows=2, shared_xaxes=True, row_heights=[0.7, 0.3], vertical_spacing=0.03)
    thinned = candles[:: max(1, len(candles) // MOST_CANDLES)]
    figure.add_trace(
        go.Scatter(
            x=thinned["date"], y=thinned["close"], name="close", line={"width": 1, "color": "#345"}
        ),
        row=1,
        col=1,
    )
    for level in dict.fromkeys(interval.level for interval in every):
        stretches = [interval for interval in every if interval.level == level]
        figure.add_trace(
            go.Bar(
                base=[interval.start for interval in stretches],
                # Plotly expects durations in milliseconds.
                x=[1000 * (i.until - i.start).total_seconds() for i in stretches],
                y=[_lane(interval) for interval in stretches],
                hovertext=[_hover(interval) for interval in stretches],
                hoverinfo="text",
                orientation="h",
                name=f"{level}: {MEANINGS[level]}",
                marker={"color": COLOURS[level], "line": {"width": 0}},
            ),
            row=2,
            col=1,
        )
    figure.update_layout(
        title=f"{pair}: {TITLE}",
        barmode="overlay",
        template="plotly_white",
        legend={"orientation": "h", "y": -0.08},
        shapes=[_shade(interval) for interval in every if interval.pair in ("*", pair)],
        yaxis={"type": "log", "title": "price"},
        yaxis2={"categoryorder": "array", "categoryarray": lanes[::-1]},
        xaxis={"type": "date"},
        xaxis2={"type": "date"},
    )
    return figure


def write(figure: Figure, path: Path) -> None:
    """Writes the figure as one HTML file that needs no network; the write is atomic."""
    put(path, figure.to_html(include_plotlyjs=True).encode())


def _lane(interval: Shaded) -> str:
    wide = interval.pair == interval.side == "*"
    return interval.breaker if wide else f"{interval.breaker}: {interval.where}"


def _shade(interval: Shaded) -> dict[str, object]:
    return {
        "type": "rect",
        "xref": "x",
        "yref": "y domain",
        "x0": interval.start,
        "x1": interval.until,
        "y0": 0.5 if interval.side == "long" else 0,
        "y1": 0.5 if interval.side == "short" else 1,
        "fillcolor": COLOURS[interval.level],
        "line": {"width": 0},
        "layer": "below",
    }


def _hover(interval: Shaded) -> str:
    return (
        f"{interval.breaker}: {interval.level}, {interval.where}<br>"
        f"{interval.start:%Y-%m-%d %H:%M} to {interval.until:%Y-%m-%d %H:%M} UTC<br>"
        f"{interval.reason}"
    )

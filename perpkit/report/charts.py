"""Charts as plotly reads them, small enough for a page, in colours that follow its theme."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.market.asof import nanoseconds
from perpkit.market.times import dates_at, dates_of

# Colours of the page, which are others in the dark; style.css has them.
INK, MUTED, ACCENT, SECOND, THIRD = "--ink", "--muted", "--accent", "--second", "--third"
GOOD, BAD, SHADE = "--good", "--bad", "--shade"
# More points than a wide screen has columns cannot be seen.
MOST_POINTS = 1_500
# From this ratio of the highest to the lowest value on, an axis is logarithmic.
_WIDE = 3.0


@dataclass(frozen=True)
class Chart:
    """
    :param name: unique in the page
    :param title: what is seen, for those who do not see it, too; plain text
    :param traces, layout: as plotly's; a colour may be one of the page's
    :param height: in pixels
    :param folded: shown when it is opened
    """

    name: str
    title: str
    traces: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any] = field(default_factory=dict)
    height: int = 320
    folded: bool = False

    def spec(self) -> dict[str, Any]:
        return {"data": list(self.traces), "layout": dict(self.layout)}


def line(series: pd.Series, name: str, colour: str, digits: int = 6, **more: Any) -> dict[str, Any]:
    """Returns a line of values over time, with no more points than can be seen."""
    kept = series.iloc[seen(series.to_numpy(dtype=np.float64))]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": dates(dates_of(kept.index)),
        "y": rounded(kept.to_numpy(dtype=np.float64), digits),
        "line": {"color": colour, "width": 1.6},
        **more,
    }


def bars(names: Sequence[str], values: Iterable[float], **more: Any) -> dict[str, Any]:
    """Returns one bar for each name, in the colour of its sign."""
    amounts = list(values)
    colours = [GOOD if value >= 0 else BAD for value in amounts]
    return {
        "type": "bar",
        "x": list(names),
        "y": rounded(np.array(amounts, dtype=np.float64)),
        "marker": {"color": colours},
        # A bar alone would be as wide as the chart.
        "width": min(0.8, 0.2 * len(amounts)),
        "showlegend": False,
        **more,
    }


def seen(values: NDArray[np.float64], most: int = MOST_POINTS) -> NDArray[np.int64]:
    """Returns the rows of a series that a chart needs: of each stretch, the lowest and the highest.

    The first and the last row are always among them.
    """
    count = len(values)
    if count <= most:
        return np.arange(count)
    kept = {0, count - 1}
    for rows in np.array_split(np.arange(count), most // 2):
        known = rows[~np.isnan(values[rows])]
        if len(known):
            kept |= {known[values[known].argmin()], known[values[known].argmax()]}
        else:
            kept.add(rows[0])
    return np.array(sorted(kept))


def dates(index: pd.DatetimeIndex) -> list[str]:
    """Returns times as plotly reads them, in UTC, by the minute."""
    if not len(index):
        return []
    minutes = nanoseconds(index).view("datetime64[ns]").astype("datetime64[m]")
    return [text.replace("T", " ") for text in np.datetime_as_string(minutes).tolist()]


def at_seconds(seconds: Iterable[float]) -> pd.DatetimeIndex:
    """Returns dates from seconds since 1970 UTC."""
    return dates_at(round(1000 * each) for each in seconds)


def instants(seconds: Iterable[float]) -> list[str]:
    """Returns times in seconds since 1970 UTC as plotly reads them."""
    return dates(at_seconds(seconds))


def rounded(values: NDArray[np.float64] | pd.Series, digits: int = 6) -> list[float | None]:
    """Returns values with so many significant digits; None for what is not a number.

    >>> rounded(np.array([1234.56789, 0.000123456789, np.nan]), 4)
    [1235.0, 0.0001235, None]
    """
    return [
        float(f"{value:.{digits}g}") if np.isfinite(value) else None
        for value in np.asarray(values, dtype=np.float64).tolist()
    ]


def value_axis(low: float, high: float) -> dict[str, Any]:
    """Returns an axis for positive values; equal ratios are equally long if they are far apart."""
    if not low > 0 or high / low < _WIDE:
        return {}
    steps = (1,) if high / low > 1_000 else (1, 2, 5)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    shown = [tick for tick in ticks if low * 0.9 <= tick <= high * 1.1]
    return {"type": "log", "tickvals": shown, "ticktext": [f"{tick:,.12g}" for tick in shown]}


def legend_above() -> dict[str, Any]:
    return {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}

"""What charts draw of several sources of signals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from perpkit.bot.candles.plot_config import plot_config
from perpkit.market.columns import with_columns
from perpkit.risk.planned_levels import STOP, TARGET, with_planned_levels
from perpkit.risk.stops import EntryStop

_LONG, _SHORT = "#208050", "#c03030"


def plots(names: Sequence[str]) -> dict[str, Any]:
    """Returns a `plot_config` with a plot of the claims of each source."""
    found = plot_config()
    claims = {
        name: {
            f"{name}_enter_long": {"color": _LONG, "type": "bar"},
            f"{name}_enter_short": {"color": _SHORT, "type": "bar"},
        }
        for name in names
    }
    return {**found, "subplots": claims | found["subplots"]}


def planned(
    frame: pd.DataFrame,
    leads: Sequence[str | None],
    levels: Callable[[str], tuple[EntryStop, float]],
) -> pd.DataFrame:
    """Returns a copy with the first stop and the target of each entry, by the source it is of.

    :param frame: candles with Freqtrade's signals
    :param leads: the source whose levels count, at every candle; None without an entry
    :param levels: returns the stop and the target of a source
    """
    found = {name: np.full(len(frame), np.nan) for name in (STOP, TARGET)}
    lead = np.array(leads, dtype=object)
    for name in sorted({each for each in leads if each is not None}):
        own = {side: frame[side].where(lead == name, 0) for side in ("enter_long", "enter_short")}
        drawn = with_planned_levels(frame.assign(**own), *levels(name))
        for level, values in found.items():
            # What began before is drawn to its end.
            found[level] = np.where(np.isnan(values), drawn[level].to_numpy(), values)
    return with_columns(frame, found)

"""What `freqtrade plot-dataframe` and FreqUI draw of a strategy's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_MEANS = ("#f0a030", "#3080d0", "#8050b0")
BREAKERS = "Breakers"
_STOP, _TARGET = "#c03030", "#208050"


def plot_config(
    *, means: Sequence[str] = (), rsi: bool = False, beside: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Returns a `plot_config` with stop and target, funding, the crowd and the breakers.

    :param means: columns beside the price, at most three
    :param rsi: whether there is a column `rsi`
    :param beside: further columns, each in a plot of its own, by their titles
    """
    main = {name: {"color": colour} for name, colour in zip(means, _MEANS, strict=False)}
    main |= {"planned_stop": {"color": _STOP}, "planned_target": {"color": _TARGET}}
    own = {title: {column: {"color": _MEANS[1]}} for title, column in (beside or {}).items()}
    return {
        "main_plot": main,
        "subplots": {
            **({"RSI": {"rsi": {"color": _MEANS[1]}}} if rsi else {}),
            **own,
            "Funding, 8h": {
                "funding_rate_8h": {"color": _MEANS[0]},
                "funding_mean_8h": {"color": _MEANS[1]},
            },
            "Crowd, rank": {
                "long_short_rank": {"color": _MEANS[2]},
                "funding_rank": {"color": _MEANS[0]},
            },
            BREAKERS: {
                "breakers_long": {"color": _MEANS[1], "type": "bar"},
                "breakers_short": {"color": _STOP, "type": "bar"},
            },
        },
    }


def without_breakers(config: dict[str, Any]) -> dict[str, Any]:
    """For a running bot, whose candles do not have these columns: FreqUI shows its locks."""
    plots = {name: plot for name, plot in config.get("subplots", {}).items() if name != BREAKERS}
    return {**config, "subplots": plots}

"""What a search has found, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perpkit.research.hyperopt.plateau import Ground, Neighbourhood, Search, by_neighbours

_OF_THE_BEST = {
    Ground.PLATEAU: "stands on a plateau",
    Ground.SLOPE: "stands on a slope",
    Ground.PEAK: "stands on a peak: it is probably luck",
}


def verdict(search: Search, ranked: Sequence[Neighbourhood]) -> str:
    """Says where the best epoch stands, and which neighbourhood is the best.

    :param ranked: all neighbourhoods, the best epoch first
    """
    best = ranked[0]
    around = by_neighbours(ranked)[0]
    said = f"No epoch of {len(ranked)} leads the others."
    if best.ground is not None and best.shared is not None:
        shared = min(max(best.shared, 0.0), 1.0)
        said = (
            f"The best of {len(ranked)} epochs, number {best.epoch.number}, "
            f"{_OF_THE_BEST[best.ground]}. Its {search.neighbours} nearest neighbours have "
            f"{shared:.0%} of its lead over the median epoch."
        )
    if around.epoch.number == best.epoch.number:
        return f"{said} No other neighbourhood is better."
    return (
        f"{said} The best neighbourhood is that of epoch {around.epoch.number}: its loss is "
        f"{around.epoch.loss:.3f}, and {around.around:.3f} around it; around the best it is "
        f"{best.around:.3f}."
    )


def shown_params(params: Mapping[str, Any]) -> str:
    """Returns parameters as one line."""
    return ", ".join(
        f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in params.items()
    )

"""What a generated history has on record."""

from __future__ import annotations

import numpy as np

from perpkit.venue.market.history import PairHistory


def series(pair: PairHistory) -> dict[str, np.ndarray]:
    """Everything on record for a pair, by name."""
    found = {
        f"{kind} {i}": column
        for kind, stored in pair.stored.items()
        for candles in stored.values()
        for i, column in enumerate(candles.columns())
    }
    found |= {f"funding {k}": v for k, v in vars(pair.funding).items()}
    return found | {f"positioning {k}": v for k, v in vars(pair.positioning).items()}

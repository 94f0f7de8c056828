"""The liquidation price that Freqtrade stores, which tests hold stops against."""

from __future__ import annotations


def buffered(liquidation: float, entry: float, is_short: bool, buffer: float = 0.05) -> float:
    """Moves a liquidation price the safe way, as Freqtrade does for `Trade.liquidation_price`.

    :param buffer: share of the distance to the entry; Freqtrade's `liquidation_buffer`
    """
    moved = buffer * abs(entry - liquidation)
    return max(liquidation - moved, 0.0) if is_short else liquidation + moved

"""Blocks of all pairs: the leading market crashes, or many traded pairs do at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil

from perpkit.breakers.breaker import ALL_PAIRS, Decision, Side, Trading
from perpkit.breakers.flash_crash import Blocks, FlashCrashLimits


def market_wide(
    limits: FlashCrashLimits, market: Decision, pairs: Sequence[Decision]
) -> Iterator[Decision]:
    """Yields the decisions that block every pair.

    Either the leading market is blocked, or many of the traded pairs are at the same time.

    :param market: decision on the pair that leads the market
    :param pairs: decisions on the traded pairs, the unrestricted ones included
    """
    if market.entries_blocked:
        yield replace(market, pair=ALL_PAIRS, reason=f"market-wide, {market.reason}")
    # Without the error of the product: 0.28 of 25 pairs are 7, and not 8.
    share = ceil(round(limits.market_share * len(pairs), 9))
    least = max(limits.market_min_pairs, share)
    sides: tuple[Side, ...] = ("*",) if limits.blocks is Blocks.BOTH else ("long", "short")
    for side in sides:
        held = [d for d in pairs if d.entries_blocked and d.concerns(d.pair, side)]
        if len(held) < least:
            continue
        # The block ends once fewer pairs than needed are left.
        releases = sorted(d.release for d in held if d.release is not None)
        yield Decision(
            Trading.REDUCING,
            size_factor=0.0,
            release=releases[len(held) - least],
            reason=f"market-wide, {len(held)} of {len(pairs)} pairs moved beyond their limits "
            f"(limit {least}): no new {'entries' if side == '*' else side + 's'}",
            side=side,
        )

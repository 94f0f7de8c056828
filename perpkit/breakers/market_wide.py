"""When every pair is blocked: the leading market crashes, or many traded pairs do at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import ceil

from perpkit.breakers.breaker import ALL_PAIRS, Decision, Side, Trading
from perpkit.breakers.flash_crash import Blocks, FlashCrashLimits


def market_wide(
    limits: FlashCrashLimits, market: Decision, pairs: Sequence[Decision]
) -> Iterator[Decision]:
    """What blocks every pair: the leading market, or many of the traded ones at once.

    :param market: decision of the pair that leads the market
    :param pairs: decisions of the traded pairs, the quiet ones too
    """
    if market.entries_blocked:
        yield replace(market, pair=ALL_PAIRS, reason=f"market-wide, {market.reason}")
    least = max(limits.market_min_pairs, ceil(limits.market_share * len(pairs)))
    sides: tuple[Side, ...] = ("*",) if limits.blocks is Blocks.BOTH else ("long", "short")
    for side in sides:
        held = [d for d in pairs if d.entries_blocked and d.concerns(d.pair, side)]
        if len(held) < least:
            continue
        # It ends when one pair fewer than needed is left.
        releases = sorted(d.release for d in held if d.release is not None)
        yield Decision(
            Trading.REDUCING,
            size_factor=0.0,
            release=releases[len(held) - least],
            reason=f"market-wide, {len(held)} of {len(pairs)} pairs moved beyond their limits "
            f"(limit {least}): no new {'entries' if side == '*' else side + 's'}",
            side=side,
        )

"""What the breakers allow of an addition to an open trade."""

from __future__ import annotations

from freqtrade.persistence import LocalTrade

from perpkit.bot.positions.contracts import Contracts
from perpkit.breakers.breaker import Decision
from perpkit.risk.sizing import Size


def allowed_addition(
    trade: LocalTrade,
    stake: float,
    rate: float,
    decision: Decision,
    contracts: Contracts,
    *,
    sized: bool = False,
) -> Size:
    """The part of `stake` that may be added, with the reason where it is not all of it.

    :param decision: of the breakers, for the trade's pair and side
    :param sized: it belongs to an entry whose size the breakers have been asked about
    """
    if refused := why_blocked(decision):
        return Size(0.0, None, refused)
    if sized or decision.size_factor >= 1:
        return Size(stake)
    part = stake * decision.size_factor
    reason = decision.reason or f"sizes are cut to {decision.size_factor:.0%}"
    if part * trade.leverage < contracts.least_notional(trade.pair, rate):
        return Size(0.0, None, reason)
    return Size(part, None, reason)


def why_blocked(decision: Decision) -> str | None:
    """Why the breakers allow no new risk; None where they do."""
    if decision.entries_blocked or not decision.size_factor > 0:
        return decision.reason or f"the breakers are {decision.trading}"
    return None

"""What the exchange holds for the bot's account, and what of it the trade database knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from freqtrade.persistence import Trade

DUST = 1e-9  # amounts that differ by less are equal


@dataclass(frozen=True)
class Held:
    """:param amount: in base currency, negative for a short"""

    amount: float
    entry_price: float


def positions(exchange: Any) -> dict[str, Held]:
    """By pair; raises what Freqtrade raises. One request (weight 5).

    :param exchange: Freqtrade's
    """
    held = {}
    for position in exchange.fetch_positions():
        if contracts := position["contracts"]:
            pair = position["symbol"]
            amount = exchange._contracts_to_amount(pair, contracts)
            signed = -amount if position["side"] == "short" else amount
            held[pair] = Held(signed, float(position.get("entryPrice") or 0.0))
    return held


def signed_amount(trade: Trade | None) -> float:
    """Of a trade, negative for a short."""
    if trade is None:
        return 0.0
    amount: float = trade.amount
    return -amount if trade.is_short else amount

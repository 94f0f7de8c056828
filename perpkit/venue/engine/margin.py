"""The exchange's published margin arithmetic. Money is in the margin asset of the contract.

Sources: Binance support, "How to Calculate Liquidation Price of USDⓈ-M Futures Contracts" (its WB,
TMM, UPNL, cum, MMR, EP), "Cost Required to Open a Position in Perpetual Futures Contracts".
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from perpkit.venue.engine.brackets import Brackets
from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.orders import Side
from perpkit.venue.engine.quote import Quote

# A buyer at market is assumed to pay this much more than the best ask.
_MARKET_BUY_ALLOWANCE = Decimal("1.0005")


def liquidation_price(
    legs: Sequence[tuple[Decimal, Decimal]], brackets: Brackets, balance: Decimal
) -> Decimal | None:
    """Returns the mark price at which margin balance equals maintenance margin.

    As the exchange requires, the bracket is that of the position at the liquidation price, not at
    the entry price. Each round solves the equation within a bracket, then checks in which bracket
    the solution lies. This is Newton's method on a concave, piecewise linear function: if it
    crosses zero at all, it takes at most as many rounds as there are pieces.

    :param legs: (signed amount, entry price); two in hedge mode with cross margin, otherwise one
    :param balance: WB - TMM + UPNL; isolated: the isolated wallet; cross: the cross wallet minus
        maintenance margin and plus unrealised PnL of all other contracts
    :returns: None if no price above 0 liquidates
    """
    price = legs[0][1]
    cost = sum((amount * entry for amount, entry in legs), ZERO)
    used = [brackets.at(abs(amount) * price) for amount, _ in legs]
    for _ in range(len(legs) * len(brackets.rows) + 2):
        slope = sum((abs(a) * b.rate - a for (a, _), b in zip(legs, used, strict=True)), ZERO)
        if not slope:
            return None
        price = (balance + sum((b.cum for b in used), ZERO) - cost) / slope
        found = [brackets.at(abs(amount) * max(price, ZERO)) for amount, _ in legs]
        if found == used:
            return price if price > 0 else None
        used = found
    return None


def bankruptcy_price(amount: Decimal, entry: Decimal, balance: Decimal) -> Decimal:
    """Returns the price at which the position has used up `balance`; 0 if a long never does."""
    return max(entry - balance / amount, ZERO)


def assumed_price(side: Side, limit: Decimal | None, quote: Quote) -> Decimal:
    """Returns the price at which the cost of an order is estimated.

    :param limit: limit price; None for a MARKET order
    """
    if limit is not None:
        return limit
    best = quote.best(side) or quote.mark
    return best * _MARKET_BUY_ALLOWANCE if side is Side.BUY else max(best, quote.mark)


def open_loss(side: Side, quantity: Decimal, price: Decimal, mark: Decimal) -> Decimal:
    """Returns what an order would lose against mark the moment it fills."""
    return quantity * max(ZERO, side.sign * (price - mark))

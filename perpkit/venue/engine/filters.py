"""The order filters of a contract; a violation raises the exchange's refusal."""

from __future__ import annotations

import re
from decimal import Decimal

from perpkit.venue.engine.contract import Contract
from perpkit.venue.engine.orders import Side
from perpkit.venue.engine.refusals import Refusal

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


def check_client_id(client_id: str) -> None:
    if not _CLIENT_ID.fullmatch(client_id):
        raise Refusal.BAD_CLIENT_ID.error()


def check_price(contract: Contract, price: Decimal) -> None:
    """Checks PRICE_FILTER, which also applies to trigger and activation prices."""
    if not price.is_finite():
        raise Refusal.INVALID_MESSAGE.error()
    if price <= 0:
        raise Refusal.PRICE_NEGATIVE.error()
    check_precision(price, max(contract.precision, _places(contract.tick)))
    if price < max(contract.min_price, contract.tick):
        raise Refusal.PRICE_BELOW_MIN.error()
    if price > contract.max_price:
        raise Refusal.PRICE_ABOVE_MAX.error()
    if price % contract.tick:
        raise Refusal.PRICE_OFF_TICK.error()


def check_quantity(contract: Contract, quantity: Decimal, *, market: bool) -> None:
    """Checks LOT_SIZE, or MARKET_LOT_SIZE for orders without a limit."""
    if not quantity.is_finite():
        raise Refusal.INVALID_MESSAGE.error()
    if quantity <= 0:
        raise Refusal.QUANTITY_ZERO.error()
    check_precision(quantity, _places(contract.step))
    if quantity < contract.step:
        raise Refusal.QUANTITY_BELOW_MIN.error()
    if quantity > (contract.max_market_quantity if market else contract.max_quantity):
        raise Refusal.QUANTITY_ABOVE_MAX.error()
    if quantity % contract.step:
        raise Refusal.QUANTITY_OFF_STEP.error()


def check_percent_price(
    contract: Contract, side: Side, limit: Decimal | None, best: Decimal | None, mark: Decimal
) -> None:
    """Checks PERCENT_PRICE: how far a limit, or the price that a MARKET order meets, is from mark.

    :param limit: None for a MARKET order
    :param best: best price of the opposite side; None if that side is empty
    """
    price = best if limit is None else limit
    if price is None:
        return
    if side is Side.BUY and price > (bound := mark * contract.percent_up):
        refusal = Refusal.LIMIT_TOO_HIGH
    elif side is Side.SELL and price < (bound := mark * contract.percent_down):
        refusal = Refusal.LIMIT_TOO_LOW
    else:
        return
    if limit is None:
        raise Refusal.COUNTERPARTY_PRICE.error()
    raise refusal.error(contract.price(bound))


def check_notional(contract: Contract, notional: Decimal) -> None:
    if notional < contract.min_notional:
        raise Refusal.MIN_NOTIONAL.error(f"{contract.min_notional:f}")


def check_precision(value: Decimal, places: int) -> None:
    """Checks the number of decimals, regardless of the price or quantity grid."""
    if _places(value) > places:
        raise Refusal.BAD_PRECISION.error()


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    assert isinstance(exponent, int)  # a letter only for values that are not finite
    return max(0, -exponent)

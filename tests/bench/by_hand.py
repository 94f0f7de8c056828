"""What a trader does on the account beside the bot, and what is to be seen of it."""

from __future__ import annotations

from decimal import Decimal

from perpkit.venue.engine import Algo, NewAlgo, NewOrder, Order
from tests.bench.live import Venue

SYMBOL = "BTCUSDT"


def trade_by_hand(venue: Venue, amount: Decimal, **given: object) -> Order:
    """A market order; negative amounts are sold."""
    return _place(venue, amount, type="MARKET", **given)


def rest_by_hand(venue: Venue, amount: Decimal, price: Decimal, **given: object) -> Order:
    return _place(venue, amount, type="LIMIT", price=price, time_in_force="GTC", **given)


def _place(venue: Venue, amount: Decimal, **given: object) -> Order:
    engine, now = venue.exchange.engine, venue.exchange.market.now()
    venue.exchange.catch_up(SYMBOL)
    side = "BUY" if amount > 0 else "SELL"
    return engine.place_order(
        venue.account, NewOrder(SYMBOL, side, quantity=abs(amount), **given), now
    )


def stop_by_hand(venue: Venue, amount: Decimal, price: Decimal, kind: str = "STOP_MARKET") -> Algo:
    side = "BUY" if amount > 0 else "SELL"
    new = NewAlgo(SYMBOL, side, kind, abs(amount), price, reduce_only=True)
    venue.exchange.catch_up(SYMBOL)
    return venue.exchange.engine.place_algo(venue.account, new, venue.exchange.market.now())


def cancel_stops(venue: Venue) -> None:
    venue.exchange.engine.cancel_all_algos(venue.account, SYMBOL, venue.exchange.market.now())


def forget_stops(venue: Venue) -> None:
    """The exchange has none, and says that it never had."""
    for known in (venue.account.algos, venue.account.algos_by_client_id):
        known.clear()
    venue.exchange.engine._state.holding(venue.account, SYMBOL).algos.clear()

"""What a trader does on the account beside the bot, and what is to be seen of it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from perpkit.venue.engine import Algo, NewAlgo, NewOrder, Order
from perpkit.venue.invariants import Breach
from tests.bench.in_process import InProcessBot
from tests.bench.live import Venue

SYMBOL = "BTCUSDT"
STEP = timedelta(seconds=5)
MINUTE = timedelta(minutes=1)


def enter(bot: InProcessBot, venue: Venue, side: str = "long") -> None:
    """With a strategy that does as the test says."""
    bot.bot.strategy.side = side
    bot.run_until(lambda: venue.amount, 5 * MINUTE, STEP)
    bot.bot.strategy.side = None


def hold(bot: InProcessBot, venue: Venue, side: str = "long") -> None:
    """A position with its stop."""
    enter(bot, venue, side)
    bot.run_until(lambda: live_stops(venue), MINUTE, STEP)


def live_stops(venue: Venue) -> list[Algo]:
    venue.exchange.catch_up()
    return venue.exchange.engine.open_algos(venue.account)


def breaches(venue: Venue) -> list[Breach]:
    venue.exchange.catch_up()
    return venue.exchange.checker.breaches


def warnings(bot: InProcessBot) -> list[str]:
    return [m["status"] for m in bot.messages if str(m["type"]) == "warning"]


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

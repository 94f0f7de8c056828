"""Corrects what Freqtrade books wrongly in live mode, in Freqtrade's own database.

Funding: a trade closed by its stop at the exchange is booked without the funding charged since its
last order, and a fill that is booked late has that of another time. Commission: an order with
several fills is booked at the unweighted mean of their rates, and several orders of a trade at the
rate of the first one (see `commissions`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import ccxt
from freqtrade.data.dataprovider import DataProvider
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.commissions import (
    Commission,
    FilledOrder,
    UnknownCommissionError,
    commission,
    filled_orders,
    several,
)
from perpkit.bot.live.funding_charged import LISTED, Charged, charged_since, filled_at, sum_between
from perpkit.bot.live.replaced import replace
from perpkit.bot.positions.trades import TradeKey, key_of
from perpkit.bot.running_bot import message_of, running_bot
from perpkit.durations import HOUR, MINUTE

logger = logging.getLogger(__name__)

# Trades that closed longer ago are not corrected.
MEMORY = timedelta(days=7)
# By then a settlement is listed among the exchange's incomes.
_SETTLED = MINUTE
# The pause after a failure.
_AGAIN = MINUTE
# After this time, fills that the exchange does not list are given up: their contract was delisted,
# or they belong to another account.
_SHOWN = HOUR
_AT_ONCE = datetime.min.replace(tzinfo=UTC)


class Booking:
    """Corrects closed trades; made in `bot_start` of a live bot, `step` is called every loop.

    An empty `ft_fee_base` of its orders marks a trade that is still to be corrected, also for the
    next process (Freqtrade fills it for commissions in base currency only, which futures do not
    have).
    """

    def __init__(self, dp: DataProvider) -> None:
        self._bot: Any = running_bot(dp)
        self._exchange: Any = self._bot.exchange
        self._wait_until = _AT_ONCE
        # When to retry trades that failed; the key None stands for a failed search.
        self._again_at: dict[TradeKey | None, datetime] = {}
        self._funded: set[TradeKey] = set()  # their commissions are not listed yet
        fills_of = self._exchange.get_trades_for_order
        replace(self._bot, "exchange.get_trades_for_order", one_fill(fills_of))

    def step(self, now: datetime) -> None:
        """Corrects at most one trade. Never raises."""
        if now < self._wait_until:
            return
        key: TradeKey | None = None
        try:
            with self._bot._exit_lock:
                trade = self._next(now)
                if trade is None:
                    return
                key, pair = key_of(trade), trade.pair
                first = min(filled_at(order) for order in trade.orders if order.safe_filled)
                old = now - trade.close_date_utc > _SHOWN
                orders = filled_orders(trade)
            if key not in self._funded:
                self._book_all_funding(key, pair, max(first, now - LISTED), give_up=old)
                self._funded.add(key)
            self._book_commissions(key, pair, orders, give_up=old)
            self._funded.discard(key)
            self._again_at.pop(key, None)
        except Exception as error:
            if key not in self._again_at:
                logger.warning(
                    f"Funding or commission of a closed trade is not known yet: {message_of(error)}"
                )
            # A trade that cannot be corrected must not hold up the others.
            self._again_at[key] = now + _AGAIN
            if key is None:
                self._wait_until = now + _AGAIN

    def _next(self, now: datetime) -> Trade | None:
        naive = now.astimezone(UTC).replace(tzinfo=None)  # the database stores naive UTC
        trades: Iterable[Trade] = Trade.get_trades(
            [
                Trade.is_open.is_(False),
                Trade.close_date >= naive - MEMORY,
                Trade.close_date <= naive - _SETTLED,
                Trade.orders.any((Order.filled > 0) & Order.ft_fee_base.is_(None)),
            ]
        ).unique()

        def again_at(trade: Trade) -> datetime:
            return self._again_at.get(key_of(trade), _AT_ONCE)

        return min((t for t in trades if again_at(t) <= now), key=again_at, default=None)

    def _book_all_funding(
        self, key: TradeKey, pair: str, since: datetime, *, give_up: bool
    ) -> None:
        try:
            charged = charged_since(self._exchange._api, pair, since)
        except ccxt.ExchangeError as error:
            if not give_up:
                raise
            logger.warning(f"{pair}: funding is left as Freqtrade booked it: {message_of(error)}")
            return
        self._correct(key, lambda trade: _book_funding(trade, charged, since))

    def _book_commissions(
        self, key: TradeKey, pair: str, orders: Sequence[FilledOrder], *, give_up: bool
    ) -> None:
        try:
            entries, exits = (
                commission(self._exchange, pair, asked) if asked else None
                for asked in (several(orders, entries=True), several(orders, entries=False))
            )
        except (UnknownCommissionError, ccxt.ExchangeError) as error:
            if not give_up:
                raise
            logger.warning(
                f"{pair}: commissions are left as Freqtrade booked them: {message_of(error)}"
            )
            entries = exits = None
        self._correct(key, lambda trade: _book_commission(trade, entries, exits))

    def _correct(self, key: TradeKey, book: Callable[[Trade], str | None]) -> None:
        """:param book: changes the trade; returns the name of what it has changed, or None"""
        with self._bot._exit_lock:
            trade = Trade.get_trades([Trade.id == key.id]).first()
            if trade is None or key_of(trade) != key:
                return  # deleted since
            booked = trade.close_profit_abs or 0.0
            what = book(trade)
            if what is not None:
                trade.recalc_trade_from_orders(is_closing=True)
            Trade.commit()
            if change := (trade.close_profit_abs or 0.0) - booked:
                logger.info(
                    f"{change:+.8g} {trade.stake_currency} of {what} are now part of the profit of "
                    f"{trade}."
                )


def _book_funding(trade: Trade, charged: Charged, since: datetime) -> str:
    """Gives each order what was charged since the one before, as far back as the list goes."""
    fills = sorted((o for o in trade.orders if o.safe_filled), key=filled_at)
    before = filled_at(fills[0])
    for order in fills:
        at = filled_at(order)
        if order.funding_fee is None or before >= since:
            order.funding_fee = sum_between(charged, before, at)
        before = at
    return "funding"


def _book_commission(
    trade: Trade, entries: Commission | None, exits: Commission | None
) -> str | None:
    """Books known commissions, None meaning that Freqtrade's are right already."""
    for order in trade.orders:
        if order.safe_filled:
            order.ft_fee_base = 0.0
    if entries is None and exits is None:
        return None
    settled = trade.pair.split(":")[-1]
    if entries is not None:
        trade.fee_open, trade.fee_open_cost = entries.rate, entries.cost
        trade.fee_open_currency = settled
    if exits is not None:
        trade.fee_close, trade.fee_close_cost = exits.rate, exits.cost
        trade.fee_close_currency = settled
    return "commission"


Fills = list[dict[str, Any]]


def one_fill(fills_of: Callable[..., Fills]) -> Callable[..., Fills]:
    """Wraps `fills_of` to return an order's fills as one, with the weighted rate of commission.

    Commissions in several currencies have no common rate, and are returned unchanged.
    """

    def together(*args: Any, **kwargs: Any) -> Fills:
        fills = fills_of(*args, **kwargs)
        currencies = {(fill.get("fee") or {}).get("currency") for fill in fills}
        if len(currencies) != 1 or None in currencies:
            return fills
        if any(value is None for fill in fills for value in (fill["cost"], fill["fee"]["cost"])):
            return fills
        amount, cost = (sum(fill[name] for fill in fills) for name in ("amount", "cost"))
        currency, paid = fills[0]["fee"]["currency"], sum(fill["fee"]["cost"] for fill in fills)
        fee = {"currency": currency, "cost": paid}
        if currency == fills[0]["symbol"].split(":")[-1]:
            fee["rate"] = paid / cost  # otherwise Freqtrade rounds it to 8 decimals
        return [{**fills[-1], "amount": amount, "cost": cost, "fee": fee}]

    return together

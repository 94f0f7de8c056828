"""Entries of a running bot at the exchange: checked against the book, watched while they are open,
and their slippage kept.

In dry-run and live; a backtest has no book, and fills its orders whole.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from datetime import datetime
from math import isnan, nan
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.exceptions import InvalidOrderException
from freqtrade.persistence import Order, Trade
from freqtrade.persistence.custom_data import _CustomData
from sqlalchemy import select

from perpkit.bot.live.running_bot import running_bot, stored, words
from perpkit.bot.positions.trades import Rest, TradeStates
from perpkit.execution.book import Book, NoBook, Side, read_book
from perpkit.execution.entry import EntryLimits, check_entry
from perpkit.execution.entry_price import crossing_price
from perpkit.execution.fills import KEPT, FillSlippage, SlippageRecord, fill_slippage
from perpkit.execution.partial_entry import Action, OpenEntry, PartialLimits, decide

logger = logging.getLogger(__name__)

# Deep enough for all that a size limit of 30% of the depth lets through: docs/execution.md.
LEVELS = 500
NEAR = 5  # levels that tell the price, at the least weight
SLIPPAGE_KEY = "perpkit_slippage"
# Of the order that takes the rest of a nearly filled entry.
REST = "rest"
# Freqtrade's process_throttle_secs where the configuration has none.
_THROTTLE_SECONDS = 5.0
# What a look and the orders after it may take on top of the interval between looks.
_REQUESTS_SECONDS = 1.0
_ROUNDING = 1e-6
# After which the rest of an entry is not taken any more.
_REST_SECONDS = 60.0


class LiveOrders:
    """:param entry: limits of the check before an entry
    :param partial: limits of entries that are open
    :param states: of the trades
    """

    def __init__(
        self,
        config: dict[str, Any],
        dp: DataProvider,
        entry: EntryLimits,
        partial: PartialLimits,
        states: TradeStates,
    ) -> None:
        self._dp = dp
        self._bot: Any = running_bot(dp)
        self._live = not config["dry_run"]
        self._entry = entry
        self._partial = partial
        self._states = states
        self._adjusts = bool(config.get("position_adjustment_enable", True))
        internals = config.get("internals", {})
        self._throttle = float(internals.get("process_throttle_secs", _THROTTLE_SECONDS))
        self._interval = self._throttle
        self._began_at: datetime | None = None
        self._estimates: dict[str, tuple[float, float]] = {}
        # Open entries, by the exchange's id: last seen without a fill; those that were open as this
        # cycle began, those that were looked at since, and those that the one before did not reach.
        self._empty_at: dict[str, datetime] = {}
        self._due: set[str] = set()
        self._seen: set[str] = set()
        self._missed: set[str] = set()
        self._rest_prices: dict[str, float] = {}
        self._record: SlippageRecord | None = None

    def begin_cycle(self, now: datetime) -> None:
        """To be told when a cycle begins: how far apart the looks really are."""
        if self._began_at is not None:
            self._interval = (now - self._began_at).total_seconds()
        self._began_at = now
        self._missed, self._due, self._seen = self._due - self._seen, set(), set()

    @property
    def next_look_seconds(self) -> float:
        """Until an order is looked at again, and could be acted on.

        As long as the last time, up to twice as long as it should be.
        """
        return max(self._throttle, min(self._interval, 2 * self._throttle)) + _REQUESTS_SECONDS

    def refusal(
        self,
        pair: str,
        side: str,
        amount: float,
        now: datetime,
        *,
        signal_price: float,
        vol_1h: float,
    ) -> str | None:
        """Why the book does not allow this entry; None where it does. Never raises.

        :param side: long or short
        """
        try:
            book = self._book(pair, LEVELS, now)
            check = check_entry(
                self._entry,
                book,
                Side.entering(side),
                amount,
                signal_price=signal_price,
                vol_1h=vol_1h,
            )
        except Exception as error:  # Freqtrade takes an error in its callback for consent
            return f"the entry could not be checked: {words(error)}"
        if not check.allowed:
            return check.reason
        if isinstance(book, Book) and check.slippage is not None:
            self._estimates[pair] = book.mid, check.slippage.mid_bps
        return None

    def timed_out(
        self, trade: Trade, order: Order, now: datetime, blocked: str | None = None
    ) -> bool:
        """For `check_entry_timeout`: whether Freqtrade is to end the order and keep its fills.

        :param blocked: why there is to be no entry any more, if there is a reason
        """
        number = order.order_id
        self._seen.add(number)
        filled = order.safe_filled
        if not filled:
            self._empty_at[number] = now
        bare = now - self._empty_at.get(number, order.order_date_utc)
        entry = OpenEntry(
            filled_share=filled / order.safe_amount,
            order_price=order.safe_placement_price,
            price=nan,
            waited_seconds=(now - order.order_date_utc).total_seconds(),
            unprotected_seconds=bare.total_seconds() if filled else None,
            next_look_seconds=self.next_look_seconds,
            blocked=blocked or "",
        )
        decision = decide(self._partial, entry)
        if decision.action is Action.WAIT:  # only now a price is worth its request
            price, gone = self._price(trade.pair, now), "the book is gone"
            entry = replace(entry, price=price, blocked=gone if isnan(price) else "")
            decision = decide(self._partial, entry)
        if decision.action is Action.WAIT:
            return False
        crosses = decision.action is Action.REPRICE_TO_CROSS and order.ft_order_tag != REST
        what = "the rest is taken at the market's price" if crosses else "the rest is cancelled"
        if crosses and not self._adjusts:
            what, crosses = "the rest is given up: position_adjustment_enable is false", False
        logger.info(f"Entry {number} for {trade.pair}: {decision.reason}; {what}.")
        if crosses:
            self._states.of(trade).rest = Rest(number, now)
        if self._live and filled and self._would_be_kept(trade, filled):
            try:
                self._end(*stored(trade, order))
            except InvalidOrderException:
                logger.info(f"Entry {number} for {trade.pair} has ended meanwhile.")
            return False
        return True

    def rest_stake(
        self, trade: Trade, now: datetime, min_stake: float | None
    ) -> tuple[float, str] | None:
        """For `adjust_trade_position`: the stake of the order that takes the rest, and its tag.

        Asked in the cycle that ended the order; once.
        """
        state = self._states.of(trade)
        rest, state.rest = state.rest, None
        if rest is None or trade.has_open_orders:
            return None
        entry = [order for order in trade.orders if order.ft_order_side != "stoploss"][-1]
        amount = entry.safe_amount - entry.safe_filled  # now: it may have filled meanwhile
        late = (now - rest.at).total_seconds()
        if entry.order_id != rest.order or late > _REST_SECONDS or amount <= 0:
            logger.info(f"The rest for {trade.pair}, decided {late:.0f} s ago, is given up.")
            return None
        try:
            book = self._book(trade.pair, LEVELS, now)
        except Exception as error:
            book = NoBook(f"no order book: {words(error)}")
        side = Side.entering(trade.trade_direction)
        price = crossing_price(book, side, amount) if isinstance(book, Book) else None
        if price is None:
            why = book.reason if isinstance(book, NoBook) else "the book does not hold it"
            logger.info(f"The rest for {trade.pair} is not taken: {why}.")
            return None
        move = price / entry.safe_placement_price - 1
        if abs(move) > self._partial.max_move:
            logger.info(f"The rest for {trade.pair} is not taken: the price has moved {move:+.2%}.")
            return None
        # Freqtrade rounds the amount down that it makes of this.
        stake = amount * (1 + _ROUNDING) * price / trade.leverage
        if min_stake is not None and stake < min_stake:
            logger.info(f"The rest for {trade.pair} is less than can be ordered.")
            return None
        self._rest_prices[trade.pair] = price
        return stake, REST

    def rest_price(self, pair: str, proposed: float) -> float:
        """For `custom_entry_price` with the tag `REST`: a limit that takes all of it at once."""
        return self._rest_prices.pop(pair, proposed)

    def order_filled(self, trade: Trade, order: Order) -> None:
        """Keeps what an entry of a live bot cost against the estimate before it."""
        self._empty_at.pop(order.order_id, None)
        if order.ft_order_side != trade.entry_side or not order.safe_filled or not self._live:
            return
        estimate = self._estimates.pop(trade.pair, None)
        if estimate is None:
            return
        mid, estimated_bps = estimate
        side = Side.entering(trade.trade_direction)
        fill = fill_slippage(side, mid, order.safe_price, estimated_bps)
        record = self.slippage.add(fill)
        trade.set_custom_data(SLIPPAGE_KEY, asdict(fill))
        self._record = record
        logger.info(
            f"Entry into {trade.pair}: {fill.actual_bps:.2f} bps of slippage, "
            f"{fill.estimated_bps:.2f} estimated. {record}."
        )

    @property
    def slippage(self) -> SlippageRecord:
        """Of the last hundred entries, of earlier processes too."""
        if self._record is None:
            newest = (
                select(_CustomData)
                .where(_CustomData.cd_key == SLIPPAGE_KEY)
                .order_by(_CustomData.id.desc())
                .limit(KEPT)
            )
            rows = _CustomData.session.scalars(newest).all()
            fills = [Trade.get_trades([Trade.id == row.ft_trade_id]).first() for row in rows]
            kept = [t.get_custom_data(SLIPPAGE_KEY) for t in fills if t is not None]
            self._record = SlippageRecord(tuple(FillSlippage(**fill) for fill in reversed(kept)))
        return self._record

    def end_unseen(self, trade: Trade) -> None:
        """As a cycle begins, end entries that the one before could not look at: nobody knows what
        has filled of them, and its stop waits. How long a cycle takes does not matter.

        The bot's lock is held.
        """
        for order in trade.open_orders:
            if order.ft_order_side != trade.entry_side:
                continue
            self._due.add(order.order_id)
            if order.order_id in self._missed:
                logger.warning(f"Entry {order.order_id} for {trade.pair} cannot be looked at.")
                self._end(trade, order)

    def _end(self, trade: Trade, order: Order) -> None:
        """Cancel without regard to what is filled, and tell Freqtrade."""
        told = self._bot.exchange.cancel_order(order.order_id, trade.pair)
        self._bot.handle_cancel_enter(trade, told, order, "timeout")

    def _would_be_kept(self, trade: Trade, filled: float) -> bool:
        """Freqtrade does not cancel where what is filled is worth less than an order may be, with
        a reserve for its stop; a position closes with less all the same, as a reduce-only order
        need not be of that value."""
        least = self._bot.exchange.get_min_pair_stake_amount(
            trade.pair, trade.open_rate, self._bot.strategy.stoploss
        )
        return bool(least) and filled * trade.open_rate < least

    def _price(self, pair: str, now: datetime) -> float:
        try:
            book = self._book(pair, NEAR, now)
        except Exception:
            return nan
        return book.mid if isinstance(book, Book) else nan

    def _book(self, pair: str, levels: int, now: datetime) -> Book | NoBook:
        raw = self._dp.orderbook(pair, levels)
        return read_book(raw, int(now.timestamp() * 1000), self._entry.max_book_age_seconds)

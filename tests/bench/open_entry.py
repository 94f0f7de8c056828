"""An entry of a running bot, and as much of Freqtrade and the exchange as is asked about it."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from freqtrade.exceptions import InvalidOrderException
from freqtrade.persistence import Order, Trade

from perpkit.bot.live.open_entries import OpenEntries
from perpkit.bot.live.rests import Rests
from perpkit.bot.positions.trades import TradeStates
from perpkit.bot.watching.order_books import FreshBooks
from perpkit.execution.entry import EntryLimits
from perpkit.execution.partial_entry import PartialLimits
from tests import factories
from tests.factories import START as NOW

BTC = "BTC/USDT:USDT"
SECOND = timedelta(seconds=1)
PLACED = NOW - 60 * SECOND


class Bot:
    """Freqtrade's bot and exchange, as far as they are asked here."""

    def __init__(self) -> None:
        self.exchange = self
        self.strategy = SimpleNamespace(stoploss=-0.6)
        self.ended: list[str] = []
        self.gone = False
        self.order: dict | Exception = RuntimeError("no answer")
        self.updated: list[str] = []

    def get_min_pair_stake_amount(self, pair, price, stoploss, leverage=1.0):
        return 52.5

    def fetch_order(self, order_id, pair):
        if isinstance(self.order, Exception):
            raise self.order
        return {"id": order_id, **self.order}

    def update_trade_state(self, trade, order_id, order):
        self.updated.append(order_id)

    def cancel_order(self, order_id, pair):
        if self.gone:
            raise InvalidOrderException("unknown order")
        return {"id": order_id, "status": "canceled"}

    def handle_cancel_enter(self, trade, order, order_obj, reason):
        assert isinstance(trade, Trade)
        self.ended.append(order_obj.order_id)


class DataProvider:
    """One order book; an exception in its place is raised."""

    def __init__(self) -> None:
        self.book: dict | Exception = book()
        self.asked: list[int] = []
        self._exchange = SimpleNamespace(get_contract_size=lambda _pair: 1.0)

    def orderbook(self, pair, levels):
        self.asked.append(levels)
        if isinstance(self.book, Exception):
            raise self.book
        return self.book


def book(mid: float = 30_000.0, at=NOW, amount: float = 5.0) -> dict:
    return {
        "bids": [[mid - 1 - level, amount] for level in range(20)],
        "asks": [[mid + 1 + level, amount] for level in range(20)],
        "timestamp": at.timestamp() * 1000,
    }


class Desk:
    """What looks after entries that are open.

    :param config: Freqtrade's, of a live bot
    """

    def __init__(self, **config) -> None:
        self.bot, self.dp = Bot(), DataProvider()
        limits, states = PartialLimits(), TradeStates(True)
        self.books = FreshBooks(self.dp, EntryLimits().max_book_age_seconds)
        self.entries = OpenEntries(
            {"dry_run": False, **config}, self.bot, self.books, limits, states
        )
        self.rests = Rests(self.books, limits.max_move, states)


def entry(filled: float, tag: str | None = None, placed=PLACED) -> tuple[Trade, Order]:
    """An open entry of 0.01 at 30,000, of a trade in the database."""
    trade = factories.trade(opened=placed)
    trade.amount, trade.orders[0].ft_is_open = 0.0, True
    order = trade.orders[0]
    order.status, order.filled, order.remaining = "open", filled, 0.01 - filled
    order.order_date, order.ft_order_tag = placed, tag
    Trade.commit()
    return trade, order

"""Reads the money of trades from Freqtrade's trade database: fills, fees, funding, profit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from perpkit.record.trade_database import DRY_RUN, TradeDatabase, ms

_ORDERS = (
    "SELECT o.*, t.is_short FROM orders o JOIN trades t ON t.id = o.ft_trade_id"
    " WHERE t.is_open = true OR t.close_date >= :since ORDER BY o.id"
)
_TRADES = "SELECT * FROM trades WHERE is_open = true OR close_date >= :since ORDER BY id"


@dataclass(frozen=True)
class BookedOrder:
    """An order of a trade, as the trade database has it.

    :param kind: entry, exit or stop
    :param filled: in base currency
    :param price: average price of the fills
    :param left: amount that may still fill, in base currency; 0 if the order has ended
    :param funding: settled between the previous fill and its own, in stake currency
    :param at: when it was created, ms since 1970 UTC
    :param filled_at: when it was filled, ms since 1970 UTC; 0 if it was not
    """

    order_id: str
    kind: str
    filled: float
    price: float
    left: float
    funding: float
    at: int
    filled_at: int

    @property
    def is_entry(self) -> bool:
        return self.kind == "entry"


@dataclass(frozen=True)
class TradeBook:
    """A trade, as the trade database has it; money is in stake currency.

    :param profit: realised, for an open trade by its partial exits; it includes fees and funding
        as Freqtrade books them
    :param fee_open, fee_close: fractions of the value; Freqtrade stores one for each side
    :param funding: settled so far, positive when received
    :param opened: when the trade was opened, ms since 1970 UTC
    """

    id: int
    pair: str
    is_short: bool
    is_open: bool
    leverage: float
    stop_loss: float | None
    profit: float
    fee_open: float
    fee_close: float
    funding: float
    opened: int
    orders: tuple[BookedOrder, ...]

    @property
    def began(self) -> int:
        """When the first order was created, ms since 1970 UTC."""
        return min((order.at for order in self.orders), default=self.opened)

    @property
    def held(self) -> float:
        """The position by its fills, in base currency; positive for shorts, too."""
        return sum(order.filled if order.is_entry else -order.filled for order in self.orders)


def trade_books(database: TradeDatabase, since: int) -> list[TradeBook]:
    """Returns live trades that are open or closed since `since`, oldest first.

    :param since: ms since 1970 UTC
    :raises DatabaseError: when the database cannot be read
    """
    # In the database's format: UTC without a time zone.
    moment = datetime.fromtimestamp(since / 1000, UTC).replace(tzinfo=None).isoformat(" ")
    orders: dict[int, list[BookedOrder]] = {}
    dry = set()
    for row in database.rows(_ORDERS, since=moment):
        if row.order_id.startswith(DRY_RUN):
            dry.add(row.ft_trade_id)
        orders.setdefault(row.ft_trade_id, []).append(_order(row))
    return [
        _book(row, tuple(orders.get(row.id, ())))
        for row in database.rows(_TRADES, since=moment)
        if row.id not in dry
    ]


def _book(row: Any, orders: tuple[BookedOrder, ...]) -> TradeBook:
    # For an open trade, `close_profit_abs` covers only its last exit.
    profit = row.realized_profit if row.is_open else row.close_profit_abs
    return TradeBook(
        id=row.id,
        pair=row.pair,
        is_short=bool(row.is_short),
        is_open=bool(row.is_open),
        leverage=row.leverage or 1.0,
        stop_loss=row.stop_loss,
        profit=profit or 0.0,
        fee_open=row.fee_open or 0.0,
        fee_close=row.fee_close or 0.0,
        funding=_funding(row, orders),
        opened=ms(row.open_date),
        orders=orders,
    )


def _funding(row: Any, orders: tuple[BookedOrder, ...]) -> float:
    """When an addition is placed, `funding_fees` loses what was settled since the last fill, until
    Freqtrade requests it again."""
    if not row.is_open or row.funding_fee_running is None:
        return row.funding_fees or 0.0
    running: float = row.funding_fee_running
    return sum(order.funding for order in orders if order.filled) + running


def _order(row: Any) -> BookedOrder:
    entry = "sell" if row.is_short else "buy"
    kinds = {entry: "entry", "stoploss": "stop"}
    filled = row.filled or 0.0
    amount = row.amount or row.ft_amount
    return BookedOrder(
        order_id=row.order_id,
        kind=kinds.get(row.ft_order_side, "exit"),
        filled=filled,
        price=row.average or row.price or row.stop_price or row.ft_price,
        left=max(amount - filled, 0.0) if row.ft_is_open else 0.0,
        funding=row.funding_fee or 0.0,
        at=ms(row.order_date),
        filled_at=ms(row.order_filled_date) or (ms(row.order_date) if filled else 0),
    )

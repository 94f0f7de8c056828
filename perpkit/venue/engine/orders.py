"""Orders, conditional ("algo") orders and trades: the requests and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from perpkit.venue.engine.contract import ZERO
from perpkit.venue.errors import VenueError


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        return Side.SELL if self is Side.BUY else Side.BUY


class PositionSide(StrEnum):
    BOTH = "BOTH"  # one-way mode
    LONG = "LONG"
    SHORT = "SHORT"


class OrderType(StrEnum):
    MARKET = "MARKET"
    LIMIT = "LIMIT"
    STOP = "STOP"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"
    TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"

    @property
    def conditional(self) -> bool:
        return self is not OrderType.MARKET and self is not OrderType.LIMIT

    @property
    def limits(self) -> bool:
        """Whether the order has a price limit once it trades."""
        return self in (OrderType.LIMIT, OrderType.STOP, OrderType.TAKE_PROFIT)


class TimeInForce(StrEnum):
    GTC = "GTC"  # rests until cancelled
    IOC = "IOC"  # what does not trade at once expires
    FOK = "FOK"  # trades in full at once or is refused
    GTX = "GTX"  # rests, or is refused: post only
    GTD = "GTD"  # rests until a given time

    @property
    def rests(self) -> bool:
        return self in (TimeInForce.GTC, TimeInForce.GTX, TimeInForce.GTD)


class PriceMatch(StrEnum):
    """How a limit is read from the book: the n-th price of the opposite side or of its own."""

    NONE = "NONE"
    OPPONENT = "OPPONENT"
    OPPONENT_5 = "OPPONENT_5"
    OPPONENT_10 = "OPPONENT_10"
    OPPONENT_20 = "OPPONENT_20"
    QUEUE = "QUEUE"
    QUEUE_5 = "QUEUE_5"
    QUEUE_10 = "QUEUE_10"
    QUEUE_20 = "QUEUE_20"

    @property
    def opponent(self) -> bool:
        return self.value.startswith("OPPONENT")

    @property
    def level(self) -> int:
        """The level of the book, counted from 1, the best."""
        return int(self.value.partition("_")[2] or 1)


class WorkingType(StrEnum):
    CONTRACT_PRICE = "CONTRACT_PRICE"
    MARK_PRICE = "MARK_PRICE"


class OrderStatus(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"  # by the user
    EXPIRED = "EXPIRED"  # by the exchange


class AlgoStatus(StrEnum):
    NEW = "NEW"
    TRIGGERING = "TRIGGERING"  # forwarded to the matching engine
    TRIGGERED = "TRIGGERED"  # its order is in the matching engine
    FINISHED = "FINISHED"  # its order has been filled or has ended
    CANCELED = "CANCELED"  # by the user
    EXPIRED = "EXPIRED"  # by the exchange
    REJECTED = "REJECTED"  # the matching engine refused its order


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as the user sent it; the engine checks the values.

    :param price_match: replaces `price`: see `PriceMatch`
    :param good_till: expiry of a GTD order, ms
    """

    symbol: str
    side: str
    type: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: str | None = None
    reduce_only: bool = False
    position_side: str = "BOTH"
    client_id: str | None = None
    price_match: str = "NONE"
    good_till: int | None = None


@dataclass(frozen=True, slots=True)
class NewAlgo:
    """A conditional order as the user sent it.

    :param callback_rate: callback of a trailing stop, percent, 0.1 to 10
    :param price_match: replaces the `price` of the order that it becomes
    :param good_till: expiry of a GTD order, ms
    :param price_protect: whether it must not trigger while mark and last are too far apart
    """

    symbol: str
    side: str
    type: str
    quantity: Decimal | None = None
    trigger_price: Decimal | None = None
    price: Decimal | None = None
    time_in_force: str = "GTC"
    working_type: str = "CONTRACT_PRICE"
    reduce_only: bool = False
    close_position: bool = False
    activate_price: Decimal | None = None
    callback_rate: Decimal | None = None
    position_side: str = "BOTH"
    client_id: str | None = None
    price_match: str = "NONE"
    good_till: int | None = None
    price_protect: bool = False


@dataclass(frozen=True, slots=True)
class Amendment:
    """One change of an open order: price and quantity before and after.

    :param count: how often the order has been changed, this time included
    :param number: the user's own, if any
    """

    id: int
    time: int
    price: tuple[Decimal, Decimal]
    quantity: tuple[Decimal, Decimal]
    count: int
    number: int | None = None


@dataclass(slots=True, eq=False)
class Order:
    """An accepted order, which the engine keeps up to date.

    :param closing: whether it can only reduce a position: reduceOnly, or closing in hedge mode
    :param quantity: as accepted; a reduce-only order is cut to the position
    :param quote: value traded so far, quote asset
    :param ahead: quantity that is before a resting order in the queue at its price
    :param place: orders of the venue's users at one price fill in this order, lowest first
    :param good_till: expiry, ms; 0 for never
    :param forced: whether the exchange sent it, to close a position
    """

    id: int
    client_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    type: OrderType
    time_in_force: TimeInForce
    quantity: Decimal
    price: Decimal
    reduce_only: bool
    closing: bool
    created: int
    updated: int
    algo: Algo | None = None
    status: OrderStatus = OrderStatus.NEW
    executed: Decimal = ZERO
    quote: Decimal = ZERO
    ahead: Decimal = ZERO
    place: int = 0
    price_match: PriceMatch = PriceMatch.NONE
    good_till: int = 0
    amendments: list[Amendment] = field(default_factory=list)
    forced: bool = False

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.executed

    @property
    def average(self) -> Decimal:
        """Mean price of what has traded; 0 before the first trade."""
        return self.quote / self.executed if self.executed else ZERO

    @property
    def is_open(self) -> bool:
        return self.status in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


@dataclass(slots=True, eq=False)
class Algo:
    """An accepted conditional order, which the engine keeps up to date.

    :param order: the order that it became when it triggered
    :param extreme: best price since activation of a trailing stop; None before
    :param refusal: why the matching engine refused its order
    :param good_till: expiry, ms; 0 for never
    """

    id: int
    client_id: str
    symbol: str
    side: Side
    position_side: PositionSide
    type: OrderType
    time_in_force: TimeInForce
    working_type: WorkingType
    quantity: Decimal
    price: Decimal
    trigger_price: Decimal
    activate_price: Decimal
    callback_rate: Decimal
    reduce_only: bool
    close_position: bool
    created: int
    updated: int
    status: AlgoStatus = AlgoStatus.NEW
    triggered: int = 0
    order: Order | None = None
    extreme: Decimal | None = None
    refusal: VenueError | None = None
    price_match: PriceMatch = PriceMatch.NONE
    good_till: int = 0
    price_protect: bool = False

    @property
    def is_open(self) -> bool:
        return self.status is AlgoStatus.NEW


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade of one order; money is in `asset`."""

    id: int
    order_id: int
    symbol: str
    side: Side
    position_side: PositionSide
    price: Decimal
    quantity: Decimal
    realized_pnl: Decimal
    commission: Decimal
    maker: bool
    time: int
    asset: str = "USDT"

    @property
    def quote(self) -> Decimal:
        return self.price * self.quantity

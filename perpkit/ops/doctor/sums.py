"""Profit, commission and funding: what the exchange booked against what the trade database has.

The exchange books each where it happens: a part's profit when it is sold, commission at each fill,
funding at each settlement. Freqtrade books all of it in the profit of an exit. To be compared,
its profits are taken apart again, over the whole life of each trade.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.ops.doctor.incomes import Income
from perpkit.record.trade_books import BookedOrder, TradeBook

WEEK_MS = 7 * DAY_MS
# The greater of both, in stake currency and as a share of what the exchange booked.
LEAST = 1.0
SHARE = 0.001
# Of commission in another coin, whose price then is not known.
SHARE_CONVERTED = 0.1
# Freqtrade asks for funding once an hour, a little after the settlement.
BOOKED_WITHIN_MS = 65 * MINUTE_MS

FIGURES = ("profit", "commission", "funding")


@dataclass(frozen=True)
class Sums:
    """In stake currency, above 0 where it was received.

    :param profit: realised, before fees and funding
    """

    profit: float = 0.0
    commission: float = 0.0
    funding: float = 0.0

    @property
    def total(self) -> float:
        return self.profit + self.commission + self.funding

    def __add__(self, other: Sums) -> Sums:
        return Sums(
            self.profit + other.profit,
            self.commission + other.commission,
            self.funding + other.funding,
        )


@dataclass(frozen=True)
class Compared:
    """One pair.

    :param pair: or the exchange's symbol, where the database has no trade of it
    :param converted: the part of the commission that was paid in another coin
    :param by_orders: profit as the database's orders make it, where its trades may say otherwise
    """

    pair: str
    exchange: Sums
    database: Sums
    known: bool = True
    converted: float = 0.0
    by_orders: float | None = None

    def off(self, figure: str) -> float:
        """By how much the database has more."""
        return float(getattr(self.database, figure) - getattr(self.exchange, figure))

    def allowed(self, figure: str) -> float:
        allowed = max(LEAST, SHARE * abs(getattr(self.exchange, figure)))
        converted = SHARE_CONVERTED * abs(self.converted)
        return allowed + (converted if figure in ("commission", "total") else 0.0)

    @property
    def differing(self) -> list[str]:
        """Figures that are further apart than is allowed."""
        return [f for f in (*FIGURES, "total") if abs(self.off(f)) > self.allowed(f)]

    @property
    def orders_differ(self) -> bool:
        """Whether the orders make another profit than the exchange and the trades have."""
        if self.by_orders is None:
            return False
        return abs(self.by_orders - self.exchange.profit) > self.allowed("profit")


@dataclass
class _Pair:
    """:param start: of what is compared, ms"""

    start: int
    trades: list[TradeBook] = field(default_factory=list)


def compared(
    trades: Iterable[TradeBook],
    incomes: Sequence[Income],
    since: int,
    known_until: int,
    rates: Mapping[str, float],
) -> list[Compared]:
    """By pair, those without a trade last.

    :param trades: open, or with a fill since then
    :param incomes: of all symbols, from `began` on
    :param since: ms
    :param known_until: when Freqtrade last looked, ms
    :param rates: of other coins that commission was paid in, in stake currency; 1 for its own
    """
    pairs = _pairs(trades, since)
    by_symbol: dict[str, list[Income]] = {}
    for income in incomes:
        by_symbol.setdefault(income.symbol, []).append(income)
    found = []
    for pair, own in pairs.items():
        rows = [i for i in by_symbol.pop(symbol_of(pair), []) if i.time >= own.start]
        database = sum(map(booked, own.trades), Sums())
        rows = _already_booked(rows, own.trades, database.funding, known_until)
        orders = sum(_of_orders(trade).profit for trade in own.trades)
        theirs, converted = _sums(rows, rates), _converted(rows, rates)
        found.append(Compared(pair, theirs, database, True, converted, orders))
    for symbol, rows in by_symbol.items():
        rows = [i for i in rows if i.time >= since]
        if any(i.figure for i in rows):
            theirs = _sums(rows, rates)
            found.append(Compared(symbol, theirs, Sums(), False, _converted(rows, rates)))
    return found


def began(trades: Iterable[TradeBook], since: int) -> int:
    """From when on incomes are needed, ms: a trade is compared over all of its life."""
    return min((pair.start for pair in _pairs(trades, since).values()), default=since)


def booked(trade: TradeBook) -> Sums:
    """What the database has of a trade, as the exchange would book it."""
    fees = {True: trade.fee_open, False: trade.fee_close}
    commission = -sum(o.filled * o.price * fees[o.is_entry] for o in trade.orders)
    within = _of_orders(trade)
    profit = trade.profit - within.commission - within.funding
    return Sums(profit, commission, trade.funding)


def symbol_of(pair: str) -> str:
    """The exchange's: BTC/USDT:USDT is BTCUSDT there."""
    return pair.partition(":")[0].replace("/", "")


def _of_orders(trade: TradeBook) -> Sums:
    """What the exits have made, with the fees and funding that Freqtrade has in their profit."""
    profit = commission = funding = waiting = cost = held = 0.0
    sign = -1.0 if trade.is_short else 1.0
    for order in filled(trade.orders):
        waiting += order.funding
        if order.is_entry:
            cost, held = cost + order.filled * order.price, held + order.filled
            continue
        average = cost / held if held else 0.0
        profit += sign * order.filled * (order.price - average)
        commission -= order.filled * (average * trade.fee_open + order.price * trade.fee_close)
        cost, held = cost - order.filled * average, held - order.filled
        funding, waiting = funding + waiting, 0.0
    return Sums(profit, commission, funding)


def filled(orders: Iterable[BookedOrder]) -> list[BookedOrder]:
    return [order for order in orders if order.filled]


def _pairs(trades: Iterable[TradeBook], since: int) -> dict[str, _Pair]:
    pairs: dict[str, _Pair] = {}
    for trade in trades:
        pair = pairs.setdefault(trade.pair, _Pair(since))
        pair.trades.append(trade)
        pair.start = min(pair.start, trade.began)
    return pairs


def _sums(rows: Iterable[Income], rates: Mapping[str, float]) -> Sums:
    sums = dict.fromkeys(FIGURES, 0.0)
    for income in rows:
        if income.figure:
            sums[income.figure] += income.amount * rates.get(income.asset, 0.0)
    return Sums(**sums)


def _converted(rows: Iterable[Income], rates: Mapping[str, float]) -> float:
    return sum(i.amount * rates.get(i.asset, 0.0) for i in rows if i.figure and rates[i.asset] != 1)


def _already_booked(
    rows: list[Income], trades: Sequence[TradeBook], funding: float, known_until: int
) -> list[Income]:
    """Without the funding of an open trade that Freqtrade may not have asked for yet."""
    opened = [trade.began for trade in trades if trade.is_open]
    if not opened:
        return rows
    asked = max(known_until - BOOKED_WITHIN_MS, *opened)
    late = [i for i in rows if i.figure == "funding" and i.time > asked]
    paid = sum(i.amount for i in rows if i.figure == "funding")
    best, left_out = abs(paid - funding), 0
    for count, income in enumerate(sorted(late, key=lambda i: -i.time), 1):
        paid -= income.amount
        if abs(paid - funding) < best:
            best, left_out = abs(paid - funding), count
    gone = {id(i) for i in sorted(late, key=lambda i: -i.time)[:left_out]}
    return [i for i in rows if id(i) not in gone]

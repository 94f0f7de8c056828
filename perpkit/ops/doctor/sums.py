"""Compares profit, commission and funding as the exchange and as the trade database have them.

The exchange books each of them when it happens: a part's profit when it is sold, commission at
each fill, funding at each settlement. Freqtrade books all of it in the profit of an exit. For the
comparison, its profits are split up again, over the whole life of each trade.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.ops.doctor.incomes import Income
from perpkit.record.trade_books import BookedOrder, TradeBook

WEEK_MS = 7 * DAY_MS
# Allowed difference, the greater of both: in stake currency, and as a share of the exchange's sum.
LEAST = 1.0
SHARE = 0.001
# Also allowed, as a share of commission in another coin, whose price at that time is not known.
SHARE_CONVERTED = 0.1
# Freqtrade requests funding once an hour, a little after the settlement.
BOOKED_WITHIN_MS = 65 * MINUTE_MS

FIGURES = ("profit", "commission", "funding")


@dataclass(frozen=True)
class Sums:
    """Sums in stake currency, above 0 for what was received.

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
    """The comparison of one pair.

    :param pair: or the exchange's symbol, if the database has no trade of it
    :param known: whether the database has a trade of it
    :param converted: the part of the commission that was paid in another coin
    :param by_orders: profit computed from the database's orders, which may differ from its trades
    """

    pair: str
    exchange: Sums
    database: Sums
    known: bool = True
    converted: float = 0.0
    by_orders: float | None = None

    def off(self, figure: str) -> float:
        """Returns by how much the database has more."""
        return float(getattr(self.database, figure) - getattr(self.exchange, figure))

    def allowed(self, figure: str) -> float:
        allowed = max(LEAST, SHARE * abs(getattr(self.exchange, figure)))
        converted = SHARE_CONVERTED * abs(self.converted)
        return allowed + (converted if figure in ("commission", "total") else 0.0)

    @property
    def differing(self) -> list[str]:
        """Figures that differ by more than is allowed."""
        return [f for f in (*FIGURES, "total") if abs(self.off(f)) > self.allowed(f)]

    @property
    def orders_differ(self) -> bool:
        """Whether the orders result in another profit than the exchange has."""
        if self.by_orders is None:
            return False
        return abs(self.by_orders - self.exchange.profit) > self.allowed("profit")


@dataclass
class _Pair:
    """The trades of a pair.

    :param start: of the compared period, ms
    """

    start: int
    trades: list[TradeBook] = field(default_factory=list)


def compared(
    trades: Iterable[TradeBook],
    incomes: Sequence[Income],
    since: int,
    known_until: int,
    rates: Mapping[str, float],
) -> list[Compared]:
    """Returns a comparison for each pair; those without a trade come last.

    :param trades: open, or with a fill since then
    :param incomes: of all symbols, from `began` on
    :param since: ms
    :param known_until: when Freqtrade last ran, ms
    :param rates: price in stake currency of each coin in which commission was paid; 1 for itself
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
    """Returns from when on incomes are needed, ms: a trade is compared over its whole life."""
    return min((pair.start for pair in _pairs(trades, since).values()), default=since)


def booked(trade: TradeBook) -> Sums:
    """Returns what the database has of a trade, split up as the exchange books it."""
    fees = {True: trade.fee_open, False: trade.fee_close}
    commission = -sum(o.filled * o.price * fees[o.is_entry] for o in trade.orders)
    within = _of_orders(trade)
    profit = trade.profit - within.commission - within.funding
    return Sums(profit, commission, trade.funding)


def symbol_of(pair: str) -> str:
    """Returns the exchange's symbol of a pair: BTC/USDT:USDT is BTCUSDT there."""
    return pair.partition(":")[0].replace("/", "")


def _of_orders(trade: TradeBook) -> Sums:
    """Returns the profit of the exits, with the fees and funding that Freqtrade includes in it."""
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
    """Leaves out the funding of an open trade that Freqtrade may not have requested yet."""
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

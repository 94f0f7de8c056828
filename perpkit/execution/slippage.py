"""Slippage of a taking order, estimated by walking the order book."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite, sqrt

from perpkit.checks import one_of
from perpkit.durations import HOUR_S
from perpkit.execution.book import BPS, Book, Level, Side

DEPTH_WITHIN = 0.01  # of the mid price: impact is measured against the depth within it
# The share of that depth below which each name applies; from the last one on it is high.
IMPACTS = ((0.01, "negligible"), (0.05, "low"), (0.10, "moderate"))


class Impact(StrEnum):
    NEGLIGIBLE = "negligible"
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


@dataclass(frozen=True)
class Slippage:
    """What an order would cost if it took from the book now.

    :param amount: amount of the order, base asset
    :param held: how much of the amount the book holds
    :param mid: mid price, between the best prices
    :param best: price of the first level
    :param average: average price of the amount held
    :param worst: price of the last level reached
    :param mid_bps: average price against the mid price, half of the spread included
    :param cautious_bps: `mid_bps` plus one standard deviation of the price move until the order
        arrives; infinite while the volatility is unknown
    :param depth_share: amount over the depth within 1% of the mid price
    :param reason: the figures, or what is missing, for the operator

    With insufficient depth all bps are infinite, because the cost of the rest is not in the book.
    """

    side: Side
    amount: float
    held: float
    mid: float
    best: float
    average: float
    worst: float
    mid_bps: float
    cautious_bps: float
    depth_share: float
    impact: Impact
    reason: str

    @property
    def best_bps(self) -> float:
        """Average price against the best price: the cost of the size, without the spread."""
        return shortfall_bps(self.side, self.best, self.average) if self.sufficient else inf

    @property
    def sufficient(self) -> bool:
        """Whether the book has enough depth for the whole amount."""
        return isfinite(self.mid_bps)


def impact_of(depth_share: float) -> Impact:
    """Returns the name of an impact.

    :param depth_share: amount over the depth within 1% of the mid price; NaN counts as high

    >>> impact_of(0.03)
    <Impact.LOW: 'low'>
    """
    return Impact(next((name for limit, name in IMPACTS if depth_share < limit), "high"))


def slippage_of(
    book: Book, side: Side, amount: float, *, vol_1h: float, latency_seconds: float = 1.0
) -> Slippage:
    """Estimates the slippage of an order by walking the book.

    It is exact for an order that meets this very book. Before a real order arrives the price moves,
    in either direction, which `cautious_bps` allows for.

    :param amount: base asset
    :param vol_1h: standard deviation of one-hour returns, a fraction; NaN when unknown
    :param latency_seconds: time from the snapshot of the book to the order's arrival
    :raises ValueError: unless the amount is positive and finite, and the side buy or sell

    >>> book = Book(bids=((99.9, 10.0),), asks=((100.1, 1.0), (100.3, 9.0)))
    >>> found = slippage_of(book, Side.BUY, 2.0, vol_1h=0.006)
    >>> round(found.average, 4), round(found.mid_bps, 4), round(found.cautious_bps, 4)
    (100.2, 20.0, 21.0)
    """
    if not (amount > 0 and isfinite(amount)):
        raise ValueError(f"amount must be positive, got {amount!r}")
    side = one_of("side", side, Side)
    offers = book.offers(side)
    held, cost, worst = _walk(offers, amount)
    average = cost / held
    depth = book.depth(side, DEPTH_WITHIN)
    share = amount / depth if depth else inf
    mid_bps = shortfall_bps(side, book.mid, average)
    impact = impact_of(share)
    reason = f"slippage {mid_bps:.2f} bps, {share:.2%} of the depth within 1%: {impact} impact"
    if held < amount:
        mid_bps, impact = inf, Impact.HIGH
        reason = f"insufficient depth: the book holds {held:g} of {amount:g}"
    return Slippage(
        side=side,
        amount=amount,
        held=held,
        mid=book.mid,
        best=offers[0][0],
        average=average,
        worst=worst,
        mid_bps=mid_bps,
        cautious_bps=mid_bps + move_bps(vol_1h, latency_seconds),
        depth_share=share,
        impact=impact,
        reason=reason,
    )


def amount_of(book: Book, side: Side, notional: float) -> float:
    """Returns the base asset that `notional` of quote currency takes from the book.

    A rest that the book does not hold is counted at its last price, so that `slippage_of` reports
    insufficient depth.

    :raises ValueError: unless the notional is positive and finite, and the side buy or sell

    >>> amount_of(Book(bids=((99.0, 5.0),), asks=((100.0, 1.0), (101.0, 9.0))), Side.BUY, 302.0)
    3.0
    """
    if not (notional > 0 and isfinite(notional)):
        raise ValueError(f"notional must be positive, got {notional!r}")
    amount, left = 0.0, notional
    for price, offered in book.offers(side):
        if price * offered >= left:
            return amount + left / price
        amount += offered
        left -= price * offered
    return amount + left / price


def shortfall_bps(side: Side, expected: float, actual: float) -> float:
    """Returns how much worse `actual` is than `expected`, in basis points of the expected price.

    It is negative when the actual price is better.

    >>> shortfall_bps(Side.SELL, expected=100.0, actual=99.5)
    50.0
    """
    return one_of("side", side, Side).sign * (actual - expected) / expected * BPS


def move_bps(vol_1h: float, seconds: float) -> float:
    """Returns one standard deviation of the price over `seconds`, for a random walk.

    :param vol_1h: standard deviation of one-hour returns, a fraction; unknown gives infinity

    >>> move_bps(0.01, seconds=36)
    10.0
    """
    if not (isfinite(vol_1h) and vol_1h >= 0):
        return inf
    return vol_1h * sqrt(seconds / HOUR_S) * BPS


def _walk(offers: tuple[Level, ...], amount: float) -> tuple[float, float, float]:
    """Returns the amount found, its cost and the last price reached."""
    held = cost = 0.0
    price = offers[0][0]
    for price, offered in offers:
        if offered >= amount - held:
            return amount, cost + (amount - held) * price, price
        held += offered
        cost += offered * price
    return held, cost, price

"""Slippage of an order that takes: what walking the book says that it will cost."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite, sqrt

from perpkit.checks import one_of
from perpkit.durations import HOUR_S
from perpkit.execution.book import BPS, Book, Level, Side

DEPTH_WITHIN = 0.01  # of the middle: the depth that impact is measured against
# Share of that depth below which an impact has its name; above the last it is high.
IMPACTS = ((0.01, "negligible"), (0.05, "low"), (0.10, "moderate"))


class Impact(StrEnum):
    NEGLIGIBLE = "negligible"
    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


@dataclass(frozen=True)
class Slippage:
    """What an order would trade at, now, if it took from the book.

    :param amount: that was asked for, base asset; `held` is how much of it the book holds
    :param mid: between the best prices
    :param best: price of the first level; `worst` of the last one reached, `average` of what is
        held
    :param mid_bps: average against the middle, half of the spread included
    :param cautious_bps: `mid_bps`, and the distance that the price moves in one standard deviation
        before the order arrives; infinite while the volatility is unknown
    :param depth_share: amount over the depth within 1% of the middle
    :param reason: the figures, or what is missing, for people

    With insufficient depth all bps are infinite: what the rest would cost is not in the book.
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
        """Average against the best price: what the size costs, the spread left out."""
        return shortfall_bps(self.side, self.best, self.average) if self.sufficient else inf

    @property
    def sufficient(self) -> bool:
        """Whether the book holds the whole amount."""
        return isfinite(self.mid_bps)


def impact_of(depth_share: float) -> Impact:
    """:param depth_share: of the depth within 1% of the middle; NaN counts as high"""
    return Impact(next((name for limit, name in IMPACTS if depth_share < limit), "high"))


def slippage_of(
    book: Book, side: Side, amount: float, *, vol_1h: float, latency_seconds: float = 1.0
) -> Slippage:
    """Walk the book for `amount` of base asset.

    Exact for an order that meets the same book; the middle moves before a real one arrives, in
    either direction, and `cautious_bps` allows for that.

    :param vol_1h: standard deviation of one-hour returns, a fraction; NaN when unknown
    :param latency_seconds: between the making of the book and the order's arrival
    :raises ValueError: unless the amount is positive and finite, and the side buy or sell
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
    """Base asset that `notional` of quote currency takes from the book.

    What the book does not hold counts at its last price, for `slippage_of` to find it missing.

    :raises ValueError: unless the notional is positive and finite, and the side buy or sell
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
    """How much worse `actual` is than `expected`, of the expected price; negative when better."""
    return one_of("side", side, Side).sign * (actual - expected) / expected * BPS


def move_bps(vol_1h: float, seconds: float) -> float:
    """One standard deviation of the price over `seconds`, as a random walk; unknown is infinite."""
    if not (isfinite(vol_1h) and vol_1h >= 0):
        return inf
    return vol_1h * sqrt(seconds / HOUR_S) * BPS


def _walk(offers: tuple[Level, ...], amount: float) -> tuple[float, float, float]:
    """Amount found, what it costs, and the last price reached."""
    held = cost = 0.0
    price = offers[0][0]
    for price, offered in offers:
        if offered >= amount - held:
            return amount, cost + (amount - held) * price, price
        held += offered
        cost += offered * price
    return held, cost, price

"""Exposure limits: the room that each limit leaves for one more entry.

Every limit is stated in shares or multiples of marked-to-market equity and answers the same
question: how much notional may be added at most. Risk is in price space: notional times distance to
the stop. Open risk is the sum of the risks, as if all stops were hit. Cluster risk adds them up
with the recent correlations, sqrt(r' C r) with shorts negative, so that opposite positions in pairs
that move alike offset each other, which they do not in open risk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt
from typing import Annotated, NamedTuple

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range

# Correlation of two pairs, -1 to 1, NaN when unknown; see `perpkit.market.correlation`.
Between = Callable[[str, str], float]


class Limit(StrEnum):
    """The limits that can reduce or refuse a size."""

    POSITIONS = "open positions"
    LONGS = "open longs"
    SHORTS = "open shorts"
    PAIR = "exposure in the pair"
    SIDE = "exposure on the side"
    GROSS = "gross exposure"
    NET = "net exposure"
    OPEN_RISK = "open risk"
    BUDGET = "open risk in the budget"
    CLUSTER = "cluster risk"
    FREE_MARGIN = "margin in use"
    BALANCE = "balance or exchange maximum"
    STAKE = "stake_amount"
    MINIMUM = "smallest order"


_PERCENT = (Limit.OPEN_RISK, Limit.BUDGET, Limit.CLUSTER, Limit.FREE_MARGIN)
_COUNTS = (Limit.POSITIONS, Limit.LONGS, Limit.SHORTS)


@dataclass(frozen=True)
class ExposureLimits(Parameters):
    """Exposure is notional over equity: 1.5 is one and a half times the account."""

    max_positions: Annotated[
        int, Range(1, 1_000, "positions"), "The most positions open at once"
    ] = 3
    max_pair: Annotated[float, Range(0.01, 125, "x equity"), "The most exposure in one pair"] = 1.0
    max_side: Annotated[
        float, Range(0.01, 125, "x equity"), "The most exposure of all longs, and of all shorts"
    ] = 1.5
    max_gross: Annotated[
        float, Range(0.01, 125, "x equity"), "The most exposure of longs plus shorts"
    ] = 2.0
    max_net: Annotated[
        float, Range(0.01, 125, "x equity"), "The most exposure of longs less shorts, either way"
    ] = 1.5
    max_open_risk: Annotated[
        float, Range(0.0001, 1, "of equity"), "What all stops together may lose"
    ] = 0.03
    max_cluster_risk: Annotated[
        float,
        Range(0.0001, 1, "of equity"),
        "What all stops together may lose, as the pairs move together. 2% at 1% a trade is two "
        "full-size positions that move as one; a third in the same direction fits below a "
        "correlation of 0.17, is cut above, and refused above 0.65. Three at 0.7 of full size fit "
        "up to 0.86",
    ] = 0.02
    least_cluster_room: Annotated[
        float,
        Range(0, 1, "of equity"),
        "What is left of `max_cluster_risk` counts as nothing below this; a quarter of a full-size "
        "position",
    ] = 0.0025
    free_margin: Annotated[
        float, Range(0, 0.99, "of equity"), "What no position may use as margin"
    ] = 0.2


class Holding(NamedTuple):
    """An open position, or an entry order that may still fill, in stake currency.

    :param notional: value at the mark price; negative for a short
    :param risk: loss from the mark price if the stop is hit; at least 0
    """

    pair: str
    notional: float
    risk: float
    margin: float


class PlannedEntry(NamedTuple):
    """An entry that is to be sized.

    :param stop_distance: from the entry price to the stop, as a fraction of the entry price
    """

    pair: str
    is_short: bool
    stop_distance: float
    leverage: float


class Room(NamedTuple):
    """The room that one limit leaves for an entry.

    :param notional: notional that may still be added, in stake currency; 0 or less means none, NaN
        means unknown
    :param used, allowed: the figures of the reason: a count, multiples of equity, shares of it, or
        a margin in stake currency
    :param whose: the source of signals whose budget it is
    """

    limit: Limit
    notional: float
    used: float
    allowed: float
    whose: str = ""

    @property
    def reason(self) -> str:
        if self.limit in _COUNTS:
            return f"{self.limit} {self.used:g} of {self.allowed:g}"
        if self.limit is Limit.BALANCE:
            return f"{self.limit} is {self.allowed:.2f} x equity"
        if self.limit is Limit.STAKE:
            return f"{self.limit} allows {self.allowed:.2f} of margin"
        if self.limit in _PERCENT:
            of = f" of {self.whose}" if self.whose else ""
            return f"{self.limit}{of} {self.used:.2%} of {self.allowed:.2%} of equity in use"
        return f"{self.limit} {self.used:.2f} of {self.allowed:.2f} x equity in use"


def rooms(
    limits: ExposureLimits,
    equity: float,
    holdings: Sequence[Holding],
    entry: PlannedEntry,
    between: Between,
) -> list[Room]:
    """Returns the room that each limit leaves for an entry on top of `holdings`; the smallest
    counts.

    :param equity: marked to market, above 0, in stake currency

    >>> held = [Holding("ETH/USDT:USDT", notional=500.0, risk=10.0, margin=250.0)]
    >>> entry = PlannedEntry("BTC/USDT:USDT", is_short=False, stop_distance=0.02, leverage=2.0)
    >>> min(rooms(ExposureLimits(), 1000.0, held, entry, lambda a, b: 1.0), key=lambda r: r[1])
    Room(limit=<Limit.CLUSTER: 'cluster risk'>, notional=500.0, used=0.01, allowed=0.02, whose='')
    """
    margin = sum(h.margin for h in holdings)
    cluster, cluster_room = _cluster(limits, equity, holdings, entry, between)
    return [
        *(
            room(limit, allowed, equity, holdings, entry)
            for limit, allowed in (
                (Limit.POSITIONS, limits.max_positions),
                (Limit.PAIR, limits.max_pair),
                (Limit.SIDE, limits.max_side),
                (Limit.GROSS, limits.max_gross),
                (Limit.NET, limits.max_net),
                (Limit.OPEN_RISK, limits.max_open_risk),
            )
        ),
        Room(
            Limit.CLUSTER,
            cluster_room / entry.stop_distance,
            cluster / equity,
            limits.max_cluster_risk,
        ),
        Room(
            Limit.FREE_MARGIN,
            ((1 - limits.free_margin) * equity - margin) * entry.leverage,
            margin / equity,
            1 - limits.free_margin,
        ),
    ]


def room(
    limit: Limit,
    allowed: float,
    equity: float,
    holdings: Sequence[Holding],
    entry: PlannedEntry,
) -> Room:
    """Returns the room that one limit leaves for an entry on top of `holdings`.

    A count leaves all room or none, and does not count the pair of the entry.

    :param limit: a count, an exposure, or open risk
    :param allowed: the most: a number of positions, a multiple of equity or a share of it
    :param equity: as for `rooms`; counts do not need it
    """
    if limit in _COUNTS:
        used = _count(limit, holdings, entry)
        return Room(limit, float("inf") if used < allowed else 0.0, used, allowed)
    if limit is Limit.OPEN_RISK:
        risk = sum(max(h.risk, 0.0) for h in holdings)
        return Room(limit, (allowed * equity - risk) / entry.stop_distance, risk / equity, allowed)
    exposure = _exposure(limit, holdings, entry)
    return Room(limit, allowed * equity - exposure, exposure / equity, allowed)


def _count(limit: Limit, holdings: Sequence[Holding], entry: PlannedEntry) -> int:
    """Returns how many positions in other pairs a limit counts."""
    counted = {
        h.pair
        for h in holdings
        # An unknown value may be of either side.
        if not (limit is Limit.LONGS and h.notional < 0)
        and not (limit is Limit.SHORTS and h.notional > 0)
    }
    return len(counted - {entry.pair})


def _exposure(limit: Limit, holdings: Sequence[Holding], entry: PlannedEntry) -> float:
    """Returns the notional that an exposure limit counts, in stake currency."""
    # NaN must not be lost: its side is unknown.
    longs = sum(h.notional for h in holdings if not h.notional < 0)
    shorts = -sum(h.notional for h in holdings if not h.notional > 0)
    match limit:
        case Limit.PAIR:
            return sum(abs(h.notional) for h in holdings if h.pair == entry.pair)
        case Limit.SIDE:
            return shorts if entry.is_short else longs
        case Limit.GROSS:
            return longs + shorts
        case Limit.NET:
            return (shorts - longs) if entry.is_short else (longs - shorts)
    raise ValueError(f"limit must be an exposure, got {limit!r}")


def cluster_risk(risks: Iterable[tuple[str, float]], between: Between) -> float:
    """Returns the risk of several positions as their pairs move together: sqrt(r' C r).

    :param risks: (pair, loss at its stop, negative for a short), in any one unit
    :return: in the same unit

    >>> cluster_risk([("BTC", 3.0), ("ETH", 4.0)], lambda a, b: 0.0)  # uncorrelated
    5.0
    >>> cluster_risk([("BTC", 3.0), ("ETH", -4.0)], lambda a, b: 1.0)  # a hedge
    1.0
    """
    risks = list(risks)
    square = sum(a * a for _, a in risks)
    for i, (first, a) in enumerate(risks):
        for second, b in risks[:i]:
            square += 2 * _joint(first, a, second, b, between)
    return 0.0 if square < 0 else sqrt(square)  # NaN must not be lost


def _joint(first: str, a: float, second: str, b: float, between: Between) -> float:
    """Returns the covariance of two risks; the worst possible where the correlation is unknown.

    A correlation of 1 would not be the worst: it would pass opposite positions as a perfect hedge.
    """
    correlation = between(first, second)
    return abs(a * b) if correlation != correlation else correlation * a * b


def _cluster(
    limits: ExposureLimits,
    equity: float,
    holdings: Sequence[Holding],
    entry: PlannedEntry,
    between: Between,
) -> tuple[float, float]:
    """Returns the present cluster risk and the risk that may be added, both in stake currency.

    With x of risk added, (r' C r) becomes x^2 + 2 b x + a, to be at most cap^2.
    """
    risks = [(h.pair, max(h.risk, 0.0) * (-1 if h.notional < 0 else 1)) for h in holdings]
    held = cluster_risk(risks, between)
    cap = limits.max_cluster_risk * equity
    if held >= cap:
        return held, 0.0  # even for a hedge: correlations are too uncertain to admit more
    sign = -1.0 if entry.is_short else 1.0
    b = sum(_joint(entry.pair, sign, pair, r, between) for pair, r in risks)
    room = sqrt(b * b - held * held + cap * cap) - b
    return held, room if not room < limits.least_cluster_room * equity else 0.0

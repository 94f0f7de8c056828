"""Limits for any strategy: how much may be open at once, and how much one trade or tag may lose.

What is open is limited when something is added to it: an entry gets the room that the smallest
limit leaves, as in `perpkit.risk.exposure`. Losses are limited while trades are open, because a
strategy that averages down has no stop that would limit them: see `perpkit.risk.losses`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from math import isnan
from typing import Annotated, NamedTuple

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.risk.exposure import Holding, Limit, PlannedEntry, Room, room

# What is cut to a limit, computed again, may be above it by this share.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class PositionLimits(Parameters):
    """What is null is not limited. Entries and additions are cut to the room that is left, and
    refused where there is none; exposure is notional over equity, marked to market. A trade or tag
    that has lost too much is closed."""

    max_positions: Annotated[
        int | None, Range(1, 1_000, "positions"), "The most positions open at once"
    ] = None
    max_longs: Annotated[
        int | None, Range(0, 1_000, "positions"), "The most longs open at once; 0 is none"
    ] = None
    max_shorts: Annotated[
        int | None, Range(0, 1_000, "positions"), "The most shorts open at once; 0 is none"
    ] = None
    max_pair: Annotated[
        float | None, Range(0.01, 125, "x equity"), "The most exposure in one pair"
    ] = None
    max_side: Annotated[
        float | None,
        Range(0.01, 125, "x equity"),
        "The most exposure of all longs, and of all shorts",
    ] = None
    max_gross: Annotated[
        float | None, Range(0.01, 125, "x equity"), "The most exposure of longs plus shorts"
    ] = None
    max_net: Annotated[
        float | None,
        Range(0.01, 125, "x equity"),
        "The most exposure of longs less shorts, either way",
    ] = None
    max_open_risk: Annotated[
        float | None,
        Range(0.0001, 1, "of equity"),
        "What all stops together may lose; needs a strategy with a stop",
    ] = None
    max_trade_loss: Annotated[
        float | None,
        Range(0.0001, 1, "of equity"),
        "What one trade may lose, parts that were sold included, before it is closed and nothing "
        "is added to it; equity is what it would be without that loss",
    ] = None
    max_tag_loss: Annotated[
        float | None,
        Range(0.0001, 1, "of equity"),
        "What the trades of one enter tag may lose together before all of them are closed and its "
        "entries are refused. Counted are its open trades, and the net loss of those that closed "
        "within `tag_loss_days`; entries are allowed again when this sum is within the limit. "
        "Trades without a tag count as one tag",
    ] = None
    tag_loss_days: Annotated[
        float, Range(0.01, 30, "days"), "How long a closed trade counts for `max_tag_loss`"
    ] = 7.0

    @property
    def given(self) -> dict[str, float]:
        """The limits that are set, by name."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        del values["tag_loss_days"]
        return {name: value for name, value in values.items() if value is not None}

    @property
    def limits_size(self) -> bool:
        """Whether anything is limited that is looked at when something is added."""
        return any(name not in ("max_trade_loss", "max_tag_loss") for name in self.given)

    @property
    def needs_equity(self) -> bool:
        """Whether anything is limited by its share of equity when something is added."""
        shares = (self.max_pair, self.max_side, self.max_gross, self.max_net, self.max_open_risk)
        return any(share is not None for share in shares)

    @property
    def limits_loss(self) -> bool:
        return self.max_trade_loss is not None or self.max_tag_loss is not None


def limit_rooms(
    limits: PositionLimits, equity: float, holdings: Sequence[Holding], entry: PlannedEntry
) -> list[Room]:
    """Returns the room that each limit leaves that is set; what is unknown leaves NaN.

    :param equity: marked to market, in stake currency; NaN while unknown
    :param entry: its stop distance matters to `max_open_risk` only, its leverage never

    >>> held = [Holding("ETH/USDT:USDT", notional=500.0, risk=10.0, margin=250.0)]
    >>> entry = PlannedEntry("BTC/USDT:USDT", is_short=False, stop_distance=0.1, leverage=2.0)
    >>> [found.notional for found in limit_rooms(PositionLimits(max_side=2), 1000, held, entry)]
    [1500.0]
    """
    side = (Limit.SHORTS, limits.max_shorts) if entry.is_short else (Limit.LONGS, limits.max_longs)
    asked = (
        (Limit.POSITIONS, limits.max_positions),
        side,
        (Limit.PAIR, limits.max_pair),
        (Limit.SIDE, limits.max_side),
        (Limit.GROSS, limits.max_gross),
        (Limit.NET, limits.max_net),
        (Limit.OPEN_RISK, limits.max_open_risk),
    )
    usable = equity if equity > 0 else float("nan")
    return [
        room(limit, allowed, usable, holdings, entry)
        for limit, allowed in asked
        if allowed is not None
    ]


class Fit(NamedTuple):
    """How much of an entry fits.

    :param notional: in stake currency; 0 where nothing fits
    :param bound: the limit that left less than was asked for, None if all fits
    """

    notional: float
    bound: Room | None = None

    @property
    def reason(self) -> str:
        """For the operator, with the figures; empty if all fits."""
        if self.bound is None:
            return ""
        if not _unknown(self.bound):
            return self.bound.reason
        return f"{self.bound.limit} is unknown: a price, a stop or the equity is missing"


def _unknown(found: Room) -> bool:
    return isnan(found.notional)


def fit(rooms: Iterable[Room], asked: float, least: float) -> Fit:
    """Returns how much of `asked` fits into all of `rooms`.

    :param least: the smallest order; what is smaller does not fit

    >>> fit([Room(Limit.SIDE, 40.0, 0.96, 1.0)], asked=100.0, least=5.0).notional
    40.0
    """
    found, bound = asked, None
    for each in rooms:
        if _unknown(each):
            return Fit(0.0, each)
        if each.notional < found - _ROUNDING * asked:
            found, bound = each.notional, each
    return Fit(found if found >= least else 0.0, bound) if bound else Fit(asked)

"""Leverage brackets: the larger a position, the less leverage and the more maintenance margin."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Bracket:
    """One leverage bracket, for notional values in [floor, cap), USDT.

    :param rate: maintenance margin rate, a fraction of the notional
    :param cum: maintenance amount, USDT; it makes maintenance margin continuous across brackets
    """

    number: int
    floor: Decimal
    cap: Decimal
    rate: Decimal
    cum: Decimal
    max_leverage: int


@dataclass(frozen=True, slots=True)
class Brackets:
    """The leverage brackets of one contract, smallest notional first."""

    rows: tuple[Bracket, ...]

    def __post_init__(self) -> None:
        if not self.rows or self.rows[0].floor != 0:
            raise ValueError(f"rows must begin with a bracket from 0, got {self.rows[:1]}")

    @property
    def max_leverage(self) -> int:
        return self.rows[0].max_leverage

    def at(self, notional: Decimal) -> Bracket:
        """Returns the bracket of an absolute notional; above all caps, the last one."""
        for bracket in self.rows:
            if notional < bracket.cap:
                return bracket
        return self.rows[-1]

    def maintenance(self, notional: Decimal) -> Decimal:
        """Returns the maintenance margin of an absolute notional: notional x rate - cum."""
        bracket = self.at(notional)
        return notional * bracket.rate - bracket.cum

    def cap_at(self, leverage: int) -> Decimal:
        """Returns the largest notional that may be held at this leverage."""
        return max((b.cap for b in self.rows if b.max_leverage >= leverage), default=Decimal(0))


# Freqtrade treats a pair that its bundle lacks as one without leverage; so does the venue.
UNKNOWN_PAIR = Brackets(
    (Bracket(1, Decimal(0), Decimal(10) ** 9, Decimal("0.5"), Decimal(0), max_leverage=1),)
)


def bundled_brackets(pair: str) -> Brackets:
    """Returns the brackets of a pair such as "BTC/USDT:USDT" from the tiers that Freqtrade ships.

    A dated contract that is not among them has the brackets of another delivery date.
    """
    tiers = _bundle().get(pair) or _other_delivery(pair)
    if tiers is None:
        return UNKNOWN_PAIR
    return Brackets(
        tuple(
            Bracket(
                number=int(tier["tier"]),
                floor=tier["minNotional"],
                cap=tier["maxNotional"],
                rate=tier["maintenanceMarginRate"],
                cum=tier["info"]["cum"],
                max_leverage=int(tier["maxLeverage"]),
            )
            for tier in tiers
        )
    )


def _other_delivery(pair: str) -> list[dict[str, Any]] | None:
    perpetual, dated, _ = pair.partition("-")
    if not dated:
        return None
    others = (name for name in sorted(_bundle()) if name.startswith(f"{perpetual}-"))
    return next((_bundle()[name] for name in others), None)


@cache
def _bundle() -> dict[str, list[dict[str, Any]]]:
    # The file is located without importing Freqtrade, which takes seconds.
    spec = find_spec("freqtrade")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("freqtrade is not installed, and with it no leverage tiers")
    path = Path(spec.origin).parent / "exchange" / "binance_leverage_tiers.json"
    bundle: dict[str, list[dict[str, Any]]] = json.loads(
        path.read_text(), parse_float=Decimal, parse_int=Decimal
    )
    return bundle

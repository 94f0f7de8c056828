"""Sizing: how much of the wallet an entry gets, or why it gets nothing.

What is wanted follows from the risk (share of equity over stop distance) or from a volatility
target, times confidence and the factors. What the account has room for follows from
`perpkit.risk.exposure`. The smaller counts, and an order below the exchange's minimum is refused:
Freqtrade would raise a stake to that minimum (by up to 30%), and so beyond the risk that was meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import floor, isfinite
from typing import Annotated, NamedTuple

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.risk.exposure import Between, ExposureLimits, Holding, Limit, PlannedEntry, Room, rooms

# Freqtrade multiplies an exchange's minimum by up to this, to leave the stop order room.
FREQTRADE_RESERVE = 1.5


class Basis(StrEnum):
    """What the size starts from."""

    RISK = "risk"
    VOLATILITY = "volatility"


@dataclass(frozen=True)
class SizingRule(Parameters):
    """What a size follows from."""

    basis: Annotated[
        Basis, "What a size starts from: the risk at the stop, or the pair's volatility"
    ] = Basis.RISK
    risk_per_trade: Annotated[
        float,
        Range(0.0001, 0.1, "of equity"),
        "What is lost at the stop, before costs; equity is marked to market",
    ] = 0.01
    vol_target_annual: Annotated[
        float,
        Range(0.001, 10, "a year"),
        "The volatility of the account that one position may cause, where `basis` is `volatility`; "
        "0.12 is a fifth of the account in a pair at 60% a year, as is the default risk with a "
        "stop 5% away",
    ] = 0.12


class Terms(NamedTuple):
    """What the market and the signal say of one entry.

    :param price: of the entry
    :param amount_step: of the exchange, in base currency, above 0
    :param min_stake, max_stake: as Freqtrade gives them to `custom_stake_amount`
    :param confidence: of the signal, 0 to 1
    :param size_factor: of the breakers, 0 to 1
    :param kelly: see `perpkit.risk.kelly`
    :param vol_annual: of the pair, as a fraction; read under `Basis.VOLATILITY` only
    """

    price: float
    amount_step: float
    min_stake: float
    max_stake: float
    confidence: float = 1.0
    size_factor: float = 1.0
    kelly: float = 1.0
    vol_annual: float = float("nan")


class Size(NamedTuple):
    """:param stake: margin for the entry in stake currency; 0 refuses it
    :param limit: what bound the size; None if nothing did, or if an input was missing
    :param reason: for people, with the figures; empty for an entry in full
    """

    stake: float
    limit: Limit | None = None
    reason: str = ""


def size(
    rule: SizingRule,
    limits: ExposureLimits,
    equity: float,
    holdings: Sequence[Holding],
    entry: PlannedEntry,
    terms: Terms,
    between: Between,
) -> Size:
    """The stake of an entry.

    A riskier entry never gets more: wider stop, lower confidence or factor, less equity, more
    held. Anything unknown (NaN) refuses it.

    :param equity: marked to market, in stake currency
    :param holdings: open positions, and entry orders that may still fill
    """
    needed = {
        "equity": equity,
        "stop distance": entry.stop_distance,
        "leverage": entry.leverage,
        "price": terms.price,
        "amount step": terms.amount_step,
        "confidence": terms.confidence,
        "size factor": terms.size_factor,
        "Kelly factor": terms.kelly,
    }
    if rule.basis is Basis.VOLATILITY:
        needed["volatility"] = terms.vol_annual
    for name, value in needed.items():
        if not (isfinite(value) and value > 0):
            return Size(0.0, None, f"{name} must be above 0 for an entry, got {value:g}")

    if rule.basis is Basis.VOLATILITY:
        full = equity * rule.vol_target_annual / terms.vol_annual
    else:
        full = equity * rule.risk_per_trade / entry.stop_distance
    wanted = full * min(terms.confidence, 1.0) * min(terms.size_factor, 1.0) * terms.kelly

    notional, bound = wanted, None
    most = terms.max_stake * entry.leverage
    balance = Room(Limit.BALANCE, most, 0.0, most / equity)
    for room in (*rooms(limits, equity, holdings, entry, between), balance):
        if not room.notional > 0:  # NaN included
            return Size(0.0, room.limit, room.reason)
        if room.notional < notional:
            notional, bound = room.notional, room

    # Freqtrade cuts the amount to the step; what is left must still be an order.
    order = floor_to_step(notional / terms.price, terms.amount_step) * terms.price
    least = terms.min_stake * entry.leverage
    cut = f"cut from {wanted:.2f} to {notional:.2f}: {bound.reason}" if bound else ""
    if not (order > 0 and order >= least):
        reason = f"order of {order:.2f} is below the smallest of {least:.2f}"
        return Size(0.0, Limit.MINIMUM, f"{reason} ({cut})" if cut else reason)
    return Size(notional / entry.leverage, bound.limit if bound else None, cut)


def floor_to_step(amount: float, step: float) -> float:
    """The largest multiple of the step that is not above the amount, but for rounding dust."""
    return floor(amount / step + 1e-6) * step


def least_notional(min_cost: float | None, min_amount: float | None, price: float) -> float:
    """An order value that Freqtrade neither refuses nor raises, in every mode alike.

    The minimum it passes to callbacks is another in backtests (without leverage, another reserve)
    than live; this is at least as large as both.

    :param min_cost, min_amount: `limits.cost.min` (stake currency) and `limits.amount.min` (base
        currency) of the market; None where there is none
    """
    return FREQTRADE_RESERVE * max(min_cost or 0.0, (min_amount or 0.0) * price)

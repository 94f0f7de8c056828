"""Sizing: how much of the wallet an entry gets, or why it gets nothing.

The wanted size follows from the risk (share of equity over stop distance) or from a volatility
target, times confidence and the factors. The room in the account follows from
`perpkit.risk.exposure`. The smaller of the two counts. An order below the exchange's minimum is
refused, because Freqtrade would raise its stake to that minimum (by up to 30%) and so exceed the
intended risk.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import floor, inf, isfinite
from typing import Annotated, NamedTuple

from perpkit.parameters.declared import Parameters
from perpkit.parameters.kinds import Range
from perpkit.risk.exposure import Between, ExposureLimits, Holding, Limit, PlannedEntry, Room, rooms

# Freqtrade multiplies an exchange's minimum by up to this, to leave room for the stop order.
FREQTRADE_RESERVE = 1.5


class Basis(StrEnum):
    """What a size is based on."""

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
    """The market's and the signal's figures for one entry.

    :param price: entry price
    :param amount_step: the exchange's step, in base currency, above 0
    :param min_stake, max_stake: as Freqtrade passes them to `custom_stake_amount`
    :param confidence: confidence in the signal, 0 to 1
    :param size_factor: factor that the breakers allow, 0 to 1
    :param kelly: see `perpkit.risk.kelly`
    :param vol_annual: annualised volatility of the pair, a fraction; used by `Basis.VOLATILITY`
        only
    :param fixed_stake: the largest margin at a size factor of 1, where the user has set one
    :param share: of the size at full risk, which is all that the entry may have, 0 to 1
    """

    price: float
    amount_step: float
    min_stake: float
    max_stake: float
    confidence: float = 1.0
    size_factor: float = 1.0
    kelly: float = 1.0
    vol_annual: float = float("nan")
    fixed_stake: float = inf
    share: float = 1.0


class Size(NamedTuple):
    """The size of an entry, or its refusal.

    :param stake: margin for the entry in stake currency; 0 refuses it
    :param limit: the limit that bound the size; None if none did, or if an input was missing
    :param reason: for the operator, with the figures; empty for an entry at full size
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
    further: Sequence[Room] = (),
) -> Size:
    """Returns the stake of an entry, or its refusal.

    A riskier entry never gets a larger stake: a wider stop, lower confidence or factors, less
    equity or more holdings. An unknown input (NaN) refuses the entry.

    :param equity: marked to market, in stake currency
    :param holdings: open positions, and entry orders that may still fill
    :param further: the room of other limits

    >>> entry = PlannedEntry("BTC/USDT:USDT", is_short=False, stop_distance=0.02, leverage=2)
    >>> terms = Terms(price=50_000, amount_step=0.001, min_stake=5, max_stake=10_000)
    >>> size(SizingRule(), ExposureLimits(), 10_000, [], entry, terms, lambda a, b: 1.0).stake
    2500.0
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
        "share of the risk": terms.share,
    }
    if rule.basis is Basis.VOLATILITY:
        needed["volatility"] = terms.vol_annual
    for name, value in needed.items():
        if not (isfinite(value) and value > 0):
            return Size(0.0, None, f"{name} must be above 0 for an entry, got {value:g}")

    full = full_notional(rule, equity, entry.stop_distance, terms.vol_annual)
    factor = min(terms.size_factor, 1.0)
    wanted = full * min(terms.confidence, 1.0) * factor * terms.kelly * min(terms.share, 1.0)

    notional, bound = wanted, None
    most = terms.max_stake * entry.leverage
    balance = Room(Limit.BALANCE, most, 0.0, most / equity)
    # What a breaker halves is halved where the fixed stake decides, too.
    fixed = terms.fixed_stake * factor
    stake = Room(Limit.STAKE, fixed * entry.leverage, 0.0, fixed)
    found = rooms(limits, equity, holdings, entry, between)
    for room in (*found, *further, balance, stake):
        if not room.notional > 0:  # NaN included
            return Size(0.0, room.limit, room.reason)
        if room.notional < notional:
            notional, bound = room.notional, room

    # Freqtrade cuts the amount to the step; the rest must still be large enough for an order.
    order = floor_to_step(notional / terms.price, terms.amount_step) * terms.price
    least = terms.min_stake * entry.leverage
    cut = f"cut from {wanted:.2f} to {notional:.2f}: {bound.reason}" if bound else ""
    if not (order > 0 and order >= least):
        reason = f"order of {order:.2f} is below the smallest of {least:.2f}"
        return Size(0.0, Limit.MINIMUM, f"{reason} ({cut})" if cut else reason)
    return Size(notional / entry.leverage, bound.limit if bound else None, cut)


def full_notional(
    rule: SizingRule, equity: float, stop_distance: float, vol_annual: float
) -> float:
    """Returns the notional of a position at full size, before factors and limits.

    >>> full_notional(SizingRule(), equity=10_000, stop_distance=0.05, vol_annual=0.6)
    2000.0
    """
    if rule.basis is Basis.VOLATILITY:
        return equity * rule.vol_target_annual / vol_annual
    return equity * rule.risk_per_trade / stop_distance


class Held(NamedTuple):
    """What a trade has taken of its size so far, in stake currency.

    :param notional: of what it holds and has ordered
    :param loss: what that loses if the stop is hit, including what has been lost already; 0 where
        it wins
    """

    notional: float
    loss: float


def left_notional(rule: SizingRule, full: float, held: Held, stop_distance: float) -> float:
    """Returns the notional that may be added to a trade until it has its full size.

    With `Basis.RISK`, what it holds and what is added together lose at most the risk of one trade.

    :param full: `full_notional` at the distance of the addition, times the factors that count
    :param stop_distance: from the price of the addition to the trade's stop
    :return: at least 0; NaN if an input is

    >>> left_notional(SizingRule(), full=2_000, held=Held(1_000, loss=60), stop_distance=0.05)
    800.0
    """
    used = held.notional if rule.basis is Basis.VOLATILITY else held.loss / stop_distance
    left = full - used
    return 0.0 if left < 0 else left


def floor_to_step(amount: float, step: float) -> float:
    """Returns the largest multiple of the step that is not above the amount, but for rounding.

    >>> floor_to_step(7.9, 0.5)
    7.5
    """
    return floor(amount / step + 1e-6) * step


def least_notional(min_cost: float | None, min_amount: float | None, price: float) -> float:
    """Returns an order value that Freqtrade neither refuses nor raises, in any mode.

    The minimum that it passes to callbacks differs between backtests (no leverage, another reserve)
    and live trading; this value is at least as large as both.

    :param min_cost, min_amount: `limits.cost.min` (stake currency) and `limits.amount.min` (base
        currency) of the market; None where there is none

    >>> least_notional(min_cost=5.0, min_amount=0.001, price=50_000)
    75.0
    """
    return FREQTRADE_RESERVE * max(min_cost or 0.0, (min_amount or 0.0) * price)

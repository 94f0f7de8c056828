"""Equity marked to market: what the account would be worth if everything were closed now.

Freqtrade's own equity moves only when a trade closes. Money is in stake currency, rates in stake
currency per unit, fees are fractions of the value traded, times are seconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


def open_profit(
    rate: float,
    amount: float,
    open_rate: float,
    is_short: bool,
    fee_open: float,
    fee_close: float,
    funding: float,
) -> float:
    """What closing an open position at `rate` would bring, after the fees of both sides.

    :param amount: of the open position, never negative
    :param funding: settled on it so far, positive when received
    """
    moved = open_rate - rate if is_short else rate - open_rate
    return amount * (moved - rate * fee_close - open_rate * fee_open) + funding


class Fill(NamedTuple):
    """:param amount: bought above 0, sold below
    :param funding: settled since the fill before it, positive when received"""

    at: float
    amount: float
    rate: float
    fee: float
    funding: float = 0.0


@dataclass(frozen=True)
class TradeLedger:
    """One trade as its fills, in the order of time.

    :param fee_close: what closing the rest of it would cost
    :param closed_at: None while it is open
    :param profit: realised by a closed trade, which its fills need not know exactly
    """

    pair: str
    fills: tuple[Fill, ...]
    fee_close: float
    closed_at: float | None = None
    profit: float = 0.0


def profit_curve(
    times: NDArray[np.float64],
    closes: Mapping[str, NDArray[np.float64]],
    ledgers: Iterable[TradeLedger],
) -> NDArray[np.float64]:
    """Realised and unrealised profit of all `ledgers` together at past `times`, ascending.

    Funding counts from the next fill on, for a ledger does not know when it was settled.

    :param closes: of each pair, the price known at each of `times`, NaN where there is none: there
        a position stands at the rate of its last fill
    """
    total = np.zeros(len(times))
    for ledger in ledgers:
        fills = np.array(ledger.fills, dtype=np.float64).reshape(-1, 5)
        _, amount, rate, fee, funding = fills.T
        # Row 0 stands for "before the first fill".
        paid = np.append(0.0, np.cumsum(funding - amount * rate - np.abs(amount) * rate * fee))
        held = np.append(0.0, np.cumsum(amount))
        last = np.append(0.0, rate)
        filled = np.searchsorted(fills[:, 0], times, side="right")
        known = closes.get(ledger.pair)
        price = last[filled] if known is None else np.where(np.isnan(known), last[filled], known)
        position = held[filled]
        profit = paid[filled] + (position - np.abs(position) * ledger.fee_close) * price
        if ledger.closed_at is not None:
            profit = np.where(times >= ledger.closed_at, ledger.profit, profit)
        total += profit
    return total


@dataclass
class SteadyReading:
    """A figure that is believed once it has stood still.

    The free balance and the open trades are read at different moments, and while an order fills the
    capital worked out from both jumps by a whole stake.

    :param steady: seconds for which a new value must stand before it is taken over
    :param tolerance: relative difference up to which two values are the same
    """

    steady: float
    tolerance: float = 0.001
    _value: float | None = None
    _candidate: tuple[float, float] | None = None

    def read(self, at: float, value: float) -> float:
        """Fold in what is read at `at`; the value to use."""
        if self._value is None or self._same(value, self._value):
            self._value, self._candidate = value, None
        elif self._candidate is None or not self._same(value, self._candidate[1]):
            self._candidate = at, value
        elif at - self._candidate[0] >= self.steady:
            self._value, self._candidate = value, None
        return self._value

    def _same(self, one: float, other: float) -> bool:
        return abs(one - other) <= self.tolerance * max(abs(one), abs(other))

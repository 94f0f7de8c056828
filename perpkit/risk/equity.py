"""Equity marked to market: what the account would be worth if everything were closed now.

Freqtrade's own equity changes only when a trade closes. Money is in stake currency, rates are in
stake currency per unit, fees are fractions of the value traded, times are seconds since 1970 UTC.
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
    """Returns the profit of closing an open position at `rate`, after the fees of both sides.

    :param amount: size of the open position, never negative
    :param funding: funding settled on it so far, positive when received

    >>> open_profit(110, 2, 100, is_short=False, fee_open=0, fee_close=0.001, funding=-1)
    18.78
    """
    moved = open_rate - rate if is_short else rate - open_rate
    return amount * (moved - rate * fee_close - open_rate * fee_open) + funding


class Fill(NamedTuple):
    """One fill of a trade's orders.

    :param amount: above 0 if bought, below 0 if sold
    :param funding: funding settled since the previous fill, positive when received
    """

    at: float
    amount: float
    rate: float
    fee: float
    funding: float = 0.0


class Settlement(NamedTuple):
    """Funding of a position at the moment at which it was settled.

    :param funding: positive when received
    """

    at: float
    funding: float


@dataclass(frozen=True)
class TradeLedger:
    """One trade, as its fills in order of time.

    :param fee_close: fee of closing what is still open
    :param closed_at: None while the trade is open
    :param profit: realised profit of a closed trade, which its fills need not add up to exactly
    :param settlements: in order of time, where they are known; the fills have no funding then
    """

    pair: str
    fills: tuple[Fill, ...]
    fee_close: float
    closed_at: float | None = None
    profit: float = 0.0
    settlements: tuple[Settlement, ...] = ()


def profit_curve(
    times: NDArray[np.float64],
    closes: Mapping[str, NDArray[np.float64]],
    ledgers: Iterable[TradeLedger],
) -> NDArray[np.float64]:
    """Returns the realised and unrealised profit of all `ledgers` together at past `times`.

    Funding counts when it was settled, where a ledger records that, else from the next fill on.

    :param times: ascending
    :param closes: for each pair, the price known at each of `times`; where it is NaN, a position is
        valued at the rate of its last fill
    """
    total = np.zeros(len(times))
    for ledger in ledgers:
        end = len(times)
        if ledger.closed_at is not None:
            end = int(np.searchsorted(times, ledger.closed_at))
            total[end:] += ledger.profit
        if ledger.fills:
            held = slice(int(np.searchsorted(times, ledger.fills[0].at)), end)
            known = closes.get(ledger.pair)
            total[held] += _profit_while_open(
                ledger, times[held], None if known is None else known[held]
            )
    return total


def _profit_while_open(
    ledger: TradeLedger, times: NDArray[np.float64], known: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    fills = np.array(ledger.fills, dtype=np.float64).reshape(-1, 5)
    _, amount, rate, fee, funding = fills.T
    # Row 0 means "before the first fill".
    paid = np.append(0.0, np.cumsum(funding - amount * rate - np.abs(amount) * rate * fee))
    held = np.append(0.0, np.cumsum(amount))
    last = np.append(0.0, rate)
    filled = np.searchsorted(fills[:, 0], times, side="right")
    price = last[filled] if known is None else np.where(np.isnan(known), last[filled], known)
    position = held[filled]
    profit: NDArray[np.float64] = (
        paid[filled] + (position - np.abs(position) * ledger.fee_close) * price
    )
    if ledger.settlements:
        at, settled = np.array(ledger.settlements, dtype=np.float64).T
        profit += np.append(0.0, np.cumsum(settled))[np.searchsorted(at, times, side="right")]
    return profit


@dataclass
class SteadyReading:
    """A figure whose new value is accepted only once it has stopped changing.

    The free balance and the open trades are read at different moments, so that the capital derived
    from both jumps by a whole stake while an order is being filled.

    :param steady: seconds for which a new value must persist before it is accepted
    :param tolerance: relative difference up to which two values count as the same

    >>> capital = SteadyReading(steady=60)
    >>> capital.read(0, 1000.0), capital.read(10, 900.0), capital.read(70, 900.0)
    (1000.0, 1000.0, 900.0)
    """

    steady: float
    tolerance: float = 0.001
    _value: float | None = None
    _candidate: tuple[float, float] | None = None

    def read(self, at: float, value: float) -> float:
        """Records the value that was read at `at` (seconds) and returns the value to use."""
        if self._value is None or self._same(value, self._value):
            self._value, self._candidate = value, None
        elif self._candidate is None or not self._same(value, self._candidate[1]):
            self._candidate = at, value
        elif at - self._candidate[0] >= self.steady:
            self._value, self._candidate = value, None
        return self._value

    def _same(self, one: float, other: float) -> bool:
        return abs(one - other) <= self.tolerance * max(abs(one), abs(other))

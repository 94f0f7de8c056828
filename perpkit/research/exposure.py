"""What was held at each moment, valued at the market."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from perpkit.market.asof import nanoseconds
from perpkit.research.accounts import MarkedAccount
from perpkit.research.marked import closes_at
from perpkit.risk.equity import TradeLedger


def exposure(account: MarkedAccount) -> pd.DataFrame:
    """Returns the positions at each time of the equity curve.

    :return: `long` and `short`, the value of all longs and of all shorts in stake currency, both
        positive, and `positions`, how many are open
    """
    times = nanoseconds(account.times) / 1e9
    closes = {p: closes_at(account.times, c, account.step) for p, c in account.candles.items()}
    held: dict[str, NDArray[np.float64]] = {
        name: np.zeros(len(times)) for name in ("long", "short", "positions")
    }
    for ledger in account.ledgers:
        if ledger.fills:
            _add(held, ledger, times, closes.get(ledger.pair))
    return pd.DataFrame(held, account.times)


def _add(
    held: dict[str, NDArray[np.float64]],
    ledger: TradeLedger,
    times: NDArray[np.float64],
    known: NDArray[np.float64] | None,
) -> None:
    end = len(times) if ledger.closed_at is None else np.searchsorted(times, ledger.closed_at)
    open_ = slice(int(np.searchsorted(times, ledger.fills[0].at)), int(end))
    at = np.array([fill.at for fill in ledger.fills])
    amount = np.append(0.0, np.cumsum([fill.amount for fill in ledger.fills]))
    last = np.append(0.0, [fill.rate for fill in ledger.fills])
    filled = np.searchsorted(at, times[open_], side="right")
    price = last[filled]
    if known is not None:
        price = np.where(np.isnan(known[open_]), price, known[open_])
    value = amount[filled] * price
    held["long"][open_] += np.maximum(value, 0.0)
    held["short"][open_] += np.maximum(-value, 0.0)
    held["positions"][open_] += np.abs(value) > 0

"""Contracts of every kind: the candles of one market by other names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from perpkit.venue.market.contract_rules import instrument
from perpkit.venue.market.history import History
from perpkit.venue.market.instruments import decimals_of, named

OTHERS = (
    "BTC/USDC:USDC",
    "BTC/USDT:USDT-240329",
    "XAU/USDT:USDT",
    "币安人生/USDT:USDT",
    "龙虾/USDT:USDT",
    "1000PEPE/USDT:USDT",
    "ABC/USDT:USDT",
)


def renamed(history: History, pairs: Sequence[str], scale: float = 1.0) -> History:
    """The BTC of `history` by other names, at a multiple of its price and the same turnover."""
    btc = history.pairs["BTCUSDT"]
    tick = btc.instrument.tick_size * scale
    stored = {
        kind: {
            interval: replace(
                candles,
                **{
                    column: np.round(getattr(candles, column) * scale, decimals_of(tick))
                    for column in ("open", "high", "low", "close")
                },
                volume=np.round(candles.volume / scale, 3),
            )
            for interval, candles in by_interval.items()
        }
        for kind, by_interval in btc.stored.items()
    }
    out = {}
    for pair in pairs:
        name = named(pair)
        made = instrument(
            name.base,
            60_000 * scale,
            9e9,
            quote=name.quote,
            delivery=name.delivery,
            grids=(tick, 0.001),
        )
        out[made.symbol] = replace(btc, instrument=made, stored=stored)
    return History(out)

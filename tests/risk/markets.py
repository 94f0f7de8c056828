"""Random maintenance tiers, entries and prices for the property tests of this folder."""

from __future__ import annotations

import json
from importlib.resources import files
from itertools import accumulate
from typing import Any

from hypothesis import strategies as st

from perpkit.risk.liquidation import MaintenanceTier, MaintenanceTiers, Position

BUNDLE: dict[str, list[dict[str, Any]]] = json.loads(
    (files("freqtrade.exchange") / "binance_leverage_tiers.json").read_text()
)


def bundled_tiers(pair: str) -> MaintenanceTiers:
    """The tiers of a pair that Freqtrade ships."""
    rows = tuple(
        MaintenanceTier(
            row["minNotional"],
            row["maintenanceMarginRate"],
            float(row["info"]["cum"]),
            row["maxLeverage"],
        )
        for row in BUNDLE[pair]
    )
    return MaintenanceTiers(rows, cap=BUNDLE[pair][-1]["maxNotional"])


@st.composite
def random_tiers(draw: st.DrawFn) -> MaintenanceTiers:
    """Up to six tiers that join without a jump, with leverages their rates can bear."""
    count = draw(st.integers(1, 6))
    rates = sorted(draw(st.lists(st.floats(0.001, 0.5), min_size=count, max_size=count)))
    steps = draw(st.lists(st.floats(1_000, 1e7), min_size=count, max_size=count))
    floors = [0.0, *accumulate(steps)][:count]
    amount, rows, previous = 0.0, [], rates[0]
    for floor, rate in zip(floors, rates, strict=True):
        amount += floor * (rate - previous)
        rows.append(MaintenanceTier(floor, rate, amount, max(1.0, min(125.0, 0.5 / rate))))
        previous = rate
    return MaintenanceTiers(tuple(rows), cap=floors[-1] + steps[-1])


PAIRS = ["BTC/USDT:USDT", "ETH/USDT:USDT", "LTC/USDT:USDT", "ADA/USDT:USDT", "1000PEPE/USDT:USDT"]
BUNDLED = [bundled_tiers(pair) for pair in PAIRS]

tiers = st.sampled_from(BUNDLED) | random_tiers()
prices = st.floats(-4, 5).map(lambda exponent: 10.0**exponent)
stakes = st.floats(0.5, 7.5).map(lambda exponent: 10.0**exponent)
distances = st.floats(0.001, 0.5)
sides = st.booleans()


@st.composite
def positions(draw: st.DrawFn) -> tuple[Position, float, MaintenanceTiers]:
    """A position that the exchange could hold, its collateral, and the tiers of its contract."""
    rows = draw(tiers)
    entry, stake, leverage = draw(prices), draw(stakes), draw(st.floats(1, 125))
    return Position(entry, stake * leverage / entry, draw(sides)), stake, rows


def buffered(liquidation: float, entry: float, is_short: bool, buffer: float = 0.05) -> float:
    """A liquidation price moved the safe way by Freqtrade's `liquidation_buffer`, which
    `Trade.liquidation_price` has in it.

    :param buffer: share of the distance to the entry
    """
    moved = buffer * abs(entry - liquidation)
    return max(liquidation - moved, 0.0) if is_short else liquidation + moved

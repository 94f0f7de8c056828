"""TargetBasket against the same weights never rebalanced: `python -m benchmarks.target_basket`.

Stock backtests on the real 1h candles, 2020-03 to 2023; equity marked to market every hour with the
funding settled until then, Sharpe of daily values, fees and funding in USDT with 10,000 at the
start.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.backtests import DATA, HOUR, backtest, candles, equity, fees
from perpkit.research.marked import figures, liquidations

BTC, ETH, XRP = (f"{base}/USDT:USDT" for base in ("BTC", "ETH", "XRP"))
LONG = {BTC: 0.4, ETH: 0.3, XRP: 0.2}
HEDGED = {BTC: 0.5, ETH: -0.25, XRP: -0.2}
START = 10_000
SECOND_HALF = "2022-01-01"
BREAKERS = ("--enable-protections",)
HALVED = {"leverage": {"max_leverage": 2}, "stop": {"distance": 0.22}}
FOLLOWED = {"use": {"trailing": True}, "trailing": {
    "trail": "percent", "distance": 0.3, "trail_after": 0, "break_even_after": 0}}  # fmt: skip
ROWS: list[tuple[str, dict[str, float], dict[str, Any], tuple[str, ...]]] = [
    ("never rebalanced", LONG, {"basket": {"tolerance": 1}}, ()),
    ("TargetBasket", LONG, {}, ()),
    ("with all breakers", LONG, {}, BREAKERS),
    ("stop 20% instead of 30%", LONG, {"stop": {"distance": 0.2}}, ()),
    ("30 days out after a stop", LONG, {"basket": {"cooldown_days": 30}}, ()),
    ("stop 30% behind the best price", LONG, FOLLOWED, ()),
    ("never rebalanced", HEDGED, {"basket": {"tolerance": 1}}, ()),
    ("TargetBasket", HEDGED, {}, ()),
    ("with all breakers", HEDGED, {}, BREAKERS),
    ("2x, stop 22%", HEDGED, HALVED, ()),
]


def main() -> None:
    of = candles()
    print(
        "| | profit | drawdown | Sharpe | first half | second | trades, orders | fees | funding |"
    )
    print(f"|{'---|' * 9}")
    show("coins bought and left alone", held_coins(of), "", 0.0, 0.0)
    for name, weights, given, flags in ROWS:
        perpkit = {**given, "basket": {"weights": weights, **given.get("basket", {})}}
        settings = {
            "exchange": {"pair_whitelist": list(weights)},
            "max_open_trades": len(weights),
            "perpkit": perpkit,
        }
        stats = backtest("TargetBasket", *flags, settings=settings)
        trades = stats["trades"]
        assert not liquidations(stats)
        worth = equity(stats, {pair: of[pair] for pair in weights})
        for trade in trades:
            worth = worth.add(carried(trade, worth.index))
        orders = sum(len(trade["orders"]) for trade in trades)
        paid = sum(map(fees, trades))
        funding = sum(trade["funding_fees"] for trade in trades)
        show(name, worth, f"{len(trades)}, {orders}", -paid, funding)


def show(name: str, worth: pd.Series, counts: str, paid: float, funding: float) -> None:
    all_, first, second = map(figures, (worth, worth[:SECOND_HALF], worth[SECOND_HALF:]))
    print(
        f"| {name} | {all_.profit:.0%} | {all_.max_drawdown:.0%} | {all_.sharpe:.2f} | "
        f"{first.profit:.0%}, {first.max_drawdown:.0%}, {first.sharpe:.2f} | "
        f"{second.profit:.0%}, {second.max_drawdown:.0%}, {second.sharpe:.2f} | "
        f"{counts} | {paid:,.0f} | {funding:,.0f} |",
        flush=True,
    )


def held_coins(of: dict[str, pd.DataFrame]) -> pd.Series:
    """The value of the long weights as coins held on the spot market, never rebalanced, USDT."""
    closes = pd.DataFrame({
        pair: of[pair].set_index(pd.DatetimeIndex(of[pair]["date"]) + HOUR)["close"]
        for pair in LONG
    })["2020-03-01":]  # fmt: skip
    worth = (closes / closes.iloc[0] * pd.Series(LONG)).sum(axis=1)
    return START * (worth + 1 - sum(LONG.values()))


def carried(trade: dict[str, Any], times: pd.DatetimeIndex) -> pd.Series:
    """Funding settled on a trade by each time while it is open; exports book all at the close."""
    opened, closed = (
        pd.Timestamp(trade[f"{when}_timestamp"], unit="ms", tz="UTC") for when in ("open", "close")
    )
    rates = settled(trade["pair"])[opened:closed]
    held = pd.Series(0.0, rates.index)
    for order in trade["orders"]:
        at = pd.Timestamp(order["order_filled_timestamp"], unit="ms", tz="UTC")
        held[held.index > at] += order["amount"] * (1 if order["ft_is_entry"] else -1)
    paid = (held * rates * (1 if trade["is_short"] else -1)).cumsum()
    # Scaled to what Freqtrade booked, which may or may not include the hour of the last fill.
    if len(paid) and abs(paid.iloc[-1]) > 1:
        paid *= trade["funding_fees"] / paid.iloc[-1]
    by_now = paid.reindex(times, method="ffill").fillna(0.0)
    return by_now.where((times >= opened) & (times < closed), 0.0)


@cache
def settled(pair: str) -> pd.Series:
    """Funding that a long pays per coin at each settlement, in USDT."""
    name = pair.replace("/", "_").replace(":", "_")
    rates, marks = (
        pd.read_feather(DATA / "futures" / f"{name}-1h-{kind}.feather").set_index("date")
        for kind in ("funding_rate", "mark")
    )
    column = "funding_rate" if "funding_rate" in rates else "open"
    paid = rates[column] * marks["open"].reindex(rates.index)
    return paid[np.isfinite(paid) & (paid != 0)]


if __name__ == "__main__":
    main()

"""Evidence for the defaults of the crypto-VIX: `python benchmarks/volatility_breaker.py [DATA]`.

Choices were made on 2020-2021; 2022-2023 is reported separately. DATA defaults to ../shared/data.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from perpkit.breakers.volatility import VolatilityLimits, index_timeline, timeline
from perpkit.market.basket import HourlyIndex, basket_index
from perpkit.market.volatility import Estimator, HourlyCandles, vol_annual

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
BASES = ("BTC", "ETH", "XRP", "LTC", "ADA")
PERIODS = {"2020-2023": (2020, 2023), "2020-2021": (2020, 2021), "2022-2023": (2022, 2023)}


def load(datadir: Path, base: str) -> pd.DataFrame:
    return pd.read_feather(datadir / "futures" / f"{base}_USDT_USDT-1h-futures.feather")


def load_btc(datadir: Path) -> pd.DataFrame:
    return load(datadir, "BTC")


def load_dvol(data: Path) -> pd.DataFrame:
    return pd.read_feather(data / "positioning" / "dvol_1h_BTC_2021_2023.feather")


def blocked_hours(limits: VolatilityLimits, candles: pd.DataFrame) -> np.ndarray:
    """Whether entries are blocked during each hour, as decided by the candles closed before it."""
    return np.concatenate(([False], timeline(limits, candles).entries_blocked[:-1]))


def blocked_by_index(index: HourlyIndex, candles: pd.DataFrame) -> np.ndarray:
    """Like `blocked_hours`, for an index that may cover other hours than the candles."""
    line = index_timeline(VolatilityLimits(), index)
    closes = index.open_times + pd.Timedelta(hours=1)
    blocked = pd.Series(line.entries_blocked, closes).reindex(candles["date"], fill_value=False)
    return blocked.to_numpy()


def in_years(candles: pd.DataFrame, first: int, last: int) -> np.ndarray:
    return candles["date"].dt.year.between(first, last).to_numpy()


def worst_days(candles: pd.DataFrame, first: int, last: int, count: int, to: str = "low") -> list:
    """The `count` UTC days with the deepest fall from the day's open to its low (or its close)."""
    inside = candles[in_years(candles, first, last)]
    days = inside.groupby(inside["date"].dt.floor("D"))
    end = days["low"].min() if to == "low" else days["close"].last()
    return list((end / days["open"].first()).nsmallest(count).index)


def half_lost(candles: pd.DataFrame, day: pd.Timestamp) -> int:
    """Row of the first hour that closes at or below the middle of the day's open and low."""
    hours = candles[candles["date"].dt.floor("D") == day]
    half = (hours["open"].iloc[0] + hours["low"].min()) / 2
    return int(hours.index[hours["close"] <= half][0])


def caught(blocked: np.ndarray, candles: pd.DataFrame, days: list) -> tuple[int, int]:
    """The number of days on which entries were blocked in time, by two measures.

    The first counts blocks at the start of the hour in which half of the fall was lost, the second
    those at its end, when its close first showed the loss.
    """
    rows = np.array([half_lost(candles, day) for day in days])
    return int(blocked[rows].sum()), int(blocked[rows + 1].sum())


def fixed_level(candles: pd.DataFrame) -> tuple[float, np.ndarray]:
    """The classic recipe: a fixed level of volatility, and the hours that it blocks.

    The level is the lowest, in steps of 5%, that blocks at most 7% of the hours of 2020-2021.
    """
    vol = vol_annual(HourlyCandles.from_frame(candles), Estimator.CLASSIC, half_life_hours=1)
    known = np.concatenate(([np.nan], vol[:-1]))
    chosen = in_years(candles, 2020, 2021)
    levels = np.arange(0.5, 3.0, 0.05)
    level = next(x for x in levels if (known[chosen] >= x).mean() <= 0.07)
    return float(level), known >= level


def report(name: str, blocked: np.ndarray, candles: pd.DataFrame) -> None:
    cells = []
    for first, last in PERIODS.values():
        share = blocked[in_years(candles, first, last)].mean()
        tens = caught(blocked, candles, worst_days(candles, first, last, 10))
        thirties = caught(blocked, candles, worst_days(candles, first, last, 30))
        cells.append("{:5.1%} {:2}/{:2} {:2}/{:2}".format(share, *tens, *thirties))
    print(f"{name:34} | " + " | ".join(cells))


def recipes(candles: pd.DataFrame) -> None:
    default = VolatilityLimits()
    print("Hours blocked; of the 10 and the 30 worst days (open to low) of each period: blocked as")
    print("the hour began / ended in which the close lost half of the day's fall.")
    print(f"{'':34} | " + " | ".join(f"{period:17}" for period in PERIODS))
    report("shipped default", blocked_hours(default, candles), candles)
    for estimator in Estimator:
        limits = replace(default, estimator=estimator)
        report(f"{estimator}, same thresholds", blocked_hours(limits, candles), candles)
    slower = replace(
        default, half_life_hours=6.0, stressed_percentile=95.0, stressed_release_percentile=93.0
    )
    report("parkinson 6h, 95/93", blocked_hours(slower, candles), candles)
    level, blocked = fixed_level(candles)
    report(f"classic, fixed level {level:.0%}", blocked, candles)
    print()


def other_indices(candles: pd.DataFrame, data: Path) -> None:
    print("Other indices, shipped thresholds; the worst days are BTC's:")
    frames = {base: load(data / "binance", base) for base in BASES}
    equal = dict.fromkeys(BASES, 1.0)
    for name, weights in {
        "ETH": {"ETH": 1.0},
        "basket of five": equal,
        "basket, half BTC": equal | {"BTC": 4.0},
    }.items():
        index = basket_index(frames, weights, Estimator.PARKINSON, 2.0)
        report(name, blocked_by_index(index, candles), candles)
    grids = {base: HourlyCandles.from_frame(frame) for base, frame in frames.items()}
    returns = pd.DataFrame(
        {base: pd.Series(grid.log_return, grid.open_times) for base, grid in grids.items()}
    )
    for name, variance in {
        "mean of squared returns, ewma": (returns**2).mean(axis=1),
        "square of the mean return, ewma": returns.mean(axis=1) ** 2,
    }.items():
        vol = variance.ewm(halflife=2.0, min_periods=24).mean() ** 0.5 * (365 * 24) ** 0.5
        report(name, blocked_by_index(HourlyIndex.from_series(vol), candles), candles)
    dvol = load_dvol(data).set_index("timestamp")["close"] / 100
    implied = blocked_by_index(HourlyIndex.from_series(dvol), candles)
    report("DVOL (since 2021-03)", implied, candles)
    report("BTC or DVOL", implied | blocked_hours(VolatilityLimits(), candles), candles)
    print()


def sensitivity(candles: pd.DataFrame) -> None:
    default = VolatilityLimits()
    print("One parameter at a time, the others at their defaults:")
    for name, values in {
        "half_life_hours": (1.0, 1.5, 2.0, 3.0, 4.0, 6.0),
        "window_days": (90, 120, 180, 270, 365),
        "stressed_release_percentile": (90.0, 92.0, 93.0, 94.0, 95.0, 96.0),
        "calm_candles": (1, 2, 3, 4, 6),
        "confirm_candles": (1, 2),
        "floor_annual": (0.0, 0.2, 0.4, 0.6),
    }.items():
        for value in values:
            limits = replace(default, **{name: value})
            report(f"{name} {value:g}", blocked_hours(limits, candles), candles)
    for trip in (94.0, 95.0, 96.0, 97.0, 98.0):
        limits = replace(default, stressed_percentile=trip, stressed_release_percentile=trip - 2)
        report(f"stressed {trip:g}, release {trip - 2:g}", blocked_hours(limits, candles), candles)
    print()


def by_close(candles: pd.DataFrame) -> None:
    blocked = blocked_hours(VolatilityLimits(), candles)
    print("Shipped default, worst days by open to close instead:")
    for period, years in PERIODS.items():
        days = worst_days(candles, *years, 10, to="close")
        print(f"{period}: {'{}/{}'.format(*caught(blocked, candles, days))} of 10")
    print()


def against_dvol(candles: pd.DataFrame, dvol: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Spearman rank correlation with Deribit's DVOL; both are stamped an hour before they close.

    Keys are the estimator, then the period.
    """
    grid = HourlyCandles.from_frame(candles)
    implied = dvol.set_index("timestamp")["close"].rename("dvol")
    table = {}
    for estimator in Estimator:
        for half_life in (2.0, 6.0, 24.0) if estimator is Estimator.PARKINSON else (2.0,):
            vol = pd.Series(vol_annual(grid, estimator, half_life), grid.open_times, name="vol")
            both = pd.concat([vol, implied], axis=1).dropna()
            name = f"{estimator} {half_life:g}h" if half_life != 2.0 else str(estimator)
            later = both[both.index.year >= 2022]
            table[name] = {
                "2021-2023": both["vol"].corr(both["dvol"], method="spearman"),
                "2022-2023": later["vol"].corr(later["dvol"], method="spearman"),
            } | {
                year: part["vol"].corr(part["dvol"], method="spearman")
                for year, part in both.groupby(both.index.strftime("%Y"))
            }
    return table


def main() -> None:
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    candles = load_btc(data / "binance")
    recipes(candles)
    other_indices(candles, data)
    sensitivity(candles)
    by_close(candles)
    print("Spearman correlation with DVOL, hourly:")
    print(pd.DataFrame(against_dvol(candles, load_dvol(data))).T.round(3).to_string())
    start = time.perf_counter()
    timeline(VolatilityLimits(), candles)
    print(f"\n{len(candles)} candles in {time.perf_counter() - start:.3f} s")


if __name__ == "__main__":
    main()

"""Each breaker with other parameters: `python -m benchmarks.breaker_parameters [PAGE ...]`.

Stock backtests of RsiSmaSwing on the real 1h candles of five pairs, 2020-03 to 2023, with that
breaker only, or with those that a row names; equity marked to market every hour. PAGE is the page
of docs/evidence/ that has the table. *Stack* rows size as shipped; *fixed* rows trade a tenth of
the wallet at up to 3x, with nothing but entry, stop and target; *a third* rows trade a third in the
same way, so that there is more to brake.
"""

from __future__ import annotations

import sys
from typing import Any

import pandas as pd

from benchmarks.backtests import PAIRS, backtest, candles, equity, variant
from benchmarks.breakers_on_crashes import HALVES
from benchmarks.risk_stack import OFF
from perpkit.research.marked import figures

Breaker = dict[str, Any]
STACK: dict[str, Any] = {}
FIXED = {"tradable_balance_ratio": 0.1, "perpkit": {"use": OFF}}
THIRD = {**FIXED, "tradable_balance_ratio": 0.33}


def vix(**parameters: Any) -> Breaker:
    return {"method": "CryptoVixBreaker", **parameters}


def drawdown(**parameters: Any) -> Breaker:
    """A drawdown breaker with no limits other than these."""
    off = dict.fromkeys(("hour_loss", "day_loss", "week_loss", "open_loss", "high_water_loss"), 0)
    return {"method": "DrawdownBreaker", **off, **parameters}


def flash(*windows: tuple[int, float], **parameters: Any) -> Breaker:
    given = {"windows": windows} if windows else {}
    return {"method": "FlashCrashBreaker", **given, **parameters}


def funding(**parameters: Any) -> Breaker:
    return {"method": "FundingBreaker", **parameters}


BRAKE = vix(elevated_size_factor=1)
NO_BREAKERS: list[Breaker] = []
PAGES: dict[str, list[tuple[str, dict[str, Any], list[Breaker]]]] = {
    "crypto_vix": [
        ("stack: no breaker", STACK, NO_BREAKERS),
        ("stack: brake only (`elevated_size_factor` 1)", STACK, [BRAKE]),
        ("stack: `elevated_size_factor` 0.75", STACK, [vix(elevated_size_factor=0.75)]),
        ("stack: **default** (0.5)", STACK, [vix()]),
        ("fixed: no breaker", FIXED, NO_BREAKERS),
        ("fixed: brake only", FIXED, [BRAKE]),
        ("fixed: `elevated_size_factor` 0.75", FIXED, [vix(elevated_size_factor=0.75)]),
        ("fixed: **default**", FIXED, [vix()]),
        ("fixed: default and `elevated_max_leverage` 2", FIXED, [vix(elevated_max_leverage=2)]),
        ("fixed: brake only, basket of five", FIXED, [vix(elevated_size_factor=1, basket=PAIRS)]),
    ],
    "funding_breaker": [
        ("stack: **default**", STACK, [funding()]),
        ("stack: `expected_edge` 0.003", STACK, [funding(expected_edge=0.003)]),
        ("fixed: no breaker", FIXED, NO_BREAKERS),
        ("fixed: **default**", FIXED, [funding()]),
        ("fixed: extreme only", FIXED, [funding(expected_edge=1)]),
        ("fixed: cost only", FIXED, [funding(floor_8h=0.1)]),
        ("fixed: `expected_edge` 0.003", FIXED, [funding(expected_edge=0.003)]),
        ("fixed: `expected_edge` 0.002", FIXED, [funding(expected_edge=0.002)]),
        (
            "fixed: extreme from 90 (release 85) and 0.03%, no cost",
            FIXED,
            [
                funding(
                    extreme_percentile=90,
                    extreme_release_percentile=85,
                    floor_8h=0.0003,
                    expected_edge=1,
                )
            ],
        ),
        ("fixed: default, and CryptoVixBreaker's brake only", FIXED, [funding(), BRAKE]),
    ],
    "flash_crash": [
        ("fixed: no breaker", FIXED, NO_BREAKERS),
        ("fixed: **default**", FIXED, [flash()]),
        ("fixed: 5% in 1 h, 8% in 4 h", FIXED, [flash((60, 0.05), (240, 0.08))]),
        ("fixed: 8% in 1 h, 12% in 4 h", FIXED, [flash((60, 0.08), (240, 0.12))]),
        ("fixed: 12% in 1 h, 18% in 4 h", FIXED, [flash((60, 0.12), (240, 0.18))]),
        (
            "fixed: default and 25% in 24 h",
            FIXED,
            [flash((60, 0.10), (240, 0.15), (1440, 0.25))],
        ),
        ("fixed: `cool_down_minutes` 480", FIXED, [flash(cool_down_minutes=480)]),
        ("fixed: `calm_candles` 2", FIXED, [flash(calm_candles=2)]),
        ("fixed: `calm_range` 0.03", FIXED, [flash(calm_range=0.03)]),
        ("fixed: `blocks: against`", FIXED, [flash(blocks="against")]),
    ],
    "drawdown": [
        ("a third: no limit", THIRD, NO_BREAKERS),
        ("a third: `hour_loss` 3%", THIRD, [drawdown(hour_loss=0.03)]),
        ("a third: `day_loss` 5%", THIRD, [drawdown(day_loss=0.05)]),
        ("a third: `week_loss` 10%", THIRD, [drawdown(week_loss=0.10)]),
        ("a third: `open_loss` 10%", THIRD, [drawdown(open_loss=0.10)]),
        ("a third: `high_water_loss` 15%", THIRD, [drawdown(high_water_loss=0.15)]),
        ("a third: **these five, the default**", THIRD, [{"method": "DrawdownBreaker"}]),
        ("a third: `daily_loss` 3%", THIRD, [drawdown(daily_loss=0.03)]),
        ("a third: `streak_losses` 4", THIRD, [drawdown(streak_losses=4)]),
        ("a third: `pair_streak_losses` 3", THIRD, [drawdown(pair_streak_losses=3)]),
    ],
}
HEAD = ("", "trades", "profit", "drawdown", "worst day", "Sharpe", "Calmar",
        "2020-21: profit, drawdown", "2022-23", "locks, hours")  # fmt: skip


def locked(stats: dict[str, Any]) -> str:
    """The number of locks, and the hours during which at least one was in force."""
    spans = sorted((lock["lock_timestamp"], lock["lock_end_timestamp"]) for lock in stats["locks"])
    hours, until = 0.0, 0
    for begin, end in spans:
        hours += max(0, end - max(begin, until)) / 3_600_000
        until = max(until, end)
    return f"{len(spans)}, {hours:.0f}"


def row(name: str, stats: dict[str, Any], curve: pd.Series) -> str:
    whole = figures(curve)
    halves = [figures(curve[slice(*half.split())]) for half in HALVES]
    cells = [
        name,
        str(len(stats["trades"])),
        f"{whole.profit:.1%}",
        f"{whole.max_drawdown:.1%}",
        f"{whole.worst_day:.1%}",
        f"{whole.sharpe:.2f}",
        f"{whole.calmar:.2f}",
        *(f"{half.profit:.1%}, {half.max_drawdown:.1%}" for half in halves),
        locked(stats),
    ]
    return f"| {' | '.join(cells)} |"


def main(pages: list[str]) -> None:
    of = candles()
    for page in pages:
        print(f"\n### {page}\n\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}")
        for name, settings, breakers in PAGES[page]:
            source = variant("RsiSmaSwing", f"protections = {breakers!r}")
            flags = ["--enable-protections"] if breakers else []
            stats = backtest("Variant", *flags, settings=settings, source=source)
            print(row(name, stats, equity(stats, of)), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(PAGES))

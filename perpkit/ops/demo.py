"""`make demo`: the main workflow, end to end, on generated data and without internet access."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console

from perpkit.durations import HOUR
from perpkit.rehearsal.datadir_mark import mark
from perpkit.venue.http.server import running_venue
from perpkit.venue.market import datadir, synthetic
from perpkit.venue.market.clock import SystemClock
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay

CHECKOUT = Path(__file__).resolve().parents[2]
FOLDER = CHECKOUT / ".demo"
STRATEGY = "RsiSmaSwing"
PAIRS = tuple(synthetic.MODELS)
SEED = 1
YEAR = datetime(2025, 1, 1, tzinfo=UTC)
# The year includes the strategy's warm-up of 400 candles.
TIMERANGE = f"{YEAR + timedelta(days=17):%Y%m%d}-{YEAR + timedelta(days=365):%Y%m%d}"

console = Console()


class CommandError(Exception):
    """A Freqtrade command failed; the message contains the end of its log."""


def main() -> int:
    """Runs the demo.

    :return: exit code, 0 if every command succeeded
    """
    userdir = FOLDER / "user_data"
    results = userdir / "backtest_results"
    results.mkdir(parents=True, exist_ok=True)
    try:
        with step("Making a year of five synthetic perpetuals"):
            year = market(YEAR, 365)
            # The folder is the demo's own: unmarked data of older releases are a venue's, too.
            mark(FOLDER / "data", f"synthetic market, seed {SEED}")
            datadir.write(year, FOLDER / "data", ["1h"], milliseconds(YEAR + timedelta(days=365)))
        with step("Starting a venue that trades a market of the same kind now"):
            today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
            present = Market(market(today - timedelta(days=60), 62), SystemClock(), SEED)
        with running_venue(present) as url:
            configs = [CHECKOUT / "config.json.example", FOLDER / "venue.json"]
            configs[1].write_text(json.dumps(overlay(url, FOLDER / "rehearsal")))
            common = [*(f"--config={path}" for path in configs), f"--userdir={userdir}"]
            with step("freqtrade test-pairlist, against the venue"):
                freqtrade("test-pairlist", *common)
            with step("freqtrade backtesting --enable-protections, on the year"):
                freqtrade(
                    "backtesting",
                    *common,
                    f"--datadir={FOLDER / 'data'}",
                    f"--strategy={STRATEGY}",
                    f"--timerange={TIMERANGE}",
                    "--enable-protections",
                    "--cache=none",
                    "--export=trades",
                )
        summary(results)
    except CommandError as error:
        console.print(str(error), style="red", highlight=False, markup=False)
        return 1
    return 0


@contextmanager
def step(title: str) -> Iterator[None]:
    """Shows a step while it runs, and afterwards how long it took."""
    began = monotonic()
    with console.status(f"{title} ..."):
        yield
    console.print(f"[green]done[/green] {title} ({monotonic() - began:.0f} s)")


def milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def market(start: datetime, days: int) -> Any:
    return synthetic.generate(
        seed=SEED, start=milliseconds(start), days=days, pairs=PAIRS, base="5m"
    )


def freqtrade(*arguments: str) -> None:
    """Runs Freqtrade and shows its tables; its log is shown only if it fails."""
    command = [sys.executable, "-m", "freqtrade", *arguments]
    environment = {**os.environ, "COLUMNS": str(max(110, min(console.width, 140)))}
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, timeout=600, env=environment
    )
    # After a configuration error Freqtrade exits with code 0, but prints no tables.
    if done.returncode or not done.stdout.strip():
        raise CommandError(f"freqtrade {arguments[0]} failed:\n{done.stderr[-3000:]}")
    print(done.stdout)


def summary(results: Path) -> None:
    """Prints five lines: trades, profit, drawdown, firings of the breaker, and locked hours."""
    from freqtrade.data.btanalysis import load_backtest_stats

    stats = load_backtest_stats(results)["strategy"][STRATEGY]
    stretches = locked(stats["locks"])
    hours = sum((until - since for since, until in stretches), timedelta()) / HOUR
    share = hours / 24 / stats["backtest_days"]
    console.rule(f"{STRATEGY} on a synthetic year")
    for name, value in {
        "trades": f"{stats['total_trades']} ({stats['trade_count_long']} long, "
        f"{stats['trade_count_short']} short)",
        "profit": f"{stats['profit_total']:.1%} of the wallet",
        "drawdown": f"{stats['max_drawdown_account']:.1%}",
        "breaker fired": f"{len(stretches)} times",
        "entries locked": f"{hours:.0f} hours, {share:.1%} of the time",
    }.items():
        console.print(f"{name:>15}: {value}")


def locked(locks: Iterable[dict[str, Any]]) -> list[tuple[datetime, datetime]]:
    """Returns the periods under a global lock; adjacent and overlapping locks are merged."""
    stretches: list[tuple[datetime, datetime]] = []
    for since, until in sorted(
        (time(lock["lock_time"]), time(lock["lock_end_time"]))
        for lock in locks
        if lock["pair"] == "*"
    ):
        if stretches and since <= stretches[-1][1]:
            stretches[-1] = stretches[-1][0], max(until, stretches[-1][1])
        else:
            stretches.append((since, until))
    return stretches


def time(text: str) -> datetime:
    return datetime.fromisoformat(text)


if __name__ == "__main__":
    sys.exit(main())

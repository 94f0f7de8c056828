"""`make demo`: the main workflow, end to end, on generated data and without internet access."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console
from rich.table import Table

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

RESULTS = FOLDER / "user_data/backtest_results"
PAGE = FOLDER / "report.html"
console = Console()


class CommandError(Exception):
    """A command failed; the message contains the end of its log."""


def main() -> int:
    """Runs the demo.

    :return: exit code, 0 if every command succeeded
    """
    return ending_well(_demo)


def ending_well(demo: Callable[[], None]) -> int:
    """Runs a demo; a command that fails, or Ctrl-C, ends it with its line.

    :return: exit code, 0 if every command succeeded
    """
    try:
        demo()
    except CommandError as error:
        console.print(str(error), style="red", highlight=False, markup=False)
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. Nothing of it runs on; make demo begins again.", style="yellow")
        return 130
    return 0


def _demo() -> None:
    with year_and_venue() as overlaid:
        with step("freqtrade test-pairlist, against the venue"):
            freqtrade("test-pairlist", overlaid)
        with step("freqtrade backtesting, on the year"):
            without = backtest(overlaid)
        with step("freqtrade backtesting --enable-protections"):
            with_breakers = backtest(overlaid, "--enable-protections")
    with step("perpkit report --with, of both"):
        runs = report(with_breakers, without)
    show(runs, with_breakers)


@contextmanager
def year_and_venue() -> Iterator[Path]:
    """A stored synthetic year, and a running venue; the configuration that points at them."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with step("Making a year of five synthetic perpetuals"):
        year = market(YEAR, 365)
        # The folder is the demo's own: unmarked data of older releases are a venue's, too.
        mark(FOLDER / "data", f"synthetic market, seed {SEED}")
        datadir.write(year, FOLDER / "data", ["1h"], milliseconds(YEAR + timedelta(days=365)))
    with step("Starting a venue that trades a market of the same kind now"):
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        present = Market(market(today - timedelta(days=60), 62), SystemClock(), SEED)
    with running_venue(present) as url:
        overlaid = FOLDER / "venue.json"
        overlaid.write_text(json.dumps(overlay(url, FOLDER / "rehearsal")))
        yield overlaid


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


def backtest(
    overlaid: Path, *flags: str, strategy: str = STRATEGY, timerange: str = TIMERANGE
) -> Path:
    """Runs a backtest on the year and returns its export."""
    before = set(RESULTS.glob("*.zip"))
    freqtrade(
        "backtesting",
        overlaid,
        f"--datadir={FOLDER / 'data'}",
        f"--strategy={strategy}",
        f"--timerange={timerange}",
        "--cache=none",
        "--export=trades",
        "--max-open-trades=3",
        *flags,
    )
    [export] = set(RESULTS.glob("*.zip")) - before
    return export


def freqtrade(command: str, overlaid: Path, *arguments: str) -> None:
    """Runs a command of Freqtrade; its tables go into a file beside the data."""
    configs = [CHECKOUT / "config.json.example", overlaid]
    common = [*(f"--config={path}" for path in configs), f"--userdir={FOLDER / 'user_data'}"]
    tables = run("freqtrade", command, *common, *arguments)
    (FOLDER / f"{command}.txt").write_text(tables)


def run(program: str, *arguments: str) -> str:
    """Returns what a command prints."""
    command = [sys.executable, "-m", program, *arguments]
    environment = {**os.environ, "COLUMNS": "140"}
    done = subprocess.run(  # noqa: S603
        command, capture_output=True, text=True, check=False, timeout=600, env=environment
    )
    # After a configuration error Freqtrade exits with code 0, but prints no tables.
    if done.returncode or not done.stdout.strip():
        raise CommandError(f"{program} {arguments[0]} failed:\n{done.stderr[-3000:]}")
    return done.stdout


def report(with_breakers: Path, without: Path) -> list[dict[str, Any]]:
    """Writes the page and returns the figures of both runs."""
    given = ["report", str(with_breakers), f"--with={without}", f"--datadir={FOLDER / 'data'}"]
    runs: list[dict[str, Any]] = json.loads(run("perpkit.cli", *given, f"--out={PAGE}", "--json"))[
        "runs"
    ]
    return runs


def sides(run: dict[str, Any]) -> str:
    trades = run["trades"]
    return f"{trades['trades']} ({trades['longs']}, {trades['trades'] - trades['longs']})"


# The rows of the table at the end, from the figures of the report.
FIGURES: dict[str, Callable[[dict[str, Any]], str]] = {
    "trades (long, short)": sides,
    "profit": lambda run: f"{run['figures']['profit']:.1%}",
    "drawdown, marked to market": lambda run: f"{run['figures']['max_drawdown']:.1%}",
    "worst day": lambda run: f"{run['figures']['worst_day']:.1%}",
    "Sharpe": lambda run: f"{run['figures']['sharpe']:.2f}",
    "profit factor": lambda run: f"{run['trades']['profit_factor']:.2f}",
}


def figures(title: str, names: Iterable[str], runs: Iterable[dict[str, Any]]) -> Table:
    """Returns the figures of runs beside each other."""
    table = Table("", *names, title=title)
    for name, of in FIGURES.items():
        table.add_row(name, *(of(run) for run in runs))
    return table


def show(runs: list[dict[str, Any]], with_breakers: Path) -> None:
    """Prints the figures beside each other, and where to go from here."""
    from freqtrade.data.btanalysis import load_backtest_stats

    stretches = locked(load_backtest_stats(with_breakers)["strategy"][STRATEGY]["locks"])
    hours = sum((until - since for since, until in stretches), timedelta()) / HOUR
    share = hours / 24 / runs[0]["figures"]["days"]
    table = figures(f"{STRATEGY} on a synthetic year", ("with breakers", "without"), runs)
    table.add_row("entries locked", f"{len(stretches)} times, {share:.1%} of the time", "never")
    console.print(table)
    shown = FOLDER.relative_to(CHECKOUT)
    console.print(
        f"Open {shown / PAGE.name} in a browser: equity, trades, what the breakers did.\n"
        f"Freqtrade's own tables: {shown}/backtesting.txt\n"
        "Next: docs/getting-started.md, with your data, your strategy, and a rehearsal.",
        highlight=False,
        soft_wrap=True,
    )


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

"""`perpkit report`: one HTML page about what a backtest or a bot did."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.checks import is_number
from perpkit.durations import DAY_S
from perpkit.files.own_file import check_own
from perpkit.market.exchanges import facts_of
from perpkit.ops.bot_files import Config, errors
from perpkit.ops.plateau import search_in
from perpkit.ops.results_input import (
    Balance,
    Datadir,
    DataFormat,
    Input,
    Source,
    Strategy,
    left_out,
)
from perpkit.ops.results_input import (
    as_json as json_of,
)
from perpkit.ops.stored import BadInputError, parse_timerange
from perpkit.record.trade_database import DatabaseError

if TYPE_CHECKING:
    from perpkit.learning.evidence import Evidence
    from perpkit.ops.stored_market import StoredMarket
    from perpkit.report.view import Benchmark, Run, View
    from perpkit.research.results import Results
    from perpkit.walkforward.holdout import Seal
    from perpkit.walkforward.record import Run as WalkedRun
    from perpkit.walkforward.verdict import Verdict

HOLD = "buy-and-hold"


def report(
    results: Source,
    other: Annotated[
        Path | None,
        typer.Option(
            "--with",
            help="Another export or database to show beside it, such as the same run without "
            "--enable-protections.",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar=f"{HOLD}|BTC",
            help="What the same money would have made in all pairs of the run, or in one coin.",
        ),
    ] = None,
    hyperopt: Annotated[
        Path | None,
        typer.Option(
            help="Result of hyperopt (.fthypt) that the parameters are from: whether they stand on "
            "a plateau or on a peak."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="The page; report-NAME.html in this folder by default.")
    ] = None,
    datadir: Datadir = None,
    config: Config = None,
    data_format: DataFormat = "feather",
    strategy: Strategy = None,
    starting_balance: Balance = None,
    models: Annotated[
        Path | None,
        typer.Option(
            help="Folder of FreqAI's identifier, for what the model predicted. Default: "
            "models/IDENTIFIER in the export's user directory."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON; a page only with --out.")
    ] = False,
) -> None:
    """Write a report of a backtest or a bot: figures and charts in one page that needs no network.

    The directory of a walk-forward is shown with the verdict on it.

    Equity is marked to market. What the results do not record is left out, and the page says so.
    """
    given = Input(datadir, config, data_format, starting_balance)
    path = out or Path(f"report-{results.stem}.html")
    with errors(ValueError, OSError, DatabaseError):
        if out is not None or not as_json:
            from perpkit.report.page import TITLE

            check_own(path, "out", "an earlier report", TITLE.encode())
        plotly = _plotly() if out is not None or not as_json else ""
        view = _view(given, results, other, strategy, against, hyperopt, models)
        lacks = [said for run in view.runs for said in left_out(run.account)]
        lacks = list(dict.fromkeys(lacks))
        if as_json:
            from perpkit.report.summary import summary

            print(json_of(summary(view, lacks)))
        if plotly:
            _write(view, path, plotly, lacks)


def _view(
    given: Input,
    results: Path,
    other: Path | None,
    strategy: str | None,
    against: str | None,
    hyperopt: Path | None,
    models: Path | None,
) -> View:
    found, tests = _found(given, results, strategy)
    beside = None if other is None else _beside(given, other, found.strategy)
    market = given.market(found, beside)
    walked: Verdict | None = None
    seals: tuple[Seal, ...] = ()
    if tests is not None:
        from perpkit.ops.verdict import userdir_of_run

        userdir = userdir_of_run(results, given.config, None)
        walked, seals = _judged(tests, userdir, market), _seals(userdir)
    from perpkit.report.view import View, runs_of
    from perpkit.research.liquidation import with_liquidations

    if facts_of(found.exchange).brings_tiers:
        found = with_liquidations(found, market.tiers)
    run, second = runs_of(market, found, beside)
    benchmark = None if against is None else _benchmark(run, market, against)
    evidence = _evidence(found, models)
    return View(run, market, second, benchmark, search_in(hyperopt), walked, evidence, seals)


def _evidence(results: Results, models: Path | None) -> Evidence | None:
    """Returns what the model predicted; None where no model is known, or nothing of it."""
    identifier = results.stats.get("freqai_identifier")
    if models is None:
        if not identifier:
            return None
        # An export is in backtest_results/ of the user directory.
        models = results.source.parent.parent / "models" / str(identifier)
    elif not models.is_dir():
        raise BadInputError(f"models must be a folder, got {models}")
    from perpkit.learning.evidence import read

    return read(models, results.pairs, *_windows(results), results.end)


def _windows(results: Results) -> tuple[float, float | None]:
    """Returns where the windows of a backtest with FreqAI begin, and how long each is, in seconds;
    None where the export has no configuration."""
    # FreqAI counts from the time range, also where Freqtrade begins later for want of candles.
    asked = str(results.stats.get("timerange") or "")
    begin = parse_timerange(asked)[0] if asked else None
    days: Any = (results.config.get("freqai") or {}).get("backtest_period_days")
    length = float(days * DAY_S) if is_number(days) and days > 0 else None
    return results.start if begin is None else begin.timestamp(), length


def _found(given: Input, path: Path, strategy: str | None) -> tuple[Results, WalkedRun | None]:
    """Returns results, and the run they are of where they are a walk-forward's."""
    if not path.is_dir():
        return given.results(path, strategy), None
    from perpkit.ops.verdict import check_can_judge
    from perpkit.walkforward.as_results import as_results
    from perpkit.walkforward.run_directory import read_run

    check_can_judge()
    run = read_run(path)
    return as_results(run, path), run


def _judged(run: WalkedRun, userdir: Path, market: StoredMarket) -> Verdict:
    """Returns the verdict as `perpkit verdict` gives it, with the same logs and candles."""
    from perpkit.ops.verdict import holding_beside, tried, usual_log
    from perpkit.walkforward.verdict import verdict

    counted = tried(run, usual_log(None, userdir))
    hold = holding_beside(run, market)
    return verdict(run, ideas=counted.variants, counted=counted.words, hold=hold)


def _seals(userdir: Path) -> tuple[Seal, ...]:
    """Returns what `perpkit holdout show` shows of the same user directory."""
    from perpkit.walkforward.holdout import place, read_seals

    return read_seals(place(userdir))


def _beside(given: Input, path: Path, strategy: str) -> Results:
    """Returns the other results, of the same strategy if they have it."""
    from perpkit.research.marked import NoStrategyError

    try:
        return given.results(path, strategy)
    except NoStrategyError:
        return given.results(path, None)


def _benchmark(run: Run, market: StoredMarket, against: str) -> Benchmark:
    from perpkit.report.view import buy_and_hold

    if against == HOLD:
        return buy_and_hold(run, market, list(run.results.pairs), "buy and hold")
    if not against.isalnum():
        raise BadInputError(f"against must be {HOLD} or a coin such as BTC, got {against!r}")
    pair = f"{against.upper()}/{run.results.stake_currency}"
    futures = any(":" in each for each in run.results.pairs)
    pair = f"{pair}:{run.results.stake_currency}" if futures else pair
    return buy_and_hold(run, market, [pair], against.upper())


def _plotly() -> str:
    """:raises BadInputError: if the extra `report` is not installed"""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise BadInputError("report needs plotly: pip install 'perpkit[report]'") from error
    source: str = get_plotlyjs()
    return source


def _write(view: View, path: Path, plotly: str, lacks: list[str]) -> None:
    from perpkit.files.whole_file import put
    from perpkit.report.page import page

    content = page(view, plotly, lacks).encode()
    try:
        put(path, content)
    except OSError as error:
        raise BadInputError(f"out cannot be written: {path}: {error.strerror}") from error
    print(f"{path.absolute()} ({len(content) / 1e6:.1f} MB)", file=sys.stderr)

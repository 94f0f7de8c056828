"""`perpkit compare`: whether two backtests or bots differ by more than chance."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpkit.ops.bot_files import Config, errors
from perpkit.ops.results_input import (
    Balance,
    Datadir,
    DataFormat,
    Input,
    Strategy,
    left_out,
)
from perpkit.ops.results_input import (
    as_json as json_of,
)
from perpkit.ops.stored import BadInputError
from perpkit.record.trade_database import DatabaseError

if TYPE_CHECKING:
    from perpkit.report.view import Run
    from perpkit.research.comparing import Comparison

Result = Annotated[
    Path | None,
    typer.Argument(
        metavar="EXPORT|DB",
        help="Backtest result of Freqtrade (.zip, .json), or a bot's trade database (.sqlite).",
    ),
]


def compare(
    first: Result = None,
    second: Result = None,
    live: Annotated[
        Path | None,
        typer.Option(
            metavar="DB",
            help="A bot's trade database, instead of two results: each of its trades beside its "
            "twin of --backtest, with the causes of what differs.",
        ),
    ] = None,
    backtest: Annotated[
        Path | None, typer.Option(metavar="EXPORT", help="The backtest of that bot's time.")
    ] = None,
    timerange: Annotated[
        str | None,
        typer.Option(help="With --live: when the trades were opened. Default: all of its time."),
    ] = None,
    datadir: Datadir = None,
    config: Config = None,
    data_format: DataFormat = "feather",
    strategy: Strategy = None,
    other_strategy: Annotated[
        str | None,
        typer.Option(help="Which one of the second results, or of --backtest, if it is another."),
    ] = None,
    starting_balance: Balance = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the bootstrap.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Say whether two backtests or bots differ by more than chance.

    The daily returns of both, marked to market, are resampled together in blocks of days, and the
    verdict follows from the 95% interval of the difference of their Sharpe ratios. With --live and
    --backtest: why a bot made something else than its backtest, trade by trade.
    """
    given = Input(datadir, config, data_format, starting_balance)
    if live is not None or backtest is not None:
        with errors(ValueError, DatabaseError):
            files, strategies = (live, backtest), (strategy, other_strategy)
            _twins(given, (first, second), files, strategies, timerange, as_json)
        return
    with errors(ValueError, DatabaseError):
        if first is None or second is None:
            raise BadInputError("compare needs two results, or --live and --backtest")
        if timerange is not None:
            raise BadInputError(f"timerange goes with --live and --backtest, got {timerange!r}")
        runs = _runs(given, first, second, strategy, other_strategy)
        found = _compared(runs, seed)
    lacks = list(dict.fromkeys(said for run in runs for said in left_out(run.account)))
    names = [run.name for run in runs]
    if as_json:
        print(json_of({"runs": names, **asdict(found), "left_out": lacks}))
        return
    for sentence in lacks:
        print(sentence, file=sys.stderr)
    _print(names, found)


def _twins(
    given: Input,
    results: tuple[Path | None, Path | None],
    files: tuple[Path | None, Path | None],
    strategies: tuple[str | None, str | None],
    timerange: str | None,
    as_json: bool,
) -> None:
    from perpkit.ops.twins import document, explained, print_twins

    live, backtest = files
    if live is None or backtest is None or results != (None, None):
        raise BadInputError("live and backtest must be given together, and without other results")
    bot, found = explained(given, live, backtest, strategies, timerange)
    if as_json:
        print(json_of(document(bot, found)))
    else:
        print_twins(bot, found)


def _runs(
    given: Input, first: Path, second: Path, strategy: str | None, other: str | None
) -> tuple[Run, Run]:
    one, two = given.results(first, strategy), given.results(second, other or strategy)
    from perpkit.report.view import runs_of

    run, beside = runs_of(given.market(one, two), one, two)
    if beside is None:
        raise BadInputError("there is nothing to compare with")
    return run, beside


def _compared(runs: tuple[Run, Run], seed: int) -> Comparison:
    from perpkit.research.comparing import compared

    try:
        return compared(*(run.daily_returns for run in runs), seed=seed)
    except ModuleNotFoundError as error:
        raise BadInputError(f"compare: {error}") from error


def _print(names: list[str], found: Comparison) -> None:
    from rich.table import Table

    from perpkit.ops.stored import wide_console
    from perpkit.research.comparing import sentence

    table = Table("", *names, "difference", "95% interval", box=None, padding=(0, 2, 0, 0))
    ratio, mean = found.sharpe_difference, found.mean_difference
    one, two = found.sharpe
    table.add_row(
        "Sharpe ratio", f"{one:.2f}", f"{two:.2f}", f"{one - two:+.2f}",
        f"{ratio.low:+.2f} to {ratio.high:+.2f}",
    )  # fmt: skip
    one, two = found.mean
    table.add_row(
        "mean return a year", f"{one:.1%}", f"{two:.1%}", f"{one - two:+.1%}",
        f"{mean.low:+.1%} to {mean.high:+.1%}",
    )  # fmt: skip
    console = wide_console()
    console.print(table)
    console.print(sentence(names, found))

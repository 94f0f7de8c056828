"""`perpkit verdict`: whether a walk-forward, or the best of several trials, is more than luck."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpkit.ops.bot_files import RUNS, Config, Userdir, errors, user_directory
from perpkit.ops.results_input import Datadir, Input
from perpkit.ops.results_input import as_json as json_of
from perpkit.ops.stored import BadInputError
from perpkit.ops.verdict_shown import print_gate, print_verdict

# pandas and scipy load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    import pandas as pd

    from perpkit.ops.stored_market import StoredMarket
    from perpkit.research.research_log import Tried
    from perpkit.walkforward.plateaus import Proposed
    from perpkit.walkforward.record import Run

_MOST_BYTES = 2**30
# What Freqtrade calls the result of a hyperopt.
_HYPEROPT = ".fthypt"


def verdict(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="RUN_DIR|RETURNS.csv|FTHYPT",
            help="Directory of a walk-forward run; a table of daily returns as fractions: a "
            "column of dates, then one for each trial; or a result of Freqtrade's hyperopt "
            "(.fthypt), whose epochs are the trials.",
        ),
    ],
    ideas: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="How many variants were tried on these days. Default: those of your research log "
            "and of the one that comes with Perpkit.",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(help="Your research log. Default: research-log.toml in the user directory."),
    ] = None,
    config: Config = None,
    userdir: Userdir = None,
    datadir: Datadir = None,
    data_format: Annotated[
        str | None,
        typer.Option(help="Of the stored candles: feather (default), parquet, json, jsongz."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the resampling.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Say whether a walk-forward, or the best of several trials, shows more than luck.

    A walk-forward is judged by its tests alone. Of a table, give every trial, the bad ones too.
    """
    with errors(ValueError, OSError):
        check_can_judge()
        if source.is_dir():
            known = usual_log(log, userdir_of_run(source, config, userdir))
            given = Input(datadir, config, data_format or "feather", None, userdir)
            _of_run(source, ideas, known, given, seed, as_json=as_json)
            return
        of_a_run = {
            "log": log,
            "config": config,
            "userdir": userdir,
            "datadir": datadir,
            "data-format": data_format,
        }
        found = [name for name, value in of_a_run.items() if value is not None]
        if found and source.exists():  # else the name is what is wrong
            raise BadInputError(
                f"{found[0]} is for the directory of a walk-forward, and {source} is none; --ideas "
                "says how many variants were tried"
            )
        if source.suffix == _HYPEROPT:
            _of_hyperopt(source, ideas or 1, seed, as_json=as_json)
        else:
            _of_table(_returns(source), ideas or 1, seed, as_json=as_json)


def check_can_judge() -> None:
    """:raises BadInputError: if the extra `research` is not installed"""
    from perpkit.research.overfitting.bootstrap import arch_bootstrap

    try:
        arch_bootstrap()
    except ModuleNotFoundError as error:
        raise BadInputError(f"a verdict: {error}") from error


def userdir_of_run(run: Path, config: list[Path] | None, userdir: Path | None) -> Path:
    """Returns the user directory whose log and seals count for a run: the one that is given or a
    given configuration's, else the one that the run lies in, else Freqtrade's default."""
    beside = run.absolute().parent
    if config or userdir or beside.name != RUNS or not _is_user_directory(beside.parent):
        return user_directory(config, userdir)
    return beside.parent


def _is_user_directory(folder: Path) -> bool:
    """Whether it has what only a user directory has; `walkforward` can lie in any folder."""
    from perpkit.research.research_log import NAME
    from perpkit.walkforward.holdout import place

    return (folder / "data").is_dir() or (folder / NAME).is_file() or place(folder).is_file()


def usual_log(given: Path | None, folder: Path) -> Path | None:
    """Returns the user's research log: the one that is given, or the usual one, if it is there."""
    from perpkit.research.research_log import NAME

    if given is not None:
        return given
    path = folder / NAME
    return path if path.is_file() else None


def _of_run(
    directory: Path,
    ideas: float | None,
    log: Path | None,
    given: Input,
    seed: int,
    *,
    as_json: bool,
) -> None:
    from perpkit.walkforward.as_results import as_results
    from perpkit.walkforward.run_directory import REQUEST, plain, read_run
    from perpkit.walkforward.verdict import verdict as judged
    from perpkit.walkforward.verdict_words import reservations, sentence

    if not (directory / REQUEST).is_file():
        raise BadInputError(f"run_dir must be the directory of a walk-forward, got {directory}")
    run = read_run(directory)
    if ideas:
        variants, words = ideas, f"Variants tried on these days: {ideas:,g}, by --ideas."
    else:
        counted = tried(run, log)
        variants, words = counted.variants, counted.words
    hold = holding_beside(run, given.market(as_results(run, directory)))
    found = judged(run, ideas=variants, counted=words, hold=hold, seed=seed)
    proposed, why = _proposed(run)
    said = [*reservations(found), *([why] if why else [])]
    if hold is None:
        said.append("Holding the same pairs is not shown: there are no candles of them.")
    if as_json:
        document = {
            "verdict": sentence(found),
            "passes": found.gate.passes,
            "said": said,
            "middles": proposed and proposed.middles,
            "chances": proposed and proposed.chances,
            "defaults": proposed and proposed.defaults,
            **asdict(found),
        }
        print(json_of(plain(document)))
        return
    print_verdict(found, proposed)
    for each in said:
        print(each)


def tried(run: Run, log: Path | None) -> Tried:
    """Returns how many variants of the strategy were tried on the days of the tests.

    :param log: the user's
    """
    from perpkit.research.research_log import tried as in_logs
    from perpkit.walkforward.windows import days_tested

    return in_logs(run.request.strategy, *days_tested(run.request.windows), log)


def holding_beside(run: Run, market: StoredMarket) -> pd.Series | None:
    """Returns the equity of holding the run's pairs; None without candles of them.

    :param run: with at least one result
    :param market: as `Input.market` finds it, which the report reads, too
    """
    import pandas as pd

    from perpkit.market.times import dates_of
    from perpkit.research.holding import holding
    from perpkit.walkforward.stitching import stitched_equity

    found = [market.candles(pair, run.request.timeframe) for pair in run.request.pairs]
    times = dates_of(stitched_equity(run.results).index)
    try:
        candles = [frame for frame in found if frame is not None]
        return holding(times, candles, pd.Timedelta(run.request.timeframe))
    except ValueError:
        return None


def _proposed(run: Run) -> tuple[Proposed | None, str]:
    """Returns what the windows give, and why they give nothing, or what it lacks."""
    from perpkit.walkforward.plateaus import has_target_tables, proposed

    if not run.request.epochs:
        return None, ""
    if not run.is_complete:
        return None, "Defaults follow from a run that is complete."
    try:
        found = proposed(run.results)
    except ValueError as error:
        return None, f"No defaults: {error}."
    tables = has_target_tables(run.results)
    return found, "Tables of roi have no default: hyperopt draws their times." if tables else ""


def _of_hyperopt(path: Path, ideas: float, seed: int, *, as_json: bool) -> None:
    from perpkit.research.hyperopt.daily import read_daily

    made = read_daily(path)
    _of_table(made.returns, ideas, seed, as_json=as_json, epochs=made.tried)
    if not as_json:
        print(
            f"Of {made.tried:,} epochs, {made.returns.shape[1]:,} are different and had enough "
            "trades to be rated. Profits are those that were realised on each day, of the days "
            "that the search saw: a walk-forward tests days that it has not seen."
        )


def _of_table(
    returns: pd.DataFrame, ideas: float, seed: int, *, as_json: bool, epochs: int | None = None
) -> None:
    from perpkit.research.overfitting.gate import gate

    found = gate(returns.to_numpy(dtype=float), ideas=ideas, seed=seed)
    best = None if found.best is None else str(returns.columns[found.best])
    if as_json:
        tried = {} if epochs is None else {"epochs": epochs}
        print(json_of({**asdict(found), **tried, "best": best, "passes": found.passes}))
        return
    print_gate(found, best, len(returns))


def _returns(path: Path) -> pd.DataFrame:
    """:raises BadInputError: naming what is wrong with the table"""
    import io

    import numpy as np
    import pandas as pd
    from pandas.api.types import is_numeric_dtype

    from perpkit.files.contents import content_of
    from perpkit.market.times import dates_of

    content = content_of(path, _MOST_BYTES)
    try:
        found = pd.read_csv(io.BytesIO(content))
        if is_numeric_dtype(found.iloc[:, 0]):
            raise ValueError(f"column {found.columns[0]} has numbers")
        table = found.iloc[:, 1:].astype(float).set_axis(dates_of(found.iloc[:, 0]))
    except (ValueError, TypeError, IndexError, pd.errors.ParserError) as error:
        words = " ".join(str(error).split())[:200]
        raise BadInputError(
            f"{path}: must have a column of dates, then columns of numbers: {words}"
        ) from error
    if table.empty:
        raise BadInputError(f"{path}: must have a column of dates, then columns of numbers")
    _check_days(path, dates_of(table.index).floor("D"))
    known = np.isfinite(table.to_numpy()).all(axis=0)
    if not known.all():
        column = table.columns[int(known.argmin())]
        raise BadInputError(
            f"{path}: column {column} must have a finite number on each day; 0 where "
            "nothing was made"
        )
    return table


def _check_days(path: Path, days: pd.DatetimeIndex) -> None:
    """:raises BadInputError: if there is not a row a day, in order"""
    import pandas as pd

    if not days.is_unique:
        day = days[days.duplicated()][0]
        raise BadInputError(f"{path}: must have each day once, has {day:%Y-%m-%d} twice")
    steps = days[1:] - days[:-1]
    if len(steps) and steps.min() < pd.Timedelta(0):
        day = days[1:][steps < pd.Timedelta(0)][0]
        raise BadInputError(
            f"{path}: must have the days in order, has {day:%Y-%m-%d} after a later one"
        )
    usual = sorted(steps)[len(steps) // 2] if len(steps) else pd.Timedelta("1D")
    if usual > pd.Timedelta("1D"):
        raise BadInputError(f"{path}: must have a row a day, has one every {usual.days} days")

"""`perpkit walkforward`: parameters chosen on one stretch of the past, and tested on the next."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.ops.bot_config import files_of
from perpkit.ops.bot_files import RUNS, Config, Userdir, errors
from perpkit.ops.stored import BadInputError, config_words, parse_timerange, say_if_marked
from perpkit.ops.verdict import check_can_judge, tried, usual_log

# Freqtrade and pandas load inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.walkforward.asked import Asked
    from perpkit.walkforward.engines import Engine
    from perpkit.walkforward.record import Run
    from perpkit.walkforward.windows import Calendar
    from perpkit.walkforward.worker import Setup

LOCAL, RAY = "local", "ray"


def walkforward(
    timerange: Annotated[
        str, typer.Option(help="That the tests tile: 20210101-20240101. Training lies before it.")
    ],
    config: Config = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", "-s", help="Default: the configuration's.")
    ] = None,
    strategy_path: Annotated[
        Path | None, typer.Option(help="Another folder to look for the strategy in.")
    ] = None,
    userdir: Userdir = None,
    datadir: Annotated[Path | None, typer.Option(help="With the candles; as Freqtrade's.")] = None,
    train: Annotated[str, typer.Option(help="Length of the training: 360d, 52w, 12m, 1y.")] = "12m",
    test: Annotated[str, typer.Option(help="Length of each test.")] = "3m",
    purge: Annotated[
        str, typer.Option(help="Cut off the end of each training: as long as trades are open.")
    ] = "0",
    embargo: Annotated[
        str, typer.Option(help="Left out between training and test, beside the purge.")
    ] = "0",
    anchored: Annotated[
        bool, typer.Option("--anchored", help="Training always begins at the same time, and grows.")
    ] = False,
    epochs: Annotated[
        int, typer.Option(min=0, help="Of hyperopt in each window; 0 for fixed parameters.")
    ] = 0,
    spaces: Annotated[
        str, typer.Option(help="Of hyperopt, separated by commas or spaces: buy,sell,stoploss.")
    ] = "default",
    hyperopt_loss: Annotated[
        str, typer.Option(help="Loss function of hyperopt.")
    ] = "SharpeHyperOptLossDaily",
    min_trades: Annotated[
        int, typer.Option(min=1, help="Epochs with fewer trades count as bad.")
    ] = 10,
    seed: Annotated[int, typer.Option(min=1, help="Of the first window's hyperopt.")] = 1,
    protections: Annotated[
        bool, typer.Option(help="Breakers and protections in training and test.")
    ] = True,
    enable_dynamic_pairlist: Annotated[
        bool,
        typer.Option(
            "--enable-dynamic-pairlist",
            help="Pairlists choose at each candle of a test, as Freqtrade's option; hyperopt has "
            "none.",
        ),
    ] = False,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Workers. Default: one a processor.")
    ] = None,
    engine: Annotated[str, typer.Option(help=f"{LOCAL}, or {RAY} for a cluster.")] = LOCAL,
    address: Annotated[
        str | None,
        typer.Option(help="Of the Ray cluster; without it, Ray runs on this machine only."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Directory of the run. Default: walkforward/STRATEGY in the userdir."),
    ] = None,
    propose: Annotated[
        Path | None,
        typer.Option(help="Write the newest parameters to this file, with what the tests say."),
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            help="Write how much the tests moved the account into the `budgets_file` that "
            "Confluence reads, as its source of this name."
        ),
    ] = None,
    look: Annotated[
        bool,
        typer.Option("--look", help="At sealed days, with fixed parameters, once: see `holdout`."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Test a strategy on stretches of time that its parameters were not chosen by.

    Each window has a training, in which Freqtrade's hyperopt chooses parameters, and a test after
    it, from a fresh account. What is done is kept: the same command goes on where it was stopped.
    """
    from freqtrade.exceptions import FreqtradeException

    with errors(ValueError, FreqtradeException, OSError):
        chosen = _engine(engine, address)
        if budget is not None and not budget.isidentifier():
            raise BadInputError(f"budget must be the name of a source: rsi_sma, got {budget!r}")
        files = tuple(files_of(config, userdir))
        from perpkit.walkforward.asked import Asked

        begin, end = _period(timerange)
        asked = Asked(
            files=files,
            calendar=_calendar(train, test, purge, embargo, anchored=anchored),
            start=begin,
            end=end,
            strategy=strategy,
            strategy_path=strategy_path,
            userdir=userdir,
            datadir=datadir,
            protections=protections,
            dynamic_pairlist=enable_dynamic_pairlist,
            epochs=epochs,
            spaces=tuple(spaces.replace(",", " ").split()),
            loss=hyperopt_loss,
            min_trades=min_trades,
            seed=seed,
            budget=budget,
        )
        try:
            setup = _setup(asked)
        except FreqtradeException as error:
            raise BadInputError(config_words(error)) from None
        budgets = _budgets_file(setup.config)
        if propose is not None and not epochs:
            raise BadInputError("propose needs parameters that were optimised, with --epochs")
        if propose is not None:
            from perpkit.walkforward.proposal import check_place

            check_place(propose, setup.request.strategy)
            check_can_judge()
        _admit(setup, look=look)
        directory = out or Path(setup.config["user_data_dir"]) / RUNS / setup.request.strategy
        run = _run(setup, directory, chosen, address, jobs)
        if propose is not None:
            _propose(run, propose, Path(setup.config["user_data_dir"]))
        if budget is not None:
            _budget(run, budget, budgets)
        _show(run, directory, as_json=as_json)


def _engine(name: str, address: str | None) -> str:
    if name not in (LOCAL, RAY):
        raise BadInputError(f"engine must be {LOCAL} or {RAY}, got {name}")
    if address is not None and name != RAY:
        raise BadInputError(f"address needs --engine {RAY}, got {address}")
    return name


def _period(timerange: str) -> tuple[datetime, datetime]:
    """Both ends of the tests."""
    start, end = parse_timerange(timerange)
    if start is None or end is None:
        raise BadInputError(f"timerange must have both ends: 20210101-20240101, got {timerange!r}")
    return start, end


def _calendar(train: str, test: str, purge: str, embargo: str, *, anchored: bool) -> Calendar:
    from perpkit.walkforward.windows import Calendar, Span

    return Calendar(
        train=Span.of(train, "train"),
        test=Span.of(test, "test"),
        purge=Span.of(purge, "purge", may_be_none=True),
        embargo=Span.of(embargo, "embargo", may_be_none=True),
        anchored=anchored,
    )


def _setup(asked: Asked) -> Setup:
    from perpkit.walkforward.pairs import idle_pairlists
    from perpkit.walkforward.spaces import decided_spaces
    from perpkit.walkforward.worker import quiet

    with quiet():
        setup = asked.setup(partial(typer.echo, err=True))
    for space, option in decided_spaces(setup.config, setup.request.spaces).items():
        print(
            f'spaces: {space} is searched for nothing, since "{option}" of the configuration '
            "stands above it.",
            file=sys.stderr,
        )
    if idle := idle_pairlists(setup.config, setup.request.epochs):
        print(idle, file=sys.stderr)
    say_if_marked(setup.datadir)
    return setup


def _admit(setup: Setup, *, look: bool) -> None:
    """:raises HoldoutError: where sealed days are asked for that may not be seen"""
    from perpkit.walkforward import holdout

    place = holdout.place(Path(setup.config["user_data_dir"]))
    if look:
        holdout.look(place, setup.request, datetime.now(UTC), setup.learned)
    else:
        holdout.check(place, setup.request, setup.learned)


def _run(setup: Setup, directory: Path, engine: str, address: str | None, jobs: int | None) -> Run:
    from perpkit.ops.progress import progress
    from perpkit.walkforward.run_directory import is_done, read_run
    from perpkit.walkforward.running import held, run

    with held(directory, setup.request) as scratch:
        chosen = _made(engine, address, jobs, scratch)
        try:
            with progress() as show:
                run(chosen, setup, directory, show, partial(typer.echo, err=True))
        except KeyboardInterrupt:
            numbers = [window.number for window in setup.request.windows]
            done = sum(is_done(directory, number) for number in numbers)
            typer.echo(
                f"Stopped with {done} of {len(numbers)} windows done; the same command does the "
                "rest.",
                err=True,
            )
            raise typer.Exit(130) from None
        return read_run(directory)


def _made(engine: str, address: str | None, jobs: int | None, scratch: Path) -> Engine:
    if engine == LOCAL:
        from perpkit.walkforward.engines import LocalEngine

        return LocalEngine(jobs or os.cpu_count() or 1, scratch)
    try:
        from perpkit.walkforward.ray_engine import RayEngine

        return RayEngine(jobs, address, scratch)
    except ModuleNotFoundError as error:
        raise BadInputError(f"engine {RAY} needs pip install 'perpkit[ray]' ({error})") from error


def _propose(run: Run, path: Path, userdir: Path) -> None:
    from perpkit.walkforward.proposal import proposal, write_proposal
    from perpkit.walkforward.summary import summary
    from perpkit.walkforward.verdict import verdict
    from perpkit.walkforward.verdict_words import sentence

    counted = tried(run, usual_log(None, userdir))
    found = verdict(run, ideas=counted.variants, counted=counted.words)
    said = {"verdict": sentence(found), "passes": found.gate.passes, "counted": found.counted}
    said |= summary(run)
    write_proposal(path, proposal(run, said, datetime.now(UTC)))
    print(f"{sentence(found)} {found.counted}", file=sys.stderr)
    print(f"Proposed in {path}; nothing of it is in force.", file=sys.stderr)


def _budgets_file(config: Mapping[str, Any]) -> Path:
    """Returns the file of budgets that Confluence reads with this configuration."""
    from perpkit.bot.confluence.parameters import ConfluenceRule

    own = (config.get("perpkit") or {}).get("confluence")
    name = ConfluenceRule().budgets_file
    if isinstance(own, dict):
        name = own.get("budgets_file", name)
    if not isinstance(name, str) or not name:
        raise BadInputError(f"perpkit.confluence.budgets_file must be a path, got {name!r}")
    return Path(config["user_data_dir"]) / name


def _budget(run: Run, source: str, path: Path) -> None:
    from perpkit.risk.budget_file import write
    from perpkit.walkforward.summary import source_risk

    found = source_risk(run)
    write(path, source, found)
    print(f"{path}: {source} moved {found.daily_volatility:.2%} a day.", file=sys.stderr)


def _show(run: Run, directory: Path, *, as_json: bool) -> None:
    from perpkit.walkforward.summary import summary

    found = summary(run)
    if as_json:
        import json

        from perpkit.walkforward.run_directory import plain

        print(json.dumps(plain({"directory": str(directory), **found})))
        return
    _print_table(found)
    print(f"Kept in {directory}; `perpkit verdict` says what it shows.", file=sys.stderr)


def _print_table(found: dict[str, Any]) -> None:
    from rich.table import Table

    from perpkit.ops.stored import wide_console

    table = Table("window", "test", "in sample", "out of sample", "drawdown", "trades")
    for row in found["windows"]:
        within = row["in_sample"]
        tested = row["out_of_sample"]
        table.add_row(
            str(row["window"]),
            f"{row['test_start']:%Y-%m-%d} to {row['test_end']:%Y-%m-%d}",
            "" if within is None else f"{within['profit']:+.1%}, Sharpe {within['sharpe']:.2f}",
            f"{tested['profit']:+.1%}, Sharpe {tested['sharpe']:.2f}",
            f"{tested['max_drawdown']:.1%}",
            str(row["trades"]),
        )
    console = wide_console()
    console.print(table)
    whole = found["stitched"]
    console.print(
        f"All tests together: {whole['profit']:+.1%}, Sharpe {whole['sharpe']:.2f}, drawdown "
        f"{whole['max_drawdown']:.1%}, {found['trades']} trades in {whole['days']} days."
    )

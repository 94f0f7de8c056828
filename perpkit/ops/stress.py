"""`perpkit stress`: what a run would have made if trading had cost more."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.market.exchanges import facts_of
from perpkit.ops.bot_files import Config, errors
from perpkit.ops.results_input import (
    Balance,
    Datadir,
    DataFormat,
    Input,
    Source,
    Strategy,
)
from perpkit.ops.results_input import (
    as_json as json_of,
)
from perpkit.ops.stored import BadInputError
from perpkit.record.trade_database import DatabaseError

if TYPE_CHECKING:
    from perpkit.research.results import Results
    from perpkit.research.stress.monte_carlo import Luck
    from perpkit.research.stress.stressing import Stress, Stressed


def stress(
    results: Source,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="A scenario, such as spread+square_root,impact=0.2 or costs.py:MyModel; may be "
            "repeated. Default: every model, and several together.",
        ),
    ] = None,
    noise: Annotated[
        float,
        typer.Option(min=0, max=2, help="Standard deviation of the factor of every slippage."),
    ] = 0.2,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    datadir: Datadir = None,
    config: Config = None,
    data_format: DataFormat = "feather",
    strategy: Strategy = None,
    starting_balance: Balance = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Price the trades of a backtest or a bot again, as cost models would have it.

    Says at which cost of a side the edge is gone, and what luck could have made of the same trades
    and days.
    """
    from perpkit.research.causes import decimals

    given = Input(datadir, config, data_format, starting_balance)
    with errors(ValueError, DatabaseError):
        found = given.results(results, strategy)
        stressed, drawn, lacking = _stressed(given, found, model, noise, seed)
    said = [*_left_out(stressed, decimals(found.stake_currency)), *_gone(stressed)]
    if lacking:
        said.append(f"cross_margin is left out: it needs {lacking}.")
    if as_json:
        print(json_of(_document(found, stressed, drawn, said)))
        return
    _print(found, stressed, drawn, said)


def _stressed(
    given: Input, found: Results, asked: list[str] | None, noise: float, seed: int
) -> tuple[Stress, dict[str, dict[str, Luck]], str]:
    """:return: with what the usual scenarios lack for cross margin, in words"""
    from perpkit.ops.progress import progress
    from perpkit.research.stress.cross_margin import cross_margin_lacks
    from perpkit.research.stress.repricing import Repricing
    from perpkit.research.stress.scenarios import DEFAULT, models_of
    from perpkit.research.stress.stressing import luck
    from perpkit.research.stress.stressing import stress as stress_of

    market = given.market(found)
    futures = all(":" in pair for pair in found.pairs)
    tiers = market.tiers if facts_of(found.exchange).brings_tiers else lambda _: None
    lacking = "" if asked or not futures else cross_margin_lacks(found, market, tiers)
    margined = futures and not lacking
    names = asked or [name for name in DEFAULT if margined or name != "cross_margin"]
    scenarios = [(name, models_of(name)) for name in names]
    repricing = Repricing(found, market, tiers, noise=noise, seed=seed)
    with progress() as show:
        count = iter(range(1, len(names) + 1))
        result = stress_of(
            repricing, market, scenarios, lambda name: show(next(count), len(names), name)
        )
    last = result.scenarios[-1]
    try:
        drawn = {
            name: luck(run, market, seed=seed)
            for name, run in (("as it was", found), (last.name, last.repriced.results))
        }
    except ModuleNotFoundError as error:
        raise BadInputError(f"stress: {error}") from error
    return result, drawn, lacking


def _gone(stressed: Stress) -> list[str]:
    said = [stressed.break_even.words]
    if stressed.break_even.profit > 0:
        ended = [one.name for one in stressed.scenarios if one.profit <= 0]
        if ended:
            said.append(f"It is gone under {', '.join(ended)}.")
    return said


def _left_out(stressed: Stress, digits: int) -> list[str]:
    """:param digits: decimals of the stake currency"""
    said = []
    if stressed.open_trades:
        said.append(f"{stressed.open_trades} trades are not counted: they are not closed.")
    if stressed.inexact:
        said.append(
            f"{stressed.inexact} trades made something else than their fills say, by more than "
            f"{10**-digits:.{digits}f}: they are priced by their fills."
        )
    most = max(stressed.scenarios, key=lambda one: one.repriced.unpriced)
    if most.repriced.unpriced:
        said.append(
            f"Up to {most.repriced.unpriced} orders ({most.name}) are left as they were: there is "
            "no candle, nothing was traded in it, or too few candles are before it to know the "
            "volatility."
        )
    return said


def _document(
    results: Results, stressed: Stress, drawn: dict[str, dict[str, Luck]], said: list[str]
) -> dict[str, Any]:
    return {
        "source": str(results.source),
        "strategy": results.strategy,
        "stake_currency": results.stake_currency,
        "break_even": {**asdict(stressed.break_even), "bps": stressed.break_even.bps},
        "scenarios": [
            {
                "name": one.name,
                "profit": one.profit,
                "cost": one.cost,
                "cost_bps": one.bps,
                "edge_gone_at_times": one.times,
                "left_out": one.repriced.left_out,
                "unpriced": one.repriced.unpriced,
                "trades": asdict(one.statistics),
                "figures": None if one.figures is None else asdict(one.figures),
            }
            for one in stressed.scenarios
        ],
        "luck": {
            run: {kind: asdict(each) for kind, each in found.items()}
            for run, found in drawn.items()
        },
        "said": said,
    }


def _print(
    results: Results, stressed: Stress, drawn: dict[str, dict[str, Luck]], said: list[str]
) -> None:
    from rich.table import Table

    from perpkit.ops.stored import wide_console
    from perpkit.research.causes import decimals

    left = {"box": None, "padding": (0, 2, 0, 0)}
    table = Table("scenario", **left)  # type: ignore[arg-type]
    currency = results.stake_currency
    for name in (f"profit, {currency}", "cost a side", "gone at", "trades", "profit factor",
                 "Sharpe", "drawdown"):  # fmt: skip
        table.add_column(name, justify="right")
    for one in stressed.scenarios:
        table.add_row(*_row(one, decimals(currency)))
    chances = Table("drawn", "run", **left)  # type: ignore[arg-type]
    for name in ("return, 5%", "50%", "95%", "drawdown, 50%", "95%", "loses"):
        chances.add_column(name, justify="right")
    for run, kinds in drawn.items():
        for kind, found in kinds.items():
            figures = (*found.growth, *found.max_drawdown[1:], found.loss)
            chances.add_row(kind, run, *(f"{value:.1%}" for value in figures))
    console = wide_console()
    console.print(table)
    console.print()
    console.print(chances)
    console.print()
    for text in said:
        console.print(text)


def _row(one: Stressed, digits: int) -> list[str]:
    factor = one.statistics.profit_factor
    figures = ["ruined", "-"]
    if one.figures is not None:
        figures = [f"{one.figures.sharpe:.2f}", f"{one.figures.max_drawdown:.1%}"]
    return [
        one.name,
        f"{one.profit:,.{digits}f}",
        "-" if one.bps is None else f"{one.bps:z.2f} bps",
        "-" if one.times is None else f"{one.times:.2f} x",
        f"{one.statistics.trades:,}",
        "-" if factor is None else f"{factor:.2f}",
        *figures,
    ]

"""`perpkit plateau`: whether the best epochs of a hyperopt run have good neighbours."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.ops.bot_files import errors
from perpkit.ops.results_input import as_json as json_of

if TYPE_CHECKING:
    from perpkit.research.hyperopt.plateau import Neighbourhood, Search


def plateau(
    results: Annotated[
        Path, typer.Argument(metavar="FTHYPT", help="Result of Freqtrade's hyperopt (.fthypt).")
    ],
    top: Annotated[int, typer.Option(min=1, help="How many of the best are shown.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Say whether the best epochs of a hyperopt run stand on a plateau or on a peak.

    The loss of each epoch is compared with that of the epochs whose parameters are the nearest.
    """
    with errors(ValueError):
        search = search_in(results)
        assert search is not None
    from perpkit.research.hyperopt.plateau import by_neighbours
    from perpkit.research.hyperopt.words import verdict

    ranked = search.neighbourhoods()
    said = verdict(search, ranked)
    if as_json:
        print(json_of(_document(search, ranked, top, said)))
        return
    _print(ranked[:top], "The best epochs:")
    _print(by_neighbours(ranked)[:top], "The best neighbourhoods:")
    print(said)


def search_in(path: Path | None) -> Search | None:
    """Returns the search in a result of hyperopt.

    :raises ValueError: if it is none, or has too few epochs
    """
    if path is None:
        return None
    from perpkit.research.hyperopt.epochs import read_epochs
    from perpkit.research.hyperopt.plateau import Search

    return Search(read_epochs(path))


def _document(search: Search, ranked: list[Neighbourhood], top: int, said: str) -> dict[str, Any]:
    from perpkit.research.hyperopt.plateau import by_neighbours

    def shown(rows: list[Neighbourhood]) -> list[dict[str, Any]]:
        return [{**asdict(one), "loss": one.loss, "ground": one.ground} for one in rows[:top]]

    return {
        "tried": search.tried,
        "epochs": len(search.epochs),
        "neighbours": search.neighbours,
        "median_loss": search.median,
        "best": shown(ranked),
        "best_neighbourhoods": shown(by_neighbours(ranked)),
        "importance": dict(search.importances()),
        "said": said,
    }


def _print(rows: list[Neighbourhood], title: str) -> None:
    from rich.table import Table

    from perpkit.ops.stored import wide_console
    from perpkit.research.hyperopt.words import shown_params

    table = Table("epoch", box=None, padding=(0, 2, 0, 0))
    for name in ("loss", "neighbours'", "lead shared", "within", "trades", "profit"):
        table.add_column(name, justify="right")
    table.add_column("ground")
    table.add_column("parameters")
    for one in rows:
        table.add_row(
            f"{one.epoch.number}",
            f"{one.epoch.loss:.3f}",
            f"{one.around:.3f}",
            "-" if one.shared is None else f"{one.shared:.0%}",
            f"{one.distance:.0%}",
            f"{one.epoch.trades:,}",
            f"{one.epoch.profit:.1%}",
            one.ground or "-",
            shown_params(one.epoch.params),
        )
    console = wide_console()
    console.print(title)
    console.print(table)
    console.print()

"""`perpkit equity`: the equity of a backtest or a bot, marked to market at every candle close."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.ops.bot_files import Config, errors
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
from perpkit.record.trade_database import DatabaseError

if TYPE_CHECKING:
    from perpkit.research.accounts import MarkedAccount
    from perpkit.research.marked import Figures
    from perpkit.research.results import Results


def equity(
    results: Source,
    datadir: Datadir = None,
    config: Config = None,
    data_format: DataFormat = "feather",
    strategy: Strategy = None,
    starting_balance: Balance = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the curve and its figures as JSON only.")
    ] = False,
) -> None:
    """Print the equity, marked to market: open positions count at each candle's close.

    Funding counts when it was settled. Freqtrade's own figures stand beside it: they change
    when a trade closes, and its wallet holds no open profit of futures.
    """
    given = Input(datadir, config, data_format, starting_balance)
    with errors(ValueError, DatabaseError):
        found = given.results(results, strategy)
        market = given.market(found)
        from perpkit.research.accounts import marked_account
        from perpkit.research.marked import figures

        account = marked_account(found, market)
    lacks = left_out(account)
    if as_json:
        print(json_of(_document(found, account, figures(account.equity), lacks)))
        return
    for sentence in lacks:
        print(sentence, file=sys.stderr)
    _print(found, account, figures(account.equity))


def _document(
    results: Results, account: MarkedAccount, figures: Figures, lacks: list[str]
) -> dict[str, Any]:
    from perpkit.research.freqtrade_figures import own_figures

    times = (account.times.asi8).tolist()
    return {
        "source": str(results.source),
        "strategy": results.strategy,
        "stake_currency": results.stake_currency,
        "timeframe": results.timeframe,
        "starting_balance": results.starting_balance,
        "figures": asdict(figures),
        "freqtrade": own_figures(results.stats),
        "left_out": lacks,
        # Milliseconds since 1970 UTC, and the equity then.
        "equity": [
            [at, round(value, 8)] for at, value in zip(times, account.equity.tolist(), strict=True)
        ],
    }


def _print(results: Results, account: MarkedAccount, figures: Figures) -> None:
    from rich.table import Table

    from perpkit.ops.stored import wide_console
    from perpkit.research.causes import decimals
    from perpkit.research.freqtrade_figures import own_figures

    own = own_figures(results.stats)
    table = Table("figure", "marked to market", box=None, padding=(0, 2, 0, 0))
    for name in own:
        table.add_column(f"Freqtrade, {name}")
    for name, value in asdict(figures).items():
        theirs = [_shown(name, per.get(name)) for per in own.values()]
        table.add_row(name.replace("_", " "), _shown(name, value), *theirs)
    first, last = (datetime.fromtimestamp(account.times[n].timestamp(), UTC) for n in (0, -1))
    before, after = account.equity.iloc[0], account.equity.iloc[-1]
    currency, digits = results.stake_currency, decimals(results.stake_currency)
    console = wide_console()
    console.print(table)
    console.print(
        f"{results.strategy}, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}: "
        f"{before:,.{digits}f} to {after:,.{digits}f} {currency}"
    )


def _shown(name: str, value: float | None) -> str:
    if value is None:
        return "-"
    if name == "days":
        return str(value)
    return f"{value:.2f}" if name in ("sharpe", "sortino", "calmar") else f"{value:.2%}"

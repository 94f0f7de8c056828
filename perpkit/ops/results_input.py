"""The results that an operator names, and the data directory that goes with them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from perpkit.market.exchanges import DEFAULT_EXCHANGE
from perpkit.ops.stored import say_if_marked
from perpkit.ops.stored_market import StoredMarket

# pandas loads inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from perpkit.research.accounts import MarkedAccount
    from perpkit.research.results import Results

Source = Annotated[
    Path,
    typer.Argument(
        metavar="EXPORT|DB",
        help="Backtest result of Freqtrade (.zip, .json), or a bot's trade database (.sqlite).",
    ),
]
Datadir = Annotated[
    Path | None,
    typer.Option(
        help="Freqtrade data directory with the candles. Default: the config's, that of the "
        "export's user directory, or user_data/data/binance."
    ),
]
DataFormat = Annotated[
    str, typer.Option(help="Of the stored candles: feather, parquet, json, jsongz.")
]
Strategy = Annotated[
    str | None, typer.Option(help="Which strategy of the results, if they have several.")
]
Balance = Annotated[
    float | None,
    typer.Option(
        "--starting-balance",
        min=0.000001,
        max=1e15,
        help="Of a bot, in stake currency: `dry_run_wallet`, or the balance before the first "
        "trade. By default the recorded one, which can be of more than the bot may use.",
    ),
]

# Up to this share, two balances are the same but for what the first hours brought.
_SAME_BALANCE = 0.01


@dataclass(frozen=True)
class Input:
    """
    :param datadir: as given; None for the default
    :param config: files of a configuration that may name it
    :param userdir: that was given beside the configuration, and stands above its own
    """

    datadir: Path | None
    config: list[Path] | None
    data_format: str
    starting_balance: float | None
    userdir: Path | None = None

    def results(self, path: Path, strategy: str | None) -> Results:
        """:raises ValueError, DatabaseError: see `load_results`"""
        from perpkit.research.results import load_results

        found = load_results(path, strategy, self.starting_balance)
        if said := _balance_given(found):
            print(said, file=sys.stderr)
        return found

    def market(self, results: Results, beside: Results | None = None) -> StoredMarket:
        """Returns the stored candles; a bot that has only traded has none.

        A backtest knows where its candles are, and a bot beside it is valued by the same ones.

        :raises BadInputError: if a data directory is given that does not exist
        """
        if results.is_bot and beside is not None and not beside.is_bot:
            results = beside
        found = self.datadir or self._default(results)
        say_if_marked(found)
        return StoredMarket(found, self.data_format, given=self.datadir is not None)

    def _default(self, results: Results) -> Path:
        config: dict[str, Any] = {}
        if self.config:
            from perpkit.ops.bot_config import merged_files

            config = merged_files(self.config)
            if isinstance(config.get("datadir"), str):
                return Path(config["datadir"])
        exchange = config.get("exchange") or results.config.get("exchange") or {}
        name = Path("data") / str(exchange.get("name") or DEFAULT_EXCHANGE)
        if self.userdir is not None:
            return self.userdir / name
        # An export is in user_data/backtest_results, a run in user_data/walkforward.
        beside = results.source.absolute().parent.parent / name
        if not self.config and beside.is_dir():
            return beside
        return Path(config.get("user_data_dir") or "user_data") / name


def _balance_given(found: Results) -> str:
    """Returns that the balance is not the recorded one, where that says something else."""
    given, recorded = found.starting_balance, found.recorded_balance
    if recorded is None or abs(given - recorded) <= _SAME_BALANCE * recorded:
        return ""
    from perpkit.research.causes import decimals

    digits = decimals(found.stake_currency)
    return (
        f"The balance that was given, {given:,.{digits}f} {found.stake_currency}, stands in place "
        f"of the recorded one, {recorded:,.{digits}f}: {found.source}."
    )


def as_json(document: Any) -> str:
    """Returns JSON in which what is no finite number, such as a ratio after ruin, is null."""
    return json.dumps(_finite(document), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return value


def left_out(account: MarkedAccount) -> list[str]:
    """Returns what the equity of these results lacks, one sentence each."""
    said = []
    if account.unpriced:
        pairs = ", ".join(account.unpriced)
        said.append(
            f"There are no candles of {pairs}: its open positions are valued at their last fill."
        )
    if account.booked:
        pairs = ", ".join(account.booked)
        said.append(
            f"Funding of some trades of {pairs} counts when it was booked, not when it was "
            "settled: stored rates and mark prices do not add up to it."
        )
    return said

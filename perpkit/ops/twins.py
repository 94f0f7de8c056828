"""`perpkit compare --live --backtest`: each trade of a bot beside its twin of the backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.ops.results_input import Input

if TYPE_CHECKING:
    from perpkit.research.causes import Explained
    from perpkit.research.results import Results


def explained(
    given: Input,
    live: Path,
    backtest: Path,
    strategies: tuple[str | None, str | None],
    timerange: str | None,
) -> tuple[Results, list[Explained]]:
    """Returns the bot's results, and each trade with what differs and why.

    :param strategies: of the bot, else that of the backtest; of the backtest, else that of the bot
    :raises ValueError, DatabaseError: naming what cannot be used
    """
    from perpkit.research.explaining import explained_results
    from perpkit.research.results import load_results

    of_bot, of_backtest = strategies
    # Of a bot's balance nothing is asked here, and nothing is said; not every database has it.
    run = load_results(backtest, of_backtest or of_bot, 1.0)
    bot = load_results(live, of_bot or run.strategy, 1.0)
    return bot, explained_results(bot, run, given.market(run), _seconds(timerange))


def _seconds(timerange: str | None) -> tuple[float | None, float | None]:
    from perpkit.ops.stored import parse_timerange

    if timerange is None:
        return None, None
    first, last = parse_timerange(timerange)
    return first.timestamp() if first else None, last.timestamp() if last else None


def document(bot: Results, found: Sequence[Explained]) -> dict[str, Any]:
    from perpkit.research.explaining import summed

    def side(trade: Any) -> dict[str, Any] | None:
        if trade is None:
            return None
        names = ("opened", "closed", "profit", "funding", "exit_reason", "enter_tag")
        return {name: getattr(trade, name) for name in names}

    return {
        "stake_currency": bot.stake_currency,
        "trades": [
            {
                "pair": one.twins.one.pair,
                "side": one.twins.one.side,
                "live": side(one.twins.live),
                "backtest": side(one.twins.backtest),
                "difference": one.twins.difference,
                "causes": [asdict(effect) for effect in one.effects],
            }
            for one in found
        ],
        **summed(found, bot.stake_currency),
    }


def print_twins(bot: Results, found: Sequence[Explained]) -> None:
    from datetime import UTC, datetime

    from rich.table import Table

    from perpkit.ops.stored import wide_console
    from perpkit.research.causes import decimals
    from perpkit.research.explaining import sentence

    table = Table("opened", "pair", "side", box=None, padding=(0, 2, 0, 0))
    for name in ("live", "backtest", "difference"):
        table.add_column(name, justify="right")
    table.add_column("causes")
    digits = decimals(bot.stake_currency)
    for one in found:
        twins = one.twins
        made = [
            "-" if t is None else f"{t.profit:,.{digits}f}" for t in (twins.live, twins.backtest)
        ]
        table.add_row(
            f"{datetime.fromtimestamp(twins.one.opened, UTC):%Y-%m-%d %H:%M}",
            twins.one.pair,
            twins.one.side,
            *made,
            f"{twins.difference:+,.{digits}f}",
            "; ".join(f"{e.cause} {e.amount:+,.{digits}f} ({e.text})" for e in one.effects)
            or "none",
        )
    console = wide_console()
    console.print(table)
    console.print(sentence(found, bot.stake_currency))

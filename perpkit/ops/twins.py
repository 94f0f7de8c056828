"""`perpkit compare --live --backtest`: each trade of a bot beside its twin of the backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perpkit.ops.results_input import Input
from perpkit.ops.stored import BadInputError

if TYPE_CHECKING:
    from perpkit.ops.stored_market import StoredMarket
    from perpkit.research.causes import Explained
    from perpkit.research.results import Results


def explained(
    given: Input, live: Path, backtest: Path, strategy: str | None, timerange: str | None
) -> tuple[Results, list[Explained]]:
    """Returns the bot's results, and each trade with what differs and why.

    :raises ValueError, DatabaseError: naming what cannot be used
    """
    # Of a bot's balance nothing is asked here; not every database has it.
    given = replace(given, starting_balance=given.starting_balance or 1.0)
    bot, run = given.results(live, None), given.results(backtest, strategy)
    return bot, explained_results(bot, run, given.market(run), timerange)


def explained_results(
    bot: Results, run: Results, market: StoredMarket, timerange: str | None = None
) -> list[Explained]:
    """Returns each trade of a bot and of its backtest with what differs and why.

    :raises ValueError: naming what cannot be used
    """
    import pandas as pd

    from perpkit.research.causes import Causes
    from perpkit.research.stress.order import PairCandles
    from perpkit.research.twins import pair_up, span

    if not bot.is_bot:
        raise BadInputError(f"live must be a bot's trade database, got {bot.source}")
    if run.is_bot:
        raise BadInputError(f"backtest must be a backtest export, got {run.source}")
    if bot.timeframe != run.timeframe:
        raise BadInputError(
            f"live and backtest must have the same timeframe, got {bot.timeframe} and "
            f"{run.timeframe}"
        )
    step = pd.Timedelta(run.timeframe)
    stored = {pair: market.candles(pair, run.timeframe) for pair in {*bot.pairs, *run.pairs}}
    candles = {pair: PairCandles(f, step) for pair, f in stored.items() if f is not None}
    begin, end = _asked(timerange, *span(bot, run, step.total_seconds()))
    twins = pair_up(bot.trades, run.trades, step.total_seconds(), begin, end)
    if not twins:
        raise BadInputError("live and backtest must have a time in common with a trade, got none")
    causes = Causes(bot, run, candles, step.total_seconds())
    return [causes.of(each) for each in twins]


def _asked(timerange: str | None, begin: float, end: float) -> tuple[float, float]:
    from perpkit.ops.stored import parse_timerange

    if timerange is None:
        return begin, end
    first, last = parse_timerange(timerange)
    return (
        begin if first is None else first.timestamp(),
        end if last is None else last.timestamp(),
    )


def sentence(bot: Results, found: Sequence[Explained]) -> str:
    """Returns in words how far the bot is from its backtest, and what most of it is due to."""
    paired = sum(None not in (one.twins.live, one.twins.backtest) for one in found)
    only = [sum(getattr(one.twins, side) is None for one in found) for side in ("backtest", "live")]
    total = sum(one.twins.difference for one in found)
    said = (
        f"{paired} trades have a twin, {only[0]} are the bot's only, {only[1]} the backtest's only."
    )
    sums = by_cause(found)
    if not sums:
        return f"{said} There is no difference."
    parts = ", ".join(
        f"{amount:+,.2f} by {cause} ({count})" for cause, (amount, count) in sums.items()
    )
    way = "more" if total >= 0 else "less"
    return f"{said} The bot made {abs(total):,.2f} {bot.stake_currency} {way}: {parts}."


def by_cause(found: Sequence[Explained]) -> dict[str, tuple[float, int]]:
    """Returns the sum of each cause and in how many trades it is, the greatest sum first."""
    sums: dict[str, float] = {}
    trades: dict[str, int] = {}
    for one in found:
        for effect in one.effects:
            sums[effect.cause.value] = sums.get(effect.cause.value, 0.0) + effect.amount
        for cause in {effect.cause.value for effect in one.effects}:
            trades[cause] = trades.get(cause, 0) + 1
    ordered = sorted(sums, key=lambda cause: (-abs(sums[cause]), cause))
    return {cause: (sums[cause], trades[cause]) for cause in ordered}


def document(bot: Results, found: Sequence[Explained]) -> dict[str, Any]:
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
        "causes": {
            cause: {"amount": amount, "trades": count}
            for cause, (amount, count) in by_cause(found).items()
        },
        "said": sentence(bot, found),
    }


def print_twins(bot: Results, found: Sequence[Explained]) -> None:
    from datetime import UTC, datetime

    from rich.table import Table

    from perpkit.ops.stored import wide_console

    table = Table("opened", "pair", "side", box=None, padding=(0, 2, 0, 0))
    for name in ("live", "backtest", "difference"):
        table.add_column(name, justify="right")
    table.add_column("causes")
    for one in found:
        twins = one.twins
        made = ["-" if t is None else f"{t.profit:,.2f}" for t in (twins.live, twins.backtest)]
        table.add_row(
            f"{datetime.fromtimestamp(twins.one.opened, UTC):%Y-%m-%d %H:%M}",
            twins.one.pair,
            twins.one.side,
            *made,
            f"{twins.difference:+,.2f}",
            "; ".join(f"{e.cause} {e.amount:+,.2f} ({e.text})" for e in one.effects) or "none",
        )
    console = wide_console()
    console.print(table)
    console.print(sentence(bot, found))

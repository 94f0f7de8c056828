"""A bot beside its backtest: every trade with what differs and why, the sums, and both in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from perpkit.research.accounts import Market
from perpkit.research.causes import Causes, Explained, decimals
from perpkit.research.results import Results
from perpkit.research.stress.order import PairCandles
from perpkit.research.twins import pair_up, span


class NoTwinsError(ValueError):
    """Two results that cannot be paired; the message is for the operator."""


def explained_results(
    bot: Results,
    run: Results,
    market: Market,
    opened: tuple[float | None, float | None] = (None, None),
) -> list[Explained]:
    """Returns each trade of a bot and of its backtest with what differs and why.

    :param opened: from when to when trades were opened, s since 1970 UTC; None for all that both
        have
    :raises NoTwinsError: naming what cannot be used
    """
    if not bot.is_bot:
        raise NoTwinsError(f"live must be a bot's trade database, got {bot.source}")
    if run.is_bot:
        raise NoTwinsError(f"backtest must be a backtest export, got {run.source}")
    for what, several in (("strategy", bot.strategies), ("timeframe", bot.timeframes)):
        if len(several) > 1:
            raise NoTwinsError(
                f"live must have trades of one {what}, that of the backtest, got "
                f"{', '.join(several)} in {bot.source}"
            )
    if bot.timeframe != run.timeframe:
        raise NoTwinsError(
            f"live and backtest must have the same timeframe, got {bot.timeframe} and "
            f"{run.timeframe}"
        )
    step = pd.Timedelta(run.timeframe)
    pairs = {*bot.pairs, *run.pairs}
    stored = {pair: market.candles(pair, run.timeframe) for pair in pairs}
    candles = {pair: PairCandles(f, step) for pair, f in stored.items() if f is not None}
    known = span(bot, run, step.total_seconds())
    begin, end = (k if asked is None else asked for asked, k in zip(opened, known, strict=True))
    twins = pair_up(bot.trades, run.trades, step.total_seconds(), begin, end)
    if not twins:
        raise NoTwinsError("live and backtest must have a time in common with a trade, got none")
    causes = Causes(bot, run, candles, step.total_seconds())
    return [causes.of(each) for each in twins]


def sentence(found: Sequence[Explained], currency: str) -> str:
    """Returns in words how far the bot is from its backtest, and what most of it is due to.

    :param currency: the stake's
    """
    paired = sum(None not in (one.twins.live, one.twins.backtest) for one in found)
    only = [sum(getattr(one.twins, side) is None for one in found) for side in ("backtest", "live")]
    total = sum(one.twins.difference for one in found)
    said = (
        f"{paired} trades have a twin, {only[0]} are the bot's only, {only[1]} the backtest's only."
    )
    sums = by_cause(found)
    if not sums:
        return f"{said} There is no difference."
    digits = decimals(currency)
    parts = ", ".join(
        f"{amount:+,.{digits}f} by {cause} ({count})" for cause, (amount, count) in sums.items()
    )
    way = "more" if total >= 0 else "less"
    return f"{said} The bot made {abs(total):,.{digits}f} {currency} {way}: {parts}."


def summed(found: Sequence[Explained], currency: str) -> dict[str, Any]:
    """Returns the sum of each cause, and what `sentence` says, as JSON can hold them.

    :param currency: the stake's
    """
    sums = by_cause(found).items()
    return {
        "causes": {cause: {"amount": amount, "trades": count} for cause, (amount, count) in sums},
        "said": sentence(found, currency),
    }


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

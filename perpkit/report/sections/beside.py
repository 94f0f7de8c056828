"""Two runs: whether they differ by more than chance, and a bot's trades beside its backtest's."""

from __future__ import annotations

from collections.abc import Callable

from perpkit.report import words
from perpkit.report.section import Missing, Section
from perpkit.report.view import View
from perpkit.report.words import DASH, Cell, money, number, percent, tone
from perpkit.research.causes import Explained
from perpkit.research.comparing import sentence
from perpkit.research.explaining import NoTwinsError, by_cause
from perpkit.research.explaining import sentence as difference_in_words
from perpkit.research.overfitting.bootstrap import Interval

MOST_TRADES = 20


def comparison(view: View) -> Section | Missing | None:
    try:
        found = view.comparison
    except (ValueError, ModuleNotFoundError) as error:
        return Missing(f"Comparison of both runs: {error}.")
    if found is None:
        return None
    names = [run.name for run in view.runs]
    rows: list[list[Cell]] = [
        _row("Sharpe ratio", found.sharpe, found.sharpe_difference, number),
        _row("Mean return a year", found.mean, found.mean_difference, percent),
    ]
    table = words.table(["", *names, "Difference", "95% of it"], rows)
    return Section("comparison", "More than chance between both?", sentence(names, found), [table])


def _row(
    name: str,
    made: tuple[float, float],
    difference: Interval,
    shown: Callable[[float | None], str],
) -> list[Cell]:
    less = made[0] - made[1]
    interval = f"{shown(difference.low)} to {shown(difference.high)}"
    return [name, shown(made[0]), shown(made[1]), (shown(less), tone(less)), interval]


def twins(view: View) -> Section | Missing | None:
    try:
        found = view.twins
    except NoTwinsError as error:
        return Missing(f"The bot beside its backtest: {error}.")
    if found is None:
        return None
    sums: list[list[Cell]] = [
        [cause, (money(amount), tone(amount)), f"{count:,}"]
        for cause, (amount, count) in by_cause(found).items()
    ]
    differing = [one for one in found if one.effects]
    largest = sorted(differing, key=lambda one: -abs(one.twins.difference))[:MOST_TRADES]
    content = []
    if sums:
        head = ["Cause", f"The bot made more, {view.currency}", "Trades"]
        content = [words.table(head, sums), _trades(largest, len(differing))]
    lead = difference_in_words(found, view.currency)
    return Section("twins", "The bot beside its backtest", lead, content)


def _trades(largest: list[Explained], differing: int) -> str:
    rows: list[list[Cell]] = [
        [
            words.moment(one.twins.one.opened),
            one.twins.one.pair,
            one.twins.one.side,
            *(
                DASH if trade is None else money(trade.profit)
                for trade in (one.twins.live, one.twins.backtest)
            ),
            (money(one.twins.difference), tone(one.twins.difference)),
            "; ".join(f"{effect.cause} ({effect.text})" for effect in one.effects),
        ]
        for one in largest
    ]
    caption = f"The largest differences, {len(largest)} of {differing:,}."
    head = ["Opened", "Pair", "Side", "Bot", "Backtest", "Difference", "Causes"]
    return words.table(head, rows, caption)

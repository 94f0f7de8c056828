"""How `perpkit verdict` prints what it finds."""

from __future__ import annotations

import sys
from math import isfinite
from typing import TYPE_CHECKING, Any

# rich loads inside the functions, so that `perpkit --help` stays quick.
if TYPE_CHECKING:
    from rich.console import Console

    from perpkit.research.overfitting.gate import Gate
    from perpkit.walkforward.plateaus import Proposed
    from perpkit.walkforward.verdict import Verdict


def print_verdict(found: Verdict, proposed: Proposed | None = None) -> None:
    """Prints the figures of a run and the verdict on it.

    :param proposed: what the windows give for its parameters
    """
    from perpkit.ops.stored import wide_console
    from perpkit.walkforward.verdict_words import sentence

    console = wide_console()
    _print_windows(console, found)
    _print_figures(console, found)
    if found.stability:
        _print_parameters(console, found, proposed)
    console.print(sentence(found))


def _print_windows(console: Console, found: Verdict) -> None:
    from rich.table import Table

    table = Table(
        "window", "test", "Sharpe in training", "in test", "return", "drawdown", "trades", "PBO",
        box=None, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for one in found.windows:
        table.add_row(
            str(one.number),
            f"{one.test_start:%Y-%m-%d} to {one.test_end:%Y-%m-%d}",
            _shown(one.in_sample),
            f"{one.out_of_sample:.2f}",
            f"{one.profit:+.1%}",
            f"{one.max_drawdown:.1%}",
            str(one.trades),
            _share(one.overfitting),
        )
    console.print(table)


def _print_figures(console: Console, found: Verdict) -> None:
    from rich.table import Table

    whole, trades, passed = found.stitched, found.trades, found.gate
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    rows = [
        ("return of all tests", f"{whole.profit:+.1%} in {whole.days:,} days"),
        ("by year", ", ".join(f"{year} {value:+.1%}" for year, value in found.years.items())),
        ("drawdown", f"{whole.max_drawdown:.1%}"),
        ("Sharpe ratio", f"{whole.sharpe:.2f}{_interval(found.sharpe, '.2f')}"),
        ("mean return a year", _interval(found.mean, "+.1%").strip()),
        ("trades", f"{trades.trades:,}, profit factor {_shown(trades.profit_factor)}"),
        ("kept of the training's Sharpe ratio", _share(found.kept)),
        ("parameters tried", f"{found.trials:,} in {len(found.windows)} windows"),
        ("mean PBO of the windows", _share(found.overfitting)),
        ("variants tried on these days", f"{passed.ideas:,.0f}"),
        ("probability of a Sharpe ratio above 0, by itself", _share(passed.probabilistic)),
        ("deflated Sharpe ratio, of all variants", _share(passed.deflated)),
        ("luck, by itself", f"{passed.alone:.1%}"),
        ("luck, of all variants", f"{passed.luck:.1%}"),
        ("days that are needed", _days(passed.needed_days)),
    ]
    if found.hold is not None:
        beside = found.hold
        rows.append(
            ("holding the pairs", f"{beside.profit:+.1%}, Sharpe ratio {beside.sharpe:.2f}")
        )
        rows.append(("luck (SPA against holding)", f"{beside.luck:.1%}"))
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _print_parameters(console: Console, found: Verdict, proposed: Proposed | None) -> None:
    from rich.table import Table

    table = Table(
        "parameter", "chosen by the windows", "scatter", "middle", "agree by chance",
        "default by the rule",
        box=None, padding=(0, 2, 0, 0),
    )  # fmt: skip
    for one in found.stability:
        given = ("", "", "")
        if proposed is not None:
            middle, chance = (str(proposed.middles[one.parameter]), proposed.chances[one.parameter])
            default = middle if one.parameter in proposed.defaults else "as it was"
            given = (middle, f"{chance:.1%}", default)
        chosen = " ".join(
            f"{value:g}" if isinstance(value, float) else str(value) for value in one.chosen
        )
        table.add_row(one.parameter, chosen, _share(one.scatter), *given)
    console.print(table)


def print_gate(found: Gate, best: str | None, days: int) -> None:
    from rich.table import Table

    from perpkit.durations import DAYS_A_YEAR
    from perpkit.ops.stored import wide_console

    table = Table("", "", "limit", "met", box=None, padding=(0, 2, 0, 0))
    for one in found.criteria:
        if one.value is not None:
            shown = _in_words(one.value, share=not one.at_least)
            limit = _in_words(one.limit, share=not one.at_least)
            side = "at least" if one.at_least else "at most"
            table.add_row(one.name, shown, f"{side} {limit}", "yes" if one.is_met else "no")
    console = wide_console()
    console.print(table)
    if found.constant:
        print(
            f"{found.constant} trials made the same on every day: without a spread they cannot be "
            "judged.",
            file=sys.stderr,
        )
    if best is None or found.sharpe is None:
        console.print("Not shown: no trial can be judged by these days.")
        return
    pbo = "" if found.crossed is None else f", PBO {found.crossed.probability:.0%}"
    alone = f" ({found.alone:.1%} if nothing else had been tried)" if found.ideas > 1 else ""
    console.print(
        f"{'Passes' if found.passes else 'Not shown'}: {best} is the best of {found.trials:,} "
        f"trials, with a Sharpe ratio of {found.sharpe * DAYS_A_YEAR**0.5:.2f} in {days:,} days; "
        f"luck alone does as well with a probability of {found.luck:.1%}{alone} (deflated Sharpe "
        f"ratio {_share(found.deflated)}{pbo})."
    )
    if few := found.left_out - found.constant:
        print(f"{few} trials moved on too few days to be judged.", file=sys.stderr)


def _in_words(value: float, *, share: bool) -> str:
    return f"{value:.1%}" if share else f"{value:,.0f}"


def _days(value: float) -> str:
    return f"{value:,.0f}" if isfinite(value) else "-"


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _interval(interval: Any, form: str) -> str:
    if interval is None:
        return ""
    return f" (95%: {interval.low:{form}} to {interval.high:{form}})"

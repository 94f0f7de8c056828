"""The figures that a trader asks for first, of all runs side by side."""

from __future__ import annotations

from collections.abc import Callable

from perpkit.report import words
from perpkit.report.section import Missing, Section
from perpkit.report.view import Run, View
from perpkit.report.words import Cell, money, number, percent, tone
from perpkit.research.freqtrade_figures import own_figures
from perpkit.research.marked import Figures

_NOT_THERE = words.DASH
# Figures of a year from fewer days are said to mean little.
FEW_DAYS = 30


def headline(view: View) -> Section:
    run, currency = view.run, view.currency
    equity, figures = run.account.equity, run.figures
    lead = (
        f"{money(equity.iloc[0], currency)} became {money(equity.iloc[-1], currency)} in "
        f"{words.counted(figures.days, 'day')}. Every figure of the account counts open positions "
        "at the market, after fees and funding."
    )
    if figures.days < FEW_DAYS:
        lead += (
            " CAGR, Sharpe, Sortino and Calmar are figures of a year: of so few days they say "
            "little."
        )
    return Section("headline", "What came of it", lead, [_tiles(run, currency), _tables(view)])


def _tiles(run: Run, currency: str) -> str:
    figures, statistics = run.figures, run.statistics
    shown = [
        ("Return", percent(figures.profit), tone(figures.profit)),
        ("Worst drawdown", percent(figures.max_drawdown), "bad" if figures.max_drawdown else ""),
        ("Worst day", percent(figures.worst_day), "bad" if figures.worst_day else ""),
        ("Sharpe", number(figures.sharpe), tone(figures.sharpe)),
        ("Trades", f"{statistics.trades:,}", ""),
        ("Profit a trade", money(statistics.expectancy, currency), tone(statistics.expectancy)),
    ]
    tiles = "".join(
        f'<div class="tile"><dt>{words.text(name)}</dt>'
        f'<dd class="{kind}">{words.text(value)}</dd></div>'
        for name, value, kind in shown
    )
    return f'<dl class="tiles">{tiles}</dl>'


def _tables(view: View) -> str:
    names = [run.name for run in view.runs]
    beside = [] if view.benchmark is None else [view.benchmark.name]
    rows = [_row(view, name, shown) for name, shown in _OF_ACCOUNTS.items()]
    trades: list[list[Cell]] = [
        [name, *(of_run(run, view.currency) for run in view.runs)]
        for name, of_run in _OF_RUNS.items()
    ]
    return words.side_by_side(
        words.table(["The account", *names, *beside], rows),
        words.table(["Its trades", *names], trades),
    )


def _row(view: View, name: str, shown: Callable[[Figures], Cell]) -> list[Cell]:
    cells: list[Cell] = [name, *(shown(run.figures) for run in view.runs)]
    return cells if view.benchmark is None else [*cells, shown(view.benchmark.figures)]


_OF_ACCOUNTS: dict[str, Callable[[Figures], Cell]] = {
    "Return": lambda f: (percent(f.profit), tone(f.profit)),
    "A year (CAGR)": lambda f: (percent(f.cagr), tone(f.cagr)),
    "Worst drawdown": lambda f: percent(f.max_drawdown),
    "Worst day": lambda f: percent(f.worst_day),
    "Sharpe": lambda f: number(f.sharpe),
    "Sortino": lambda f: number(f.sortino),
    "Calmar": lambda f: number(f.calmar),
}


def _time_in_market(run: Run, _: str) -> Cell:
    return percent(float((run.exposure["positions"] > 0).mean()))


def _mean_exposure(run: Run, _: str) -> Cell:
    gross = (run.exposure["long"] + run.exposure["short"]) / run.account.equity
    return f"{number(float(gross.mean()))} x equity"


def _profit_factor(run: Run, _: str) -> Cell:
    statistics = run.statistics
    if statistics.profit_factor is None and statistics.trades:
        return "no losing trade"
    return number(statistics.profit_factor)


def _expectancy(run: Run, currency: str) -> Cell:
    value = run.statistics.expectancy
    return money(value, currency), tone(value)


def _mean_r(run: Run, _: str) -> Cell:
    value = run.statistics.mean_r
    return f"{number(value)} R" if value is not None else _NOT_THERE


_OF_RUNS: dict[str, Callable[[Run, str], Cell]] = {
    "Time with a position": _time_in_market,
    "Mean exposure": _mean_exposure,
    "Trades": lambda run, _: f"{run.statistics.trades:,}",
    "Won": lambda run, _: percent(run.statistics.win_rate),
    "Profit factor": _profit_factor,
    "Profit a trade (expectancy)": _expectancy,
    "R multiple, mean": _mean_r,
    "Fees": lambda run, currency: money(run.statistics.fees, currency),
    "Funding received": lambda run, currency: money(run.statistics.funding, currency),
}


def freqtrade(view: View) -> Section | Missing:
    """Freqtrade's own figures, and why they differ."""
    own = own_figures(view.run.results.stats)
    if not own:
        return Missing("Freqtrade's own figures: they are in an export of a backtest only.")
    names = ("profit", "cagr", "sharpe", "sortino", "calmar", "max_drawdown")
    ours = view.run.figures
    shown = {name: number if name in ("sharpe", "sortino", "calmar") else percent for name in names}
    rows: list[list[Cell]] = [
        [
            name.replace("_", " "),
            shown[name](getattr(ours, name)),
            *(shown[name](figures.get(name)) for figures in own.values()),
        ]
        for name in names
    ]
    carried = "a loss that was carried and came back is not in"
    if any(":" in pair for pair in view.run.results.pairs):
        lead = (
            "Freqtrade counts a trade when it closes, and its wallet holds no open profit of "
            f"futures: {carried} the drawdown, the Sharpe and the Sortino of either."
        )
    else:
        lead = (
            f"Freqtrade counts a trade when it closes: {carried} its figures of closed trades. Its "
            "wallet counts coins at the market, without the fees of selling them."
        )
    lead += " Its Calmar divides by another rate of return."
    head = ["", "marked to market", *(f"Freqtrade, {name}" for name in own)]
    return Section("freqtrade", "Beside Freqtrade's own figures", lead, [words.table(head, rows)])

"""The figures of the report, without its charts, for other programs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from perpkit.report.page import makers
from perpkit.report.section import Missing, Section
from perpkit.report.sections.learned import figures as learned_figures
from perpkit.report.sections.months import monthly_returns
from perpkit.report.view import Run, View
from perpkit.research.explaining import NoTwinsError, summed
from perpkit.research.freqtrade_figures import own_figures
from perpkit.research.hyperopt.words import verdict
from perpkit.research.stress.break_even import break_even
from perpkit.research.trade_statistics import grouped
from perpkit.walkforward.run_directory import plain


def summary(view: View, also_lacks: Iterable[str] = ()) -> dict[str, Any]:
    """Returns what the page says, as JSON can hold it; money is in the stake currency."""
    made = [maker(view) for maker in makers(view)]
    lacks = [*also_lacks, *(one.why for one in made if isinstance(one, Missing))]
    lacks += [why for one in made if isinstance(one, Section) for why in one.lacks]
    against = view.benchmark
    return {
        "stake_currency": view.currency,
        "runs": [_run(run) for run in view.runs],
        "against": None if against is None else {"name": against.name, **asdict(against.figures)},
        "search": None
        if view.search is None
        else verdict(view.search, view.search.neighbourhoods()),
        "walkforward": None if view.walked is None else plain(asdict(view.walked)),
        "comparison": _comparison(view),
        "twins": _twins(view),
        "holdout": plain([asdict(one) for one in view.seals]),
        "model": None
        if view.evidence is None
        else learned_figures(view.evidence, view.run.results),
        "left_out": lacks,
    }


def _comparison(view: View) -> dict[str, Any] | None:
    """Returns the figures of `perpkit compare`; why there are none is among what is left out."""
    try:
        return None if view.comparison is None else asdict(view.comparison)
    except (ValueError, ModuleNotFoundError):
        return None


def _twins(view: View) -> dict[str, Any] | None:
    try:
        found = view.twins
    except NoTwinsError:
        return None
    return None if found is None else summed(found, view.currency)


def _run(run: Run) -> dict[str, Any]:
    results, held = run.results, run.exposure
    gross = (held["long"] + held["short"]) / run.account.equity
    return {
        "name": run.name,
        "strategy": results.strategy,
        "source": str(results.source),
        "timeframe": results.timeframe,
        "starting_balance": results.starting_balance,
        "final_equity": float(run.account.equity.iloc[-1]),
        "figures": asdict(run.figures),
        "trades": asdict(run.statistics),
        "break_even": asdict(break_even(results.trades)),
        "time_with_a_position": float((held["positions"] > 0).mean()),
        "mean_exposure": float(gross.mean()),
        "most_exposure": float(gross.max()),
        "freqtrade": own_figures(results.stats),
        "months": {str(m): float(v) for m, v in monthly_returns(run.daily_returns).items()},
        "pairs": {name: asdict(s) for name, s in grouped(results.trades, lambda t: t.pair)},
        "tags": {name: asdict(s) for name, s in grouped(results.trades, lambda t: t.enter_tag)},
        "exit_reasons": {
            name: asdict(s) for name, s in grouped(results.trades, lambda t: t.exit_reason)
        },
    }

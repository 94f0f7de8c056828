"""Puts the sections together to one HTML page that needs nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib.resources import files

from perpkit.report import words
from perpkit.report.charts import Chart
from perpkit.report.section import Maker, Missing, Section
from perpkit.report.sections.beside import comparison, twins
from perpkit.report.sections.blocked import blocked, orders
from perpkit.report.sections.costs import costs
from perpkit.report.sections.curve import curve
from perpkit.report.sections.groups import confidence, groups
from perpkit.report.sections.headline import freqtrade, headline
from perpkit.report.sections.held import exposure, liquidation
from perpkit.report.sections.learned import calibration, importance
from perpkit.report.sections.months import months, rolling
from perpkit.report.sections.outcomes import excursions, multiples
from perpkit.report.sections.prices import prices
from perpkit.report.sections.sealed import sealed
from perpkit.report.sections.search import search
from perpkit.report.sections.setup import setup
from perpkit.report.sections.stress import stress
from perpkit.report.sections.walked import walked
from perpkit.report.view import View

MAKERS: tuple[Maker, ...] = (
    headline,
    comparison,
    twins,
    curve,
    months,
    rolling,
    groups,
    prices,
    multiples,
    excursions,
    blocked,
    costs,
    stress,
    search,
    exposure,
    liquidation,
    confidence,
    calibration,
    importance,
    orders,
    freqtrade,
    setup,
)
# The page may load nothing, even if a name in it asks for it.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)


TITLE = "Perpkit report of a"  # by which an earlier page is known


def makers(view: View) -> tuple[Maker, ...]:
    """Returns the sections in their order; those of a walk-forward only where there is one."""
    if view.walked is None:
        return MAKERS
    return (MAKERS[0], walked, sealed, *MAKERS[1:])


def page(view: View, plotly: str, also_lacks: Iterable[str] = ()) -> str:
    """Returns the report as HTML.

    :param plotly: source of plotly.js
    :param also_lacks: what the results lack, beside what the sections say
    """
    made = [maker(view) for maker in makers(view)]
    sections = [one for one in made if isinstance(one, Section)]
    lacks = [one.why for one in made if isinstance(one, Missing)]
    lacks += [why for section in sections for why in section.lacks]
    lacks = [*also_lacks, *lacks]
    charts = {c.name: c.spec() for s in sections for c in s.content if isinstance(c, Chart)}
    results = view.run.results
    title = f"{results.strategy}, {words.day(results.start)} to {words.day(results.end)}"
    kind = "walk-forward" if view.walked else "bot" if results.is_bot else "backtest"
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{words.text(title)}</title>",
            f"<style>{_resource('style.css')}</style></head><body>",
            '<a class="skip" href="#headline">To the figures</a>',
            f"<header><p>{TITLE} {kind}</p><h1>{words.text(title)}</h1>",
            f"<nav aria-label='Sections'>{_links(sections, bool(lacks))}</nav></header><main>",
            *(_section(section) for section in sections),
            _lacks(lacks),
            "</main><noscript><p>The charts need JavaScript; the tables do not.</p></noscript>",
            f'<script type="application/json" id="charts">{_json(charts)}</script>',
            f"<script>{_script(plotly)}</script>",
            f"<script>{_script(_resource('page.js'))}</script>",
            "</body></html>\n",
        )
    )


def _links(sections: Iterable[Section], lacks: bool) -> str:
    links = [f'<a href="#{s.name}">{words.text(s.title)}</a>' for s in sections]
    if lacks:
        links.append('<a href="#left-out">What is left out</a>')
    return "".join(links)


def _section(section: Section) -> str:
    content = "".join(c if isinstance(c, str) else _chart(c) for c in section.content)
    return (
        f'<section id="{section.name}" aria-labelledby="{section.name}-title">'
        f'<h2 id="{section.name}-title">{words.text(section.title)}</h2>'
        f"<p>{words.text(section.lead)}</p>{content}</section>"
    )


def _chart(chart: Chart) -> str:
    title = words.text(chart.title)
    drawn = (
        f'<div class="chart" id="chart-{chart.name}" data-chart="{chart.name}" tabindex="0" '
        f'role="img" aria-label="{title}" style="height:{chart.height}px"></div>'
    )
    if chart.folded:
        return f"<details><summary>{title}</summary>{drawn}</details>"
    return f"<figure><figcaption>{title}</figcaption>{drawn}</figure>"


def _lacks(lacks: list[str]) -> str:
    if not lacks:
        return ""
    items = "".join(f"<li>{words.text(why)}</li>" for why in lacks)
    return (
        '<section id="left-out" aria-labelledby="left-out-title"><h2 id="left-out-title">'
        f"What is left out</h2><ul>{items}</ul></section>"
    )


def _json(value: object) -> str:
    """Returns JSON that cannot end the script in which it stands."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")


def _script(source: str) -> str:
    """Returns a script that is written into the page; what would end it, is in strings only."""
    return source.replace("</script", "<\\/script")


def _resource(name: str) -> str:
    return (files("perpkit.report") / name).read_text(encoding="utf-8")

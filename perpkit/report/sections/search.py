"""Whether the parameters of a run stand on a plateau of their search, or on a peak."""

from __future__ import annotations

import numpy as np

from perpkit.report import words
from perpkit.report.charts import BAD, GOOD, SECOND, Chart, bars, rounded
from perpkit.report.section import Missing, Section
from perpkit.report.view import View
from perpkit.report.words import Cell, number, percent
from perpkit.research.hyperopt.plateau import HeatMap, Neighbourhood, Search, by_neighbours
from perpkit.research.hyperopt.words import shown_params, verdict

MOST_ROWS = 10


def search(view: View) -> Section | Missing | None:
    if view.search is None:
        return None
    found = view.search
    ranked = found.neighbourhoods()
    content: list[Chart | str] = [_table("The best epochs", ranked[:MOST_ROWS])]
    around = by_neighbours(ranked)
    content.append(_table("The best neighbourhoods", around[:MOST_ROWS]))
    lacks = []
    heat = found.heat_map()
    if heat is None:
        lacks.append("Heat-map of the search: only one parameter varies.")
    else:
        content.append(_heat(heat))
    content.append(_importances(found))
    return Section("search", "Plateau or peak", verdict(found, ranked), content, lacks)


def _table(caption: str, rows: list[Neighbourhood]) -> str:
    cells: list[list[Cell]] = [
        [
            f"{one.epoch.number}",
            number(one.epoch.loss, 3),
            number(one.around, 3),
            percent(one.shared, 0),
            one.ground or words.DASH,
            f"{one.epoch.trades:,}",
            percent(one.epoch.profit),
            shown_params(one.epoch.params),
        ]
        for one in rows
    ]
    head = ["Epoch", "Loss", "Of its neighbours", "Lead shared", "Ground", "Trades", "Profit"]
    return words.table([*head, "Parameters"], cells, caption)


def _heat(heat: HeatMap) -> Chart:
    losses = [rounded(row, 4) for row in heat.losses]
    known = heat.losses[np.isfinite(heat.losses)]
    x, y = (words.text(axis.parameter) for axis in (heat.x, heat.y))
    return Chart(
        "search-heat",
        "Median loss by the two parameters that matter most; lower is better",
        [
            {
                "type": "heatmap",
                "x": [words.text(name) for name in heat.x.names],
                "y": [words.text(name) for name in heat.y.names],
                "z": losses,
                "zmin": float(known.min()),
                # A few terrible fields would leave the good ones one colour.
                "zmax": float(np.quantile(known, 0.9)),
                "colorscale": [[0, GOOD], [0.5, SECOND], [1, BAD]],
                "colorbar": {"title": {"text": "loss"}},
                "hoverongaps": False,
                "hovertemplate": f"{x} %{{x}}<br>{y} %{{y}}<br>%{{z}}<extra></extra>",
            }
        ],
        {
            "xaxis": {"type": "category", "title": {"text": x}},
            "yaxis": {"type": "category", "title": {"text": y}},
        },
        height=360,
    )


def _importances(found: Search) -> Chart:
    rows = found.importances()[:20]
    return Chart(
        "search-importance",
        "How much of the order of losses each parameter explains alone",
        [bars([words.text(name) for name, _ in rows], [share for _, share in rows])],
        {"xaxis": {"type": "category"}, "yaxis": {"tickformat": ".0%"}},
        height=240,
        folded=True,
    )

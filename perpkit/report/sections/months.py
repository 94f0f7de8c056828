"""Returns by month, and how steady they are."""

from __future__ import annotations

from calendar import month_abbr

import numpy as np
import pandas as pd

from perpkit.durations import DAYS_A_YEAR
from perpkit.market.times import dates_of
from perpkit.report import words
from perpkit.report.charts import ACCENT, SECOND, Chart, legend_above, line
from perpkit.report.section import Missing, Section
from perpkit.report.view import View
from perpkit.research.spread import LEAST_SPREAD

WINDOWS = (30, 90)


def monthly_returns(daily: pd.Series) -> pd.Series:
    """Returns the return of each month, by its first day, from those of its days."""
    growth = (1 + daily).groupby(dates_of(daily.index).tz_localize(None).to_period("M"))
    return growth.prod() - 1


def months(view: View) -> Section:
    returns = monthly_returns(view.run.daily_returns)
    years = sorted({period.year for period in returns.index})
    head = "".join(f'<th scope="col">{month_abbr[month]}</th>' for month in range(1, 13))
    rows = "".join(_year(returns, year) for year in years)
    grid = (
        '<div class="wide" tabindex="0" role="group"><table class="months"><thead><tr><td></td>'
        f'{head}<th scope="col">Year</th></tr></thead><tbody>{rows}</tbody></table></div>'
    )
    won = int((returns > 0).sum())
    lead = f"{won} of {words.counted(len(returns), 'month')} made a profit."
    if len(returns) > 1:
        best, worst = float(returns.max()), float(returns.min())
        lead += f" The best made {words.percent(best)}, the worst {words.percent(worst)}."
    return Section("months", "Month by month", lead, [grid])


def _year(returns: pd.Series, year: int) -> str:
    own = {p.month: float(v) for p, v in returns.items() if p.year == year}  # type: ignore[attr-defined]
    sizes = np.abs(returns[np.isfinite(returns)])
    most = float(sizes.max()) if len(sizes) and sizes.max() > 0 else 1.0
    cells = []
    for month in range(1, 13):
        if not np.isfinite(own.get(month, np.nan)):
            cells.append("<td></td>")
            continue
        value = own[month]
        strength = round(100 * abs(value) / most)
        kind = words.tone(value)
        cells.append(
            f'<td class="heat {kind}" style="--heat:{strength}%">{words.percent(value)}</td>'
        )
    whole = float(np.prod([1 + value for value in own.values()]) - 1)
    total = f'<td class="{words.tone(whole)}"><b>{words.percent(whole)}</b></td>'
    return f'<tr><th scope="row">{year}</th>{"".join(cells)}{total}</tr>'


def rolling(view: View) -> Section | Missing:
    daily = view.run.daily_returns
    if len(daily) < WINDOWS[0] + 2:
        return Missing(f"Rolling Sharpe: it needs more than {WINDOWS[0]} days.")
    lines = []
    for window, colour in zip(WINDOWS, (SECOND, ACCENT), strict=True):
        if len(daily) > window:
            rolled = daily.rolling(window)
            spread = rolled.std()
            moving = spread.where(spread > LEAST_SPREAD)
            sharpe = rolled.mean() / moving * np.sqrt(DAYS_A_YEAR)
            lines.append(line(sharpe.iloc[window - 1 :], f"{window} days", colour, digits=4))
    chart = Chart(
        "rolling",
        "Sharpe of the days before, over time",
        lines,
        {"legend": legend_above(), "xaxis": {"type": "date"}, "yaxis": {"zeroline": True}},
        height=280,
    )
    lead = "Above zero the days before made money; a line that wanders means luck or a regime."
    return Section("rolling", "How steady it was", lead, [chart])

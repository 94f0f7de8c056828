"""What trading cost, and what funding brought, over time."""

from __future__ import annotations

import pandas as pd

from perpkit.report import words
from perpkit.report.charts import ACCENT, BAD, SECOND, Chart, at_seconds, legend_above, line
from perpkit.report.section import Missing, Section
from perpkit.report.view import View


def costs(view: View) -> Section | Missing:
    results, statistics = view.run.results, view.run.statistics
    fees = [
        (fill.at, fill.amount * fill.rate * trade.fee_of(fill))
        for trade in results.trades
        for fill in trade.fills
    ]
    if not fees:
        return Missing("Fees and funding: there is no fill.")
    lines = [line(_summed(fees), "fees paid", BAD, digits=5)]
    ledgers = view.run.account.ledgers
    booked = [
        (trade.closed, trade.funding)
        for trade, ledger in zip(results.trades, ledgers, strict=True)
        if trade.closed is not None and not ledger.settlements and trade.funding
    ]
    settled = [(one.at, one.funding) for ledger in ledgers for one in ledger.settlements]
    if settled or booked:
        lines.append(line(_summed(settled + booked), "funding received", ACCENT, digits=5))
    slippage = [trade for trade in results.trades if trade.slippage_bps is not None]
    for drawn in lines:
        drawn["line"]["shape"] = "hv"
    chart = Chart(
        "costs",
        f"Fees paid and funding received so far, in {view.currency}",
        lines,
        {"legend": legend_above(), "xaxis": {"type": "date"}, "hovermode": "x unified"},
        height=280,
    )
    content: list[Chart | str] = [chart]
    lacks = []
    if slippage:
        content.append(_slippage(view))
    else:
        lacks.append("Slippage: it is recorded of live fills only.")
    gross = statistics.profit + statistics.fees - statistics.funding
    lead = (
        f"Trades made {words.money(gross, view.currency)} by price, and "
        f"{words.money(statistics.fees, view.currency)} went to fees."
    )
    if statistics.funding:
        amount = words.money(abs(statistics.funding), view.currency)
        lead += f" {amount} of funding was {'received' if statistics.funding > 0 else 'paid'}."
    return Section("costs", "Fees and funding", lead, content, lacks)


def _slippage(view: View) -> Chart:
    trades = [t for t in view.run.results.trades if t.slippage_bps is not None]
    series = pd.Series(
        [t.slippage_bps for t in trades],
        at_seconds(t.opened for t in trades),
    )
    trace = line(series, "slippage", SECOND, digits=4, mode="markers")
    return Chart(
        "slippage",
        "Slippage of each entry against the middle of the order book, in basis points",
        [trace],
        {"xaxis": {"type": "date"}},
        height=240,
    )


def _summed(amounts: list[tuple[float, float]]) -> pd.Series:
    """Returns the running sum of amounts by their times, in seconds since 1970 UTC."""
    ordered = sorted(amounts)
    at = at_seconds(at for at, _ in ordered)
    return pd.Series([amount for _, amount in ordered], at).cumsum()

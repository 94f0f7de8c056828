"""What the bots of a fleet have made, from their trade databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from perpkit.ops.fleet.readings import Member

COLUMNS = (
    "bot", "mode", "trades", "won", "profit", "fees", "funding", "profit factor", "open",
)  # fmt: skip


def results(members: Sequence[Member]) -> list[dict[str, Any]]:
    """Returns the figures of each bot, and one row for all of each mode, in stake currency.

    :raises DatabaseError: if a database cannot be read: a sum without it would be wrong
    """
    from perpkit.record.trade_database import TradeDatabase
    from perpkit.research.bot_trades import bot_trades

    found, rows = [(each, bot_trades(TradeDatabase.at(each.db_url))) for each in members], []
    for member, trades in found:
        rows.append(_row(member.bot.name, member.live, trades))
    for live in sorted({member.live for member in members}, reverse=True):
        of_mode = [trades for member, trades in found if member.live == live]
        if len(of_mode) > 1:
            rows.append(_row("all", live, [trade for trades in of_mode for trade in trades]))
    return rows


def _row(name: str, live: bool, trades: Sequence[Any]) -> dict[str, Any]:
    from perpkit.research.trade_statistics import trade_statistics

    made = trade_statistics(trades)
    return {
        "bot": name,
        "mode": "live" if live else "dry-run",
        "trades": made.trades,
        "won": made.win_rate,
        "profit": made.profit,
        "fees": made.fees,
        "funding": made.funding,
        "profit factor": made.profit_factor,
        "open": sum(trade.closed is None for trade in trades),
    }


def cells(row: dict[str, Any]) -> list[str]:
    formats = {"won": "{:.0%}", "profit": "{:+,.2f}", "fees": "{:,.2f}", "funding": "{:+,.2f}"}
    formats["profit factor"] = "{:.2f}"
    return [
        "-" if row[name] is None else formats.get(name, "{}").format(row[name]) for name in COLUMNS
    ]

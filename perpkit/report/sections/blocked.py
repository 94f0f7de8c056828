"""What locks of breakers kept out, and what became of the orders for entries."""

from __future__ import annotations

from collections.abc import Iterable

from perpkit.report import words
from perpkit.report.section import Missing, Section
from perpkit.report.view import Run, View
from perpkit.report.words import Cell, money, percent, tone
from perpkit.research.locks import Lock, merged
from perpkit.research.trades import Trade

_ORDERS = {
    "rejected_signals": "signals without a free slot or stake",
    "timedout_entry_orders": "entry orders that expired",
    "canceled_entry_orders": "entry orders that were cancelled",
    "canceled_trade_entries": "trades whose only entry was cancelled",
    "replaced_entry_orders": "entry orders that were replaced",
    "timedout_exit_orders": "exit orders that expired",
}


def blocked(view: View) -> Section | Missing:
    guarded = view.run if view.run.results.locks or view.other is None else view.other
    free = view.other if guarded is view.run else view.run
    locks = guarded.results.locks
    if not locks:
        return Missing("What breakers blocked: these results have no lock.")
    locked = _locked_share((lock for lock in locks if lock.pair == "*"), guarded)
    lead = f"Entries of all pairs were locked {percent(locked)} of the time."
    lacks: list[str] = []
    kept_out: dict[str, list[Trade]] = {}
    if free is None:
        lacks.append(
            "What the blocked entries would have made: that needs the run without breakers, "
            "`--with`."
        )
    else:
        kept_out = _kept_out(locks, free.results.trades)
        every = {id(trade): trade for trades in kept_out.values() for trade in trades}
        made = sum(trade.profit for trade in every.values())
        lead += (
            f" {words.counted(len(every), 'entry', 'entries')} of the run named "
            f'"{free.name}" fall into its locks; there they made {money(made, view.currency)}.'
        )
    head = ["Breaker", "Locks", "Hours, one pair or all"]
    if free is not None:
        head += ["Entries in them", "Won", "Made without the breaker"]
    rows = [_row(source, own, kept_out, free is not None) for source, own in _by_source(locks)]
    return Section("blocked", "What breakers blocked", lead, [words.table(head, rows)], lacks)


def _row(
    source: str, locks: list[Lock], kept_out: dict[str, list[Trade]], compared: bool
) -> list[Cell]:
    joined = merged(locks)
    hours = sum(lock.until - lock.start for lock in joined) / 3600
    cells: list[Cell] = [source, f"{len(joined):,}", f"{hours:,.0f}"]
    if compared:
        trades = kept_out.get(source, [])
        made = sum(trade.profit for trade in trades)
        won = sum(trade.profit > 0 for trade in trades) / len(trades) if trades else None
        cells += [f"{len(trades):,}", percent(won), (money(made), tone(made))]
    return cells


def _by_source(locks: Iterable[Lock]) -> list[tuple[str, list[Lock]]]:
    found: dict[str, list[Lock]] = {}
    for lock in locks:
        found.setdefault(lock.source, []).append(lock)
    return sorted(found.items())


def _kept_out(locks: Iterable[Lock], trades: Iterable[Trade]) -> dict[str, list[Trade]]:
    """Returns the trades that were opened while a breaker of the other run had a lock, by breaker;
    one that several breakers would have kept out counts for each."""
    found: dict[str, list[Trade]] = {}
    by_source = _by_source(locks)
    for trade in trades:
        for source, own in by_source:
            if any(lock.holds(trade.pair, trade.side, trade.opened) for lock in own):
                found.setdefault(source, []).append(trade)
    return found


def _locked_share(locks: Iterable[Lock], run: Run) -> float:
    total, reached = 0.0, run.results.start
    for lock in sorted(locks, key=lambda lock: lock.start):
        start, until = max(lock.start, reached), min(lock.until, run.results.end)
        if until > start:
            total, reached = total + until - start, until
    length = run.results.end - run.results.start
    return total / length if length > 0 else 0.0


def orders(view: View) -> Section | Missing:
    stats = view.run.results.stats
    known = {name: said for name, said in _ORDERS.items() if name in stats}
    if not known:
        return Missing(
            "Entries cancelled or expired: they are counted in an export of a backtest only."
        )
    filled = sum(fill.is_entry for trade in view.run.results.trades for fill in trade.fills)
    rows: list[list[Cell]] = [["entry orders that filled", f"{filled:,}"]]
    rows += [[said, f"{stats[name]:,}"] for name, said in known.items()]
    lost = sum(stats[n] for n in ("timedout_entry_orders", "canceled_entry_orders") if n in stats)
    lead = (
        f"{words.counted(filled, 'entry order')} filled, {lost:,} expired or were cancelled; "
        f"{words.counted(stats.get('rejected_signals', 0), 'signal')} found no free slot."
    )
    return Section("orders", "What became of entries", lead, [words.table(["", "Count"], rows)])

"""What locks of breakers kept out, what else was refused, and what became of entry orders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from perpkit.record.decisions import Decision, Kind
from perpkit.record.decisions_read import by_reason
from perpkit.report import words
from perpkit.report.section import Missing, Section
from perpkit.report.view import Run, View
from perpkit.report.words import Cell, money, percent, tone
from perpkit.research.locks import Lock, merged
from perpkit.research.trades import Trade

MOST_REASONS = 30
_NOT_NOTED = (
    "Refused signals, one by one: these results have no decision log. Our strategies, and others "
    "with the layer attached, write it: in a backtest with --export signals, and as a bot."
)
_ORDERS = {
    "rejected_signals": "signals without a free slot or stake",
    "timedout_entry_orders": "entry orders that expired",
    "canceled_entry_orders": "entry orders that were cancelled",
    "canceled_trade_entries": "trades whose only entry was cancelled",
    "replaced_entry_orders": "entry orders that were replaced",
    "timedout_exit_orders": "exit orders that expired",
}
_OF_A_BOT = {
    Kind.ORDERED: "entry orders that were sent",
    Kind.ENTERED: "entries that filled",
    Kind.ADDED: "additions that filled",
    Kind.WITHDRAWN: "entry orders that were withdrawn: cancelled, expired or late",
    Kind.REFUSED: "refused signals",
}


def blocked(view: View) -> Section | Missing:
    guarded = view.run if view.run.results.breakers_locks or view.other is None else view.other
    free = view.other if guarded is view.run else view.run
    locks, refused = guarded.results.breakers_locks, refused_in(guarded.results.decisions)
    if not locks and not refused:
        return Missing("What breakers blocked: these results have no lock of a breaker.")
    locked = _locked_share((lock for lock in locks if lock.pair == "*"), guarded)
    lead = f"Entries of all pairs were locked {percent(locked)} of the time."
    lacks = [] if guarded.results.decisions else [_NOT_NOTED]
    kept_out: dict[str, list[Trade]] = {}
    if free is None:
        lacks.append(
            "What the blocked entries would have made: that needs the run without breakers, --with."
        )
    else:
        kept_out = _kept_out(locks, free.results.trades)
        every = {id(trade): trade for trades in kept_out.values() for trade in trades}
        made = sum(trade.profit for trade in every.values())
        lead += (
            f" {words.counted(len(every), 'entry', 'entries')} of the run named "
            f'"{free.name}" fall into its locks; there they made {money(made, view.currency)}.'
        )
    content = []
    if locks:
        head = ["Locked by", "Locks", "Hours, one pair or all"]
        if free is not None:
            head += ["Entries in them", "Won", "Made without the breaker"]
        if guarded.results.decisions:
            head.append("Signals refused in them")
        content.append(words.table(head, _rows(guarded, kept_out, free is not None)))
    if refused:
        lead += f" {words.counted(sum(each.count for each in refused), 'refusal')} were noted."
        content.append(_table_of_refusals(refused))
    return Section("blocked", "What breakers blocked", lead, content, lacks)


def _rows(
    guarded: Run, kept_out: dict[str, list[Trade]], compared: bool
) -> Iterator[Sequence[Cell]]:
    decisions = guarded.results.decisions
    for source, own in _by_source(guarded.results.breakers_locks):
        cells = _row(source, own, kept_out, compared)
        if decisions:
            cells.append(f"{sum(d.count for d in refused_in(decisions) if _locked(own, d)):,}")
        yield cells


def refused_in(decisions: Iterable[Decision]) -> list[Decision]:
    return [each for each in decisions if each.kind is Kind.REFUSED]


def _locked(locks: Iterable[Lock], refused: Decision) -> bool:
    """Whether an entry was refused for a lock or a breaker, while one of these locks held."""
    if refused.reason not in ("lock", "breaker"):
        return False
    at = refused.at.timestamp()
    return any(lock.holds(refused.pair, refused.side, at) for lock in locks)


def _table_of_refusals(refused: list[Decision]) -> str:
    groups: dict[str, list[Decision]] = {}
    for each in refused:
        groups.setdefault(_because(each), []).append(each)
    rows: list[list[Cell]] = [
        [
            reason,
            f"{sum(each.count for each in own):,}",
            _pairs({each.pair for each in own}),
            (f"{words.moment(own[-1].at.timestamp())}: {own[-1].text}", "said"),
        ]
        for reason, own in sorted(groups.items(), key=lambda one: -len(one[1]))[:MOST_REASONS]
    ]
    return words.table(["Entries refused", "Times", "Pairs", "The last one"], rows)


def _because(refused: Decision) -> str:
    """Returns the reason, of a lock with the breaker or protection that set it."""
    before, found, reason = refused.text.partition(" UTC: ")
    if refused.reason != "lock" or not found or "ocked until" not in before:
        return refused.reason
    at = refused.at.timestamp()
    return f"lock, {Lock(refused.pair, refused.side, at, at, reason).source}"


def _pairs(pairs: set[str]) -> str:
    return "all" if pairs == {"*"} else f"{len(pairs):,}" if len(pairs) > 1 else pairs.pop()


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
    if view.run.results.is_bot:
        return _orders_of_a_bot(view)
    stats = view.run.results.stats
    known = {name: said for name, said in _ORDERS.items() if name in stats}
    if not known:
        return Missing("Entries cancelled or expired: this export does not count them.")
    filled = sum(fill.is_entry for trade in view.run.results.trades for fill in trade.fills)
    rows: list[list[Cell]] = [["entry orders that filled", f"{filled:,}"]]
    rows += [[said, f"{stats[name]:,}"] for name, said in known.items()]
    lost = sum(stats[n] for n in ("timedout_entry_orders", "canceled_entry_orders") if n in stats)
    lead = (
        f"{words.counted(filled, 'entry order')} filled, {lost:,} expired or were cancelled; "
        f"{words.counted(stats.get('rejected_signals', 0), 'signal')} found no free slot."
    )
    return Section("orders", "What became of entries", lead, [words.table(["", "Count"], rows)])


def _orders_of_a_bot(view: View) -> Section | Missing:
    """Of a bot, the decision log has them: Freqtrade deletes an entry of which nothing filled."""
    results = view.run.results
    if not results.decisions:
        return Missing(
            "Entries cancelled or expired: a database does not have entries of which nothing "
            "filled, and there is no decision log beside this one."
        )
    noted = {kind: [d for d in results.decisions if d.kind is kind] for kind in Kind}
    rows: list[list[Cell]] = [
        [said, f"{sum(each.count for each in noted[kind]):,}"] for kind, said in _OF_A_BOT.items()
    ]
    withdrawn = noted[Kind.WITHDRAWN]
    lead = (
        f"{words.counted(len(noted[Kind.ORDERED]), 'entry order')} were sent, "
        f"{len(withdrawn):,} of them withdrawn."
    )
    content = [words.table(["", "Count"], rows)]
    if withdrawn:
        content.append(
            words.table(
                ["Withdrawn", "Times", "Pairs"],
                [
                    [each.newest.text, f"{each.count:,}", _pairs(set(each.pairs))]
                    for each in by_reason(withdrawn)[:MOST_REASONS]
                ],
            )
        )
    return Section("orders", "What became of entries", lead, content)

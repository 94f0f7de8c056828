"""The fleet as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from perpkit.ops.fleet.readings import Reading
from perpkit.ops.fleet.sums import Sum, Weight, sums, weights
from perpkit.record.fleet import FleetError, FleetFolder, Rules
from perpkit.record.state import State

COLUMNS = (
    "bot", "account", "mode", "state", "trading", "positions", "covered", "exposure", "equity",
    "age",
)  # fmt: skip


def rows(readings: Sequence[Reading], now: datetime) -> list[dict[str, Any]]:
    """Returns the figures of each bot by `COLUMNS`; None for what is not known."""
    return [_row(each, now) for each in readings]


def _row(reading: Reading, now: datetime) -> dict[str, Any]:
    member, state = reading.member, reading.state
    found: dict[str, Any] = dict.fromkeys(COLUMNS)
    found |= {
        "bot": member.bot.name,
        "account": member.account[1],
        "mode": member.mode,
        "state": "unknown",
    }
    if state is None:
        return found
    account, positions = state.account, state.positions
    covered = None if positions is None else sum(each.covered for each in positions)
    return found | {
        "state": f"{state.bot_state}?" if reading.problem else state.bot_state,
        "trading": _trading(state),
        "positions": None if positions is None else len(positions),
        "covered": covered,
        "exposure": account.gross if account else None,
        "equity": account.equity if account else None,
        "age": round(state.age_seconds(now), 1),
    }


def _trading(state: State) -> str | None:
    """Returns the strictest of what breakers and the stop latch allow."""
    allowed = [state.trading.state] if state.trading else []
    if state.latch and state.latch.state != "clear":
        allowed.append(state.latch.state)
    order = ("active", "reducing", "halted")
    return max(allowed, key=order.index, default=None)


def cells(row: Mapping[str, Any]) -> list[str]:
    """Formats a row; what is not known is a question mark, never a zero."""
    units = {"age": "{:.0f} s", "exposure": "{:,.2f}", "equity": "{:,.2f}"}
    return [
        "?" if row[name] is None else units.get(name, "{}").format(row[name]) for name in COLUMNS
    ]


def below(readings: Sequence[Reading], folder: FleetFolder, rules: Rules) -> Iterator[str]:
    """Yields what belongs under the table: sums, limits of the exchange, and what is wrong."""
    for total in sums(readings):
        yield _sum(total)
    for weight in weights(readings):
        yield _weight(weight)
    for name, used, limit in _orders(readings):
        yield f"orders of account {name}: {used} of {limit} a minute"
    for reading in readings:
        for wrong in filter(None, (reading.problem, reading.member.unled)):
            yield f"{reading.member.bot.name}: {wrong}"
    yield from (f"fleet: {wrong}" for wrong in against(folder, rules))


def _sum(total: Sum) -> str:
    if total.equity is None or total.gross is None:
        return f"all {total.mode}: not known: {'; '.join(total.unknown)}"
    ratio = f", {total.gross / total.equity:.2f} times" if total.equity > 0 else ""
    return (
        f"all {total.mode}: equity {total.equity:,.2f} {total.currency}, exposure "
        f"{total.gross:,.2f}{ratio}"
    )


def _weight(weight: Weight) -> str:
    used = "unknown" if weight.used is None else f"{weight.used} of {weight.limit} a minute"
    return f"request weight of {weight.address} ({', '.join(weight.bots)}): {used}"


def _orders(readings: Sequence[Reading]) -> list[tuple[str, int, int]]:
    """Returns orders of a minute and their limit for each live account, which its bots share."""
    found: dict[str, tuple[int, int]] = {}
    for each in readings:
        requests = each.present.requests if each.present else None
        if each.member.live and requests is not None and requests.orders_1m is not None:
            name = each.member.account[1]
            used, _ = found.get(name, (0, 0))
            found[name] = max(used, requests.orders_1m), requests.orders_1m_limit
    return [(name, *figures) for name, figures in sorted(found.items())]


def against(folder: FleetFolder, rules: Rules) -> list[str]:
    """Returns what keeps the fleet's pairs from being as the TOML file has them."""
    try:
        if folder.rules() != rules:
            return [f'{folder.path} has other pairs or bots: "perpkit fleet pairs" writes them']
        return [
            f"{claim.pair} belongs to {owner} and is held by {claim.bot}, which must leave it first"
            for claim in folder.claims()
            if (owner := rules.pairs.get(claim.pair, claim.bot)) != claim.bot
        ]
    except FleetError as error:
        return [str(error)]


def as_dict(readings: Sequence[Reading], now: datetime) -> dict[str, Any]:
    """Returns all of it for JSON."""
    bots = [
        {**row, "problem": each.problem or None, "unled": each.member.unled or None}
        for row, each in zip(rows(readings, now), readings, strict=True)
    ]
    return {
        "bots": bots,
        "sums": [{**asdict(each), "mode": each.mode} for each in sums(readings)],
        "weights": [asdict(each) for each in weights(readings)],
    }

"""`perpkit state`: shows what a running bot reports in its state file, as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from perpkit.ops.bot_files import Config, DbUrl, Userdir, errors, fail, places_of
from perpkit.record.state import State
from perpkit.record.state_file import StaleStateError, StateFileError, read_fresh
from perpkit.record.state_holdings import Position, Waiting
from perpkit.record.state_trading import Restriction

_TITLE = 13


def state(
    config: Config = None,
    db_url: DbUrl = None,
    userdir: Userdir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Show what a bot does and why, from the state file that it writes each cycle.

    It exits with 1 when there is no such file, or it is damaged, or older than a few cycles: the
    bot has ended then, hangs, or cannot write.
    """
    with errors():
        path, now = places_of(config, userdir, db_url).state, datetime.now(UTC)
    found, wrong = None, ""
    try:
        found = read_fresh(path, now)
    except StaleStateError as error:
        found, wrong = error.state, str(error)
    except StateFileError as error:
        wrong = str(error)
    if as_json:
        age = found.age_seconds(now) if found else None
        content = found.model_dump(mode="json") if found else None
        given = {"path": str(path), "age_seconds": age, "error": wrong or None, "state": content}
        typer.echo(json.dumps(given, indent=2))
    elif found:
        for line in lines(found, now):
            typer.echo(line)
    if wrong:
        fail(wrong, 1)


def lines(state: State, now: datetime) -> Iterator[str]:
    """Formats the state file as lines of text."""
    versions = state.versions
    yield _line(
        "bot",
        f"{state.strategy}, {state.mode}, {state.bot_state}; Freqtrade {versions.freqtrade}, "
        f"Perpkit {versions.perpkit}, pid {state.pid}, since {_time(state.started_at)}",
    )
    if state.passive:
        yield _line("", state.passive)
    yield _line("written", f"{state.age_seconds(now):.0f} s ago, {_time(state.written_at)}")
    yield from _loop(state)
    yield from _latch(state)
    yield from _trading(state)
    yield from _listed("positions", state.positions, _position)
    yield from _listed("open entries", state.entries, _entry)
    yield from _account(state)
    yield from _rest(state)


def _loop(state: State) -> Iterator[str]:
    loop = state.loop
    if loop is None:
        yield _line("cycles", "none has ended yet")
        return
    yield _line(
        "cycles",
        f"{loop.cycles}; {loop.last_seconds:.1f} s the last, {loop.mean_seconds:.1f} s on "
        f"average, {loop.max_seconds:.1f} s at most",
    )
    if loop.failed:
        good = f"the last good one {_time(loop.succeeded_at)}" if loop.succeeded_at else "none good"
        yield _line("", f"the last {loop.failed} ended early, {good}. {loop.error}")


def _latch(state: State) -> Iterator[str]:
    latch = state.latch
    if latch is None:
        return
    by = f", {latch.by}" if latch.by else ""
    at = f" since {_time(latch.at)}" if latch.at else ""
    why = f": {latch.why}" if latch.why else ""
    yield _line("stop latch", f"{latch.state.upper()}{at}{by}{why}")


def _trading(state: State) -> Iterator[str]:
    trading = state.trading
    if trading is None:
        return
    yield _line("trading", f"{trading.state.upper()} {trading.reason}".strip())
    yield from (_line("", _restriction(each)) for each in trading.restrictions)
    for doubt in trading.doubts:
        pair = "" if doubt.pair == "*" else f" into {doubt.pair}"
        yield _line("", f"no entry{pair}: {doubt.reason}")


def _account(state: State) -> Iterator[str]:
    account = state.account
    if account is None:
        return
    lost = "" if account.drawdown is None else f" ({account.drawdown:.1%} below its highest)"
    figures = (account.equity, account.gross, account.net, account.open_risk)
    equity, gross, net, risk = map(_money, figures)
    yield _line(
        "account",
        f"equity {equity} {account.currency}{lost}, exposure {gross} gross, "
        f"{net} net, {risk} at risk",
    )


def _rest(state: State) -> Iterator[str]:
    if state.refusals:
        counts = ", ".join(f"{kind} {count}" for kind, count in state.refusals.by_kind.items())
        yield _line("refused", counts or "no entry")
        for each in state.refusals.newest:
            times = f"{each.count} times, the last " if each.count > 1 else ""
            yield _line("", f"{each.pair} {each.side}, {times}{_time(each.at)}: {each.reason}")
    if state.slippage and state.slippage.mean_bps is not None:
        slippage = state.slippage
        yield _line(
            "slippage",
            f"{slippage.fills} fills, {slippage.mean_bps:.2f} bps on average, "
            f"{slippage.mean_excess_bps or 0.0:+.2f} than estimated",
        )
    for name, failure in (state.failed_callbacks or {}).items():
        yield _line("callback", f"{name} has failed {failure.count} times: {failure.error}")
    for failing in state.failing or ():
        yield _line("failing", f"{failing.what}, since {_time(failing.since)}: {failing.error}")
    if state.reconciliation:
        if not state.reconciliation.compared:
            yield _line("exchange", "not compared with the database yet: no entry")
        for pair, reason in state.reconciliation.refused.items():
            yield _line("exchange", f"no entry into {pair}: {reason}")
    if state.journal:
        journal = state.journal
        count = "" if journal.open_intents is None else f", {journal.open_intents} open"
        yield _line("journal", f"{journal.state}{count}. {journal.reason}".strip())
    yield from (_line("off", each) for each in state.parts_off or ())
    for name, reason in state.missing.items():
        yield _line("missing", f"{name}: {reason}")


def _listed(title: str, found: Iterable[Any] | None, shown: Any) -> Iterator[str]:
    if found is None:
        return
    texts = [shown(each) for each in found]
    yield _line(title, texts[0] if texts else "none")
    yield from (_line("", text) for text in texts[1:])


def _position(position: Position) -> str:
    stops = ", ".join(stop.order_id for stop in position.covered_by)
    covered = f"stop {_number(position.stop_price)} at the exchange ({stops})"
    if not position.covered:
        covered = f"NO STOP FOR ALL OF IT (meant at {_number(position.stop_price)})"
    risk = f", R {_number(position.risk)}" if position.risk else ""
    return (
        f"{position.pair} {position.side} {position.amount:g} at {position.open_rate:g}, "
        f"{position.leverage:g}x, {covered} since {_time(position.since)}{risk}, "
        f"liquidation {_number(position.liquidation_price)}"
    )


def _entry(entry: Waiting) -> str:
    return (
        f"{entry.pair} {entry.side} {entry.amount:g} at {entry.price:g}, {entry.filled:g} filled, "
        f"since {_time(entry.placed_at)} ({entry.order_id})"
    )


def _restriction(restriction: Restriction) -> str:
    where = "all pairs" if restriction.pair == "*" else restriction.pair
    side = "" if restriction.side == "*" else f" {restriction.side}"
    until = f", until {_time(restriction.release)} at the earliest" if restriction.release else ""
    return (
        f"{restriction.name}: {restriction.trading}, {where}{side}, size x "
        f"{restriction.size_factor:g}, since {_time(restriction.since)}{until}. "
        f"{restriction.reason}"
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _money(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"


def _time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _line(title: str, text: str) -> str:
    return f"{title:{_TITLE}} {text}"

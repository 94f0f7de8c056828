"""`perpkit venue`: serve a simulated venue on the loopback, or write its market to disk."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpkit.durations import DAY_MS
from perpkit.venue.market.clock import Clock, SystemClock, VirtualClock, iso_date
from perpkit.venue.overlay import ACCOUNT

if TYPE_CHECKING:
    from perpkit.venue.market.market import Market


DEFAULT_ACCOUNT = ":".join((*next(iter(ACCOUNT.items())), "10000"))


class ClockKind(StrEnum):
    SYSTEM = "system"
    VIRTUAL = "virtual"


def venue(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8900,
    host: Annotated[str, typer.Option(help="A loopback address; others are refused.")] = (
        "127.0.0.1"
    ),
    datadir: Annotated[
        Path | None, typer.Option(help="Replay this Freqtrade data directory.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="With --datadir: keep its dates, begin at this time (ISO, UTC)."),
    ] = None,
    clock: Annotated[
        ClockKind, typer.Option(help="The machine's, or one that only the control API advances.")
    ] = ClockKind.SYSTEM,
    start_at: Annotated[
        str | None,
        typer.Option(help="With --clock virtual: the time it shows at first (ISO, UTC)."),
    ] = None,
    relabel: Annotated[
        str | None, typer.Option(help="Serve coarse candles as fine ones, such as 1h:1m.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic market.")] = 1,
    days: Annotated[int, typer.Option(min=1, help="Synthetic history before now.")] = 90,
    start: Annotated[
        str | None,
        typer.Option(help="First synthetic day (YYYY-MM-DD) instead of a number of days before."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(help="How many synthetic contracts, of all kinds; the first five are fixed."),
    ] = None,
    base: Annotated[str, typer.Option(help="Finest synthetic timeframe: 1m or 5m.")] = "5m",
    pairs: Annotated[
        str, typer.Option(help="Such as 'BTC/USDT:USDT ETH/USDT:USDT'; all by default.")
    ] = "",
    write_datadir: Annotated[
        Path | None, typer.Option(help="Write the synthetic market here and exit.")
    ] = None,
    timeframes: Annotated[str, typer.Option(help="Of the candles to write.")] = "5m 15m 1h 4h 1d",
    overlay: Annotated[
        Path | None, typer.Option(help="Write the Freqtrade config that leads here.")
    ] = None,
    account: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY:SECRET:WALLET",
            help="To trade with; may be repeated. WALLET: 10000 (USDT), or 900USDT+50USDC.",
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="The overlay is for live mode: real orders, here.")
    ] = False,
    tls: Annotated[
        bool, typer.Option("--tls", help="HTTPS, so that ccxt maps errors as on the exchange.")
    ] = False,
    rate_limits: Annotated[
        bool, typer.Option("--rate-limits", help="Refuse what is over the exchange's limits.")
    ] = False,
    log: Annotated[
        Path | None, typer.Option(help="Append every request to this file (JSON lines).")
    ] = None,
) -> None:
    """Serve a simulated Binance USD-M market to stock Freqtrade, or write it to disk."""
    names = pairs.replace(",", " ").split()
    try:
        if count is not None and (names or datadir is not None):
            other = "pairs" if names else "datadir"
            raise ValueError(f"count is for a synthetic market without {other}, got {count}")
        if write_datadir is not None:
            first, end = _span(days, start, SystemClock().now())
            frames = timeframes.replace(",", " ").split()
            chosen = _chosen(names, count, first + days * DAY_MS)
            _write(write_datadir, frames, seed, first, end, days, base, chosen)
            return
        time = _clock(clock, start_at, as_of)
        if as_of is not None and datadir is None:
            raise ValueError("as-of needs a datadir: the synthetic market is always at the present")

        def make() -> Market:
            from perpkit.venue.market import source

            faster = source.labels(relabel) if relabel else None
            if datadir is not None:
                dated = as_of is not None or start_at is not None
                return source.replayed_market(datadir, names, time, faster, keep_dates=dated)
            first, _ = _span(days, start, time.now())
            anchor = first + days * DAY_MS
            chosen = _chosen(names, count, anchor)
            return source.synthetic_market(seed, first, anchor, base, chosen, time, faster)

        accounts = [_account(text) for text in account or [DEFAULT_ACCOUNT]]
        _serve(
            host,
            port,
            make,
            accounts,
            overlay=overlay,
            live=live,
            tls=tls,
            rate_limits=rate_limits,
            log=log,
        )
    except (ValueError, OSError) as error:
        print(f"perpkit venue: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


def _chosen(names: list[str], count: int | None, anchor: int) -> Sequence[str]:
    from perpkit.venue.market.universe import MODELS, first_pairs

    return names or (tuple(MODELS) if count is None else first_pairs(count, anchor))


def _account(text: str) -> tuple[str, str, dict[str, Decimal]]:
    from perpkit.venue.exchange.account_terms import checked_key, checked_wallets

    key, _, rest = text.partition(":")
    secret, third, wallet = rest.rpartition(":")
    try:
        if not third:  # what would be the wallet may be the secret
            raise ValueError("there must be three of them")
        return checked_key("KEY", key), checked_key("SECRET", secret), checked_wallets(wallet)
    except ValueError as error:
        # Without the text: it may be a key of the exchange, by mistake.
        raise ValueError(f"account must look like KEY:SECRET:WALLET: {error}") from error


def _clock(kind: ClockKind, start_at: str | None, as_of: str | None) -> Clock:
    if kind is ClockKind.SYSTEM:
        if start_at is not None:
            raise ValueError("start-at needs --clock virtual")
        if as_of is None:
            return SystemClock()
        return SystemClock.starting_at(_moment("as-of", as_of))
    if as_of is not None:
        raise ValueError("as-of is for the system's clock: with --clock virtual give start-at")
    return VirtualClock(_moment("start-at", start_at) if start_at else SystemClock().now())


def _span(days: int, start: str | None, now: int) -> tuple[int, int]:
    """First and last midnight of the synthetic market, ms.

    Without `start` it begins with a month, so that a restart within the month has the same past.
    """
    today = datetime.fromtimestamp(now / 1000, UTC).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    if start is None:
        return _ms((today - timedelta(days=days)).replace(day=1)), _ms(today)
    first = _moment("start", start)
    if first % DAY_MS:
        raise ValueError(f"start must be a date such as 2024-01-31, got {start!r}")
    return first, first + days * DAY_MS


def _moment(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} must be an ISO date or time, got {text!r}") from None
    return _ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _write(
    directory: Path,
    timeframes: list[str],
    seed: int,
    first: int,
    end: int,
    days: int,
    base: str,
    pairs: Sequence[str],
) -> None:
    from perpkit.venue.market import datadir, synthetic
    from perpkit.venue.market.history import History

    history = synthetic.generate(
        seed=seed,
        start=first,
        days=(end - first) // DAY_MS,
        pairs=pairs,
        base=base,
        anchor=first + days * DAY_MS,
    )
    traded = {s: pair for s, pair in history.pairs.items() if pair.end and pair.start < end}
    absent = [pair.instrument.pair for s, pair in history.pairs.items() if s not in traded]
    if not traded:
        raise ValueError(f"pairs must have traded by {iso_date(end)}, got {', '.join(absent)}")
    files = datadir.write(
        History(traded), directory, timeframes, end, f"synthetic market, seed {seed}"
    )
    print(f"{len(files)} files in {directory}: {iso_date(first)} to {iso_date(end)}, seed {seed}")
    if absent:
        print(f"not traded in that time: {', '.join(absent)}")


def _serve(
    host: str,
    port: int,
    make: Callable[[], Market],
    accounts: list[tuple[str, str, dict[str, Decimal]]],
    *,
    overlay: Path | None,
    live: bool,
    tls: bool,
    rate_limits: bool,
    log: Path | None,
) -> None:
    # Checked and bound before the market is made: both can fail, and making it takes seconds.
    if not ip_address(host).is_loopback:
        raise ValueError(f"host must be a loopback address, got {host}")
    from perpkit.venue.exchange.exchange import Exchange
    from perpkit.venue.http import server
    from perpkit.venue.http.app import create_app
    from perpkit.venue.http.rate_limits import Limiter
    from perpkit.venue.http.request_log import RequestLog
    from perpkit.venue.overlay import overlay as config_overlay

    listener = server.bind(host, port)
    url = server.base_url(listener, tls=tls)
    requests = RequestLog(file=log)
    exchange = Exchange(make())
    for key, secret, wallet in accounts:
        exchange.engine.add_account(key, secret, wallet, exchange.market.now())
    limiter = Limiter(enforced=rate_limits)
    app = create_app(exchange.market, exchange=exchange, limiter=limiter, log=requests)
    if overlay is not None:
        config = config_overlay(
            url,
            # Beside it: overlays of two venues share nothing, wherever the bots are started.
            overlay.resolve().with_suffix(".rehearsal"),
            accounts={key: secret for key, secret, _ in accounts},
            live=live,
            throttle=rate_limits,
        )
        overlay.write_text(json.dumps(config, indent=4) + "\n")
    server.serve(app, listener, lambda: print(f"venue listening on {url}", flush=True), tls=tls)
    requests.close()

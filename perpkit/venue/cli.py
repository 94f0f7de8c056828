"""`perpkit venue`: serve a simulated venue on the loopback, or write its market to disk."""

from __future__ import annotations

import inspect
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from perpkit.durations import DAY_MS
from perpkit.files.own_file import check_own
from perpkit.files.whole_file import put
from perpkit.rehearsal.redirection import VENUE
from perpkit.venue.market.clock import Clock, SystemClock, iso_date
from perpkit.venue.options import VenueOptions

if TYPE_CHECKING:
    from perpkit.venue.exchange.exchange import Exchange
    from perpkit.venue.market.market import Market


def venue(**given: Any) -> None:
    """Serve a simulated Binance USD-M market to stock Freqtrade, or write it to disk."""
    try:
        options = VenueOptions(**given)
        if options.write_datadir is not None:
            _write(options)
        else:
            _serve(options)
    except (ValueError, OSError) as error:
        print(f"perpkit venue: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


# Typer reads the options of a command from its signature.
venue.__signature__ = inspect.signature(VenueOptions, eval_str=True)  # type: ignore[attr-defined]


def _write(options: VenueOptions) -> None:
    from perpkit.venue.market import datadir, synthetic
    from perpkit.venue.market.history import History

    assert options.write_datadir is not None
    first, end, anchor = options.span(SystemClock().now())
    history = synthetic.generate(
        seed=options.seed,
        start=first,
        days=(end - first) // DAY_MS,
        pairs=options.synthetic_pairs(anchor),
        base=options.base,
        anchor=anchor,
    )
    traded = {s: pair for s, pair in history.pairs.items() if pair.end and pair.start < end}
    absent = [pair.instrument.pair for s, pair in history.pairs.items() if s not in traded]
    if not traded:
        raise ValueError(f"pairs must have traded by {iso_date(end)}, got {', '.join(absent)}")
    files = datadir.write(
        History(traded),
        options.write_datadir,
        options.written_timeframes,
        end,
        f"synthetic market, seed {options.seed}",
    )
    print(
        f"{len(files)} files in {options.write_datadir}: {iso_date(first)} to {iso_date(end)}, "
        f"seed {options.seed}"
    )
    if absent:
        print(f"not traded in that time: {', '.join(absent)}")


def _market(options: VenueOptions, clock: Clock) -> Market:
    from perpkit.venue.market import source

    faster = source.labels(options.relabel) if options.relabel else None
    if options.datadir is not None:
        return source.replayed_market(
            options.datadir, options.names, clock, faster, keep_dates=options.keeps_dates
        )
    first, _, anchor = options.span(clock.now())
    pairs = options.synthetic_pairs(anchor)
    return source.synthetic_market(options.seed, first, anchor, options.base, pairs, clock, faster)


def _serve(options: VenueOptions) -> None:
    from perpkit.venue.exchange.exchange import Exchange
    from perpkit.venue.http import server
    from perpkit.venue.http.app import create_app
    from perpkit.venue.http.rate_limits import Limiter
    from perpkit.venue.http.request_log import RequestLog
    from perpkit.venue.overlay import overlay as config_overlay

    began = datetime.now(UTC)
    if options.overlay is not None:
        check_own(options.overlay, "overlay", "an earlier overlay", VENUE.encode())
    # Both can fail, so they come before the market is made, which takes seconds.
    accounts, clock = options.accounts(), options.new_clock()
    listener = server.bind(options.host, options.port)
    url = server.base_url(listener, tls=options.tls)
    requests = RequestLog(file=options.log)
    exchange = Exchange(_market(options, clock))
    for key, secret, wallets in accounts:
        account = exchange.engine.add_account(key, secret, wallets, exchange.market.now())
        account.strict_reduce_only = options.strict_reduce_only
    limiter = Limiter(enforced=options.rate_limits)
    app = create_app(exchange.market, exchange=exchange, limiter=limiter, log=requests)
    if options.overlay is not None:
        config = config_overlay(
            url,
            _folder(options.overlay),
            accounts={key: secret for key, secret, _ in accounts},
            live=options.live,
            throttle=options.rate_limits,
        )
        put(options.overlay, (json.dumps(config, indent=4) + "\n").encode())
    server.serve(
        app, listener, lambda: print(f"venue listening on {url}", flush=True), tls=options.tls
    )
    requests.close()
    if options.overlay is not None and options.live:
        _record(exchange, _folder(options.overlay), began)


def _folder(overlay: Path) -> Path:
    """Next to the overlay, so that two venues' bots share nothing, wherever they start."""
    return overlay.resolve().with_suffix(".rehearsal")


def _record(exchange: Exchange, folder: Path, began: datetime) -> None:
    """Signs what this run shows of a rehearsal, for `perpkit golive`.

    :raises OSError, FileError: if it cannot be written, or there can be no key of this machine
    """
    from perpkit.record.machine_key import machine_key_made
    from perpkit.record.rehearsed import write
    from perpkit.venue.exchange.rehearsing import rehearsal

    found = rehearsal(exchange, folder / "live.sqlite", began)
    if not found.trades:
        return
    path = folder / f"rehearsal-{began:%Y%m%dT%H%M%S}.json"
    write(path, found, machine_key_made())
    print(f"{found.trades} trades were rehearsed: {path}", flush=True)

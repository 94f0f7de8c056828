"""`perpkit venue`: serve a simulated venue on the loopback, or write its market to disk."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from perpkit.venue.candles import DAY_MS

if TYPE_CHECKING:
    from perpkit.venue.market import Market

# Kept beyond the present, to be revealed as time passes.
_SYNTHETIC_MARGIN_DAYS = 30
_REPLAY_MARGIN_DAYS = 1


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
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic market.")] = 1,
    days: Annotated[int, typer.Option(min=1, help="Synthetic history before now.")] = 90,
    start: Annotated[
        str | None,
        typer.Option(help="First synthetic day (YYYY-MM-DD) instead of a number of days before."),
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
) -> None:
    """Serve a simulated Binance USD-M market to stock Freqtrade, or write it to disk."""
    names = pairs.replace(",", " ").split()
    try:
        if write_datadir is not None:
            first, end = _span(days, start)
            _write(
                write_datadir, timeframes.replace(",", " ").split(), seed, first, end, base, names
            )
        elif datadir is not None:
            _serve(host, port, overlay, lambda: _replay(datadir, as_of, names))
        elif as_of is not None:
            raise ValueError("as-of needs a datadir: the synthetic market is always at the present")
        else:
            first, _ = _span(days, start)
            _serve(host, port, overlay, lambda: _synthetic(seed, first, base, names))
    except (ValueError, OSError) as error:
        print(f"perpkit venue: {error}", file=sys.stderr)
        raise typer.Exit(2) from error


def _span(days: int, start: str | None) -> tuple[int, int]:
    """First and last midnight of the synthetic market, ms.

    Without `start` it begins with a month, so that a restart within the month has the same past.
    """
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
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
    base: str,
    pairs: list[str],
) -> None:
    from perpkit.venue import datadir, synthetic

    history = synthetic.generate(
        seed=seed,
        start=first,
        days=(end - first) // DAY_MS,
        pairs=pairs or tuple(synthetic.MODELS),
        base=base,
    )
    files = datadir.write(history, directory, timeframes, end)
    print(f"{len(files)} files in {directory}: {_date(first)} to {_date(end)}, seed {seed}")


def _date(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}"


def _synthetic(seed: int, first: int, base: str, pairs: list[str]) -> Market:
    from perpkit.venue import synthetic
    from perpkit.venue.clock import SystemClock
    from perpkit.venue.market import Market

    clock = SystemClock()
    if first >= clock.now():
        raise ValueError(f"start must lie in the past, got {_date(first)}")
    history = synthetic.generate(
        seed=seed,
        start=first,
        days=(clock.now() - first) // DAY_MS + 1 + _SYNTHETIC_MARGIN_DAYS,
        pairs=pairs or tuple(synthetic.MODELS),
        base=base,
    )
    return Market(history, clock, seed)


def _replay(directory: Path, as_of: str | None, pairs: list[str]) -> Market:
    from perpkit.venue import datadir
    from perpkit.venue.clock import SystemClock
    from perpkit.venue.market import Market

    history = datadir.read(directory, pairs)
    if as_of is not None:
        return Market(history, SystemClock.starting_at(_moment("as-of", as_of)))
    # Whole days, so that days, funding times and hours of the day stay what they were.
    clock = SystemClock()
    behind = clock.now() + _REPLAY_MARGIN_DAYS * DAY_MS - history.end
    return Market(history.shifted(-(-behind // DAY_MS) * DAY_MS), clock)


def _serve(host: str, port: int, overlay: Path | None, make: Callable[[], Market]) -> None:
    # Checked and bound before the market is made: both can fail, and making it takes seconds.
    if not ip_address(host).is_loopback:
        raise ValueError(f"host must be a loopback address, got {host}")
    from perpkit.venue import server
    from perpkit.venue.overlay import overlay as config_overlay

    listener = server.bind(host, port)
    url = server.base_url(listener)
    market = make()
    if overlay is not None:
        overlay.write_text(json.dumps(config_overlay(url), indent=4) + "\n")
    server.serve(market, listener, lambda: print(f"venue listening on {url}", flush=True))

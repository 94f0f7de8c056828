"""The options of `perpkit venue`, each declared once, and which combinations are allowed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from perpkit.durations import DAY_MS
from perpkit.venue.market.clock import Clock, SystemClock, VirtualClock
from perpkit.venue.overlay import ACCOUNT

DEFAULT_ACCOUNT = ":".join((*next(iter(ACCOUNT.items())), "10000"))


class ClockKind(StrEnum):
    SYSTEM = "system"
    VIRTUAL = "virtual"


class Span(NamedTuple):
    """First and last midnight of a synthetic market, ms, and its anchor.

    :param anchor: the time around which its contracts are listed and delisted, ms
    """

    first: int
    end: int
    anchor: int


class VenueAccount(NamedTuple):
    """An account that the venue opens; its wallets are by asset."""

    key: str
    secret: str
    wallets: dict[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class VenueOptions:
    """The options that the command was given.

    :raises ValueError: naming the option, its value and what is allowed
    """

    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8900
    host: Annotated[str, typer.Option(help="A loopback address; others are refused.")] = "127.0.0.1"
    datadir: Annotated[Path | None, typer.Option(help="Replay this Freqtrade data directory.")] = (
        None
    )
    as_of: Annotated[
        str | None,
        typer.Option(help="With --datadir: keep its dates, begin at this time (ISO, UTC)."),
    ] = None
    clock: Annotated[
        ClockKind, typer.Option(help="The machine's, or one that only the control API advances.")
    ] = ClockKind.SYSTEM
    start_at: Annotated[
        str | None,
        typer.Option(help="With --clock virtual: the time it shows at first (ISO, UTC)."),
    ] = None
    relabel: Annotated[
        str | None, typer.Option(help="Serve coarse candles as fine ones, such as 1h:1m.")
    ] = None
    seed: Annotated[int, typer.Option(min=0, help="Of the synthetic market.")] = 1
    days: Annotated[int, typer.Option(min=1, help="Synthetic history before now.")] = 90
    start: Annotated[
        str | None,
        typer.Option(help="First synthetic day (YYYY-MM-DD) instead of a number of days before."),
    ] = None
    count: Annotated[
        int | None,
        typer.Option(help="How many synthetic contracts, of all kinds; the first five are fixed."),
    ] = None
    base: Annotated[str, typer.Option(help="Finest synthetic timeframe: 1m or 5m.")] = "5m"
    pairs: Annotated[
        str, typer.Option(help="Such as 'BTC/USDT:USDT ETH/USDT:USDT'; all by default.")
    ] = ""
    write_datadir: Annotated[
        Path | None, typer.Option(help="Write the synthetic market here and exit.")
    ] = None
    timeframes: Annotated[str, typer.Option(help="Of the candles to write.")] = "5m 15m 1h 4h 1d"
    overlay: Annotated[
        Path | None, typer.Option(help="Write the Freqtrade config that leads here.")
    ] = None
    account: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY:SECRET:WALLET",
            help="To trade with; may be repeated. WALLET: 10000 (USDT), or 900USDT+50USDC. With "
            "BNFCR, as in 10000BNFCR+0.1BTC, the account is in credits mode.",
        ),
    ] = None
    live: Annotated[
        bool, typer.Option("--live", help="The overlay is for live mode: real orders, here.")
    ] = False
    tls: Annotated[
        bool, typer.Option("--tls", help="HTTPS, so that ccxt maps errors as on the exchange.")
    ] = False
    rate_limits: Annotated[
        bool, typer.Option("--rate-limits", help="Refuse what is over the exchange's limits.")
    ] = False
    strict_reduce_only: Annotated[
        bool,
        typer.Option(
            "--strict-reduce-only",
            help="Refuse reduce-only orders that the exchange may refuse, instead of cutting them.",
        ),
    ] = False
    log: Annotated[
        Path | None, typer.Option(help="Append every request to this file (JSON lines).")
    ] = None

    def __post_init__(self) -> None:
        if self.count is not None and (self.names or self.datadir is not None):
            other = "pairs" if self.names else "datadir"
            raise ValueError(f"count is for a synthetic market without {other}, got {self.count}")
        if not _is_loopback(self.host):
            raise ValueError(f"host must be a loopback address, got {self.host}")
        if self.start is not None and _moment("start", self.start) % DAY_MS:
            raise ValueError(f"start must be a date such as 2024-01-31, got {self.start!r}")
        if self.write_datadir is None:
            self._check_clock()

    def _check_clock(self) -> None:
        virtual = self.clock is ClockKind.VIRTUAL
        if self.start_at is not None and not virtual:
            raise ValueError("start-at needs --clock virtual")
        if self.as_of is not None and virtual:
            raise ValueError("as-of is for the system's clock: with --clock virtual give start-at")
        for name, text in (("as-of", self.as_of), ("start-at", self.start_at)):
            if text is not None:
                _moment(name, text)
        if self.as_of is not None and self.datadir is None:
            raise ValueError("as-of needs a datadir: the synthetic market is always at the present")

    @property
    def names(self) -> list[str]:
        """The pairs that were named; empty for all."""
        return _words(self.pairs)

    @property
    def written_timeframes(self) -> list[str]:
        return _words(self.timeframes)

    @property
    def keeps_dates(self) -> bool:
        """Whether a replayed market keeps its own dates instead of ending now."""
        return self.as_of is not None or self.start_at is not None

    def new_clock(self) -> Clock:
        if self.clock is ClockKind.VIRTUAL:
            if self.start_at is None:
                return VirtualClock(SystemClock().now())
            return VirtualClock(_moment("start-at", self.start_at))
        if self.as_of is not None:
            return SystemClock.starting_at(_moment("as-of", self.as_of))
        return SystemClock()

    def span(self, now: int) -> Span:
        """Returns the span of the synthetic market at `now`, ms.

        Without `start` it begins on the first of a month, so that a restart within the same month
        shows the same past.
        """
        length = self.days * DAY_MS
        if self.start is not None:
            first = _moment("start", self.start)
            return Span(first, first + length, first + length)
        today = datetime.fromtimestamp(now / 1000, UTC).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        first = _ms((today - timedelta(days=self.days)).replace(day=1))
        return Span(first, _ms(today), first + length)

    def synthetic_pairs(self, anchor: int) -> Sequence[str]:
        from perpkit.venue.market.universe import MODELS, first_pairs

        return self.names or (
            tuple(MODELS) if self.count is None else first_pairs(self.count, anchor)
        )

    def accounts(self) -> list[VenueAccount]:
        return [_account(text) for text in self.account or [DEFAULT_ACCOUNT]]


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False  # a host name may resolve to any address


def _account(text: str) -> VenueAccount:
    from perpkit.venue.exchange.account_terms import checked_key, checked_wallets

    key, _, rest = text.partition(":")
    secret, third, wallet = rest.rpartition(":")
    try:
        if not third:  # then the last part may be the secret, not a wallet
            raise ValueError("there must be three of them")
        return VenueAccount(
            checked_key("KEY", key), checked_key("SECRET", secret), checked_wallets(wallet)
        )
    except ValueError as error:
        # The text is left out, because it may be a real key of the exchange.
        raise ValueError(f"account must look like KEY:SECRET:WALLET: {error}") from error


def _moment(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name} must be an ISO date or time, got {text!r}") from None
    return _ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)

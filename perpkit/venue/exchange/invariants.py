"""What must always hold on the venue, whoever trades on it; checked whenever an account is read.

A breach is recorded once, when it begins, with the account, the symbol and the details.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from perpkit.venue.engine import Account, Algo, Engine, Income, OrderType, Position, Side

CENT = Decimal("0.01")
STOPS = (OrderType.STOP, OrderType.STOP_MARKET, OrderType.TRAILING_STOP_MARKET)


class Invariant(StrEnum):
    PROTECTED = "protected"  # every position has a live stop that closes all of it
    SINGLE_STOP = "single_stop"  # no position with two live stops that each close all of it
    WITHIN_LIMITS = "within_limits"  # no position above the notional or leverage allowed
    CONSERVED = "conserved"  # each wallet == its initial balance + its incomes


@dataclass(frozen=True)
class InvariantLimits:
    """What the invariants allow.

    :param unprotected_ms: how long a position may be without a stop
    :param duplicate_ms: how long a position may have two stops; None for no limit
    :param notional: maximum of one position at mark price, quote asset; None for no limit
    :param leverage: maximum of one position; None for no limit
    :raises ValueError: naming the parameter, its value and what is allowed
    """

    unprotected_ms: int = 15_000
    duplicate_ms: int | None = 15_000
    notional: Decimal | None = None
    leverage: int | None = None

    def __post_init__(self) -> None:
        for name in ("unprotected_ms", "duplicate_ms", "notional", "leverage"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be positive, got {value!r}")


@dataclass(frozen=True)
class Breach:
    """One breach of an invariant, detected at `at`, ms."""

    invariant: Invariant
    api_key: str = field(repr=False)
    symbol: str
    at: int
    detail: str


def stops_of(position: Position, algos: list[Algo]) -> list[Algo]:
    """Returns the live stops that can only close the position."""
    closing = Side.SELL if position.amount > 0 else Side.BUY
    return [
        algo
        for algo in algos
        if algo.is_open
        and algo.type in STOPS
        and algo.side is closing
        and algo.position_side is position.side
        and (algo.reduce_only or algo.close_position or position.side != "BOTH")
    ]


def uncovered(position: Position, algos: list[Algo]) -> Decimal:
    """Returns the part of a position that no live, reduce-only stop would close; never negative."""
    stops = stops_of(position, algos)
    if any(stop.close_position for stop in stops):
        return Decimal(0)
    return max(Decimal(0), abs(position.amount) - sum((s.quantity for s in stops), Decimal(0)))


def duplicated_since(position: Position, algos: list[Algo]) -> int | None:
    """Returns since when (ms) two live stops would each close all of a position, or None."""
    size = abs(position.amount)
    full = sorted(
        stop.created
        for stop in stops_of(position, algos)
        if stop.close_position or stop.quantity >= size
    )
    # Stops that were too small for that became large enough when the position last shrank.
    return max(full[1], position.updated) if len(full) > 1 else None


@dataclass
class _Books:
    """The balance that each wallet of an account is expected to have after `entries` incomes."""

    expected: dict[str, Decimal]
    entries: int = 0

    def enter(self, incomes: list[Income], sign: int = 1) -> None:
        for income in incomes:
            held = self.expected.get(income.asset, Decimal(0))
            self.expected[income.asset] = held + sign * income.amount


@dataclass
class Checker:
    """Checks the invariants: keeps since when positions have had no stop, and the breaches."""

    limits: InvariantLimits = field(default_factory=InvariantLimits)
    breaches: list[Breach] = field(default_factory=list)
    _books: dict[str, _Books] = field(default_factory=dict)
    _covered_at: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _bare_since: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _said: set[tuple[str, ...]] = field(default_factory=set)

    def observe(self, engine: Engine, now: int) -> None:
        """Checks every account as it is at `now`, ms."""
        for account in engine.accounts:
            self._conserved(account, now)
            for holding in account.holdings.values():
                algos = [*holding.algos.values()]
                for position in holding.positions.values():
                    self._protected(account, holding.symbol, position, algos, now)
                    self._single_stop(account, holding.symbol, position, algos, now)
                if any(holding.held()):
                    self._within_limits(engine, account, holding.symbol, now)

    def _conserved(self, account: Account, now: int) -> None:
        books = self._books.get(account.api_key)
        if books is None:
            books = self._books[account.api_key] = _Books(dict(account.wallets))
            books.enter(account.incomes, sign=-1)
        books.enter(account.incomes[books.entries :])
        books.entries = len(account.incomes)
        for asset in sorted({*account.wallets, *books.expected}):
            missing = account.wallet_of(asset) - books.expected.get(asset, Decimal(0))
            if abs(missing) >= CENT:
                detail = f"wallet is off by {missing} {asset}"
                self._record(Invariant.CONSERVED, account, "", now, detail, f"{missing} {asset}")

    def _protected(
        self, account: Account, symbol: str, position: Position, algos: list[Algo], now: int
    ) -> None:
        key = (account.api_key, symbol, str(position.side))
        bare = uncovered(position, algos) if position.amount else Decimal(0)
        if not bare:
            self._covered_at[key] = now
            self._bare_since.pop(key, None)
            return
        # Detected only now, but unprotected since its last fill or since its stop was last seen.
        began = max(position.updated, self._covered_at.get(key, 0))
        since = self._bare_since.setdefault(key, began)
        if now - since > self.limits.unprotected_ms:
            self._record(
                Invariant.PROTECTED,
                account,
                symbol,
                now,
                f"{bare} of {position.amount} without a stop for {(now - since) / 1000:.1f} s",
                str(since),
            )

    def _single_stop(
        self, account: Account, symbol: str, position: Position, algos: list[Algo], now: int
    ) -> None:
        limit = self.limits.duplicate_ms
        since = duplicated_since(position, algos) if position.amount else None
        if limit is None or since is None or now - since <= limit:
            return
        detail = f"two stops for {position.amount} for {(now - since) / 1000:.1f} s"
        self._record(
            Invariant.SINGLE_STOP, account, symbol, now, detail, f"{position.side} {since}"
        )

    def _within_limits(self, engine: Engine, account: Account, symbol: str, now: int) -> None:
        limits = self.limits
        for view in engine.positions(account, symbol):
            if not view.amount:
                continue
            if limits.notional is not None and abs(view.notional) > limits.notional:
                detail = f"notional {abs(view.notional):.2f} USDT is above {limits.notional}"
                self._record(Invariant.WITHIN_LIMITS, account, symbol, now, detail, "notional")
            if limits.leverage is not None and view.leverage > limits.leverage:
                detail = f"leverage {view.leverage} is above {limits.leverage}"
                self._record(Invariant.WITHIN_LIMITS, account, symbol, now, detail, "leverage")

    def _record(
        self, invariant: Invariant, account: Account, symbol: str, now: int, detail: str, once: str
    ) -> None:
        key = (invariant, account.api_key, symbol, once)
        if key not in self._said:
            self._said.add(key)
            self.breaches.append(Breach(invariant, account.api_key, symbol, now, detail))

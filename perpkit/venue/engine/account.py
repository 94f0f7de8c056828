"""Accounts: wallet, positions, open orders, and the history of what happened to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.orders import Algo, Fill, Order, PositionSide
from perpkit.venue.engine.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What an API key may do; beyond reading and trading futures it is only said, for nothing of
    it is simulated.

    :param addresses: IP addresses it may come from; empty allows every address
    :param made: ms; None for when the account was opened
    :param expires: ms, from when on it may trade no longer; None for never
    """

    read: bool = True
    trade: bool = True
    withdraw: bool = False
    internal_transfer: bool = False
    universal_transfer: bool = False
    spot: bool = False
    margin: bool = False
    options: bool = False
    portfolio_margin: bool = False
    fix_trade: bool = False
    fix_read: bool = False
    addresses: frozenset[str] = frozenset()
    made: int | None = None
    expires: int | None = None


UNRESTRICTED = Restrictions()
USDT = "USDT"


class IncomeKind(StrEnum):
    """All that the exchange knows; the venue itself books the first four."""

    REALIZED_PNL = "REALIZED_PNL"
    COMMISSION = "COMMISSION"
    FUNDING_FEE = "FUNDING_FEE"
    INSURANCE_CLEAR = "INSURANCE_CLEAR"  # liquidation fee, or what the insurance fund covered
    TRANSFER = "TRANSFER"
    WELCOME_BONUS = "WELCOME_BONUS"
    REFERRAL_KICKBACK = "REFERRAL_KICKBACK"
    COMMISSION_REBATE = "COMMISSION_REBATE"
    API_REBATE = "API_REBATE"
    CONTEST_REWARD = "CONTEST_REWARD"
    CROSS_COLLATERAL_TRANSFER = "CROSS_COLLATERAL_TRANSFER"
    OPTIONS_PREMIUM_FEE = "OPTIONS_PREMIUM_FEE"
    OPTIONS_SETTLE_PROFIT = "OPTIONS_SETTLE_PROFIT"
    INTERNAL_TRANSFER = "INTERNAL_TRANSFER"
    AUTO_EXCHANGE = "AUTO_EXCHANGE"  # one asset pays for the debt in another: multi-assets mode
    DELIVERED_SETTELMENT = "DELIVERED_SETTELMENT"  # profit of a settled position; so spelled there
    COIN_SWAP_DEPOSIT = "COIN_SWAP_DEPOSIT"
    COIN_SWAP_WITHDRAW = "COIN_SWAP_WITHDRAW"
    POSITION_LIMIT_INCREASE_FEE = "POSITION_LIMIT_INCREASE_FEE"
    STRATEGY_UMFUTURES_TRANSFER = "STRATEGY_UMFUTURES_TRANSFER"
    FEE_RETURN = "FEE_RETURN"
    BFUSD_REWARD = "BFUSD_REWARD"
    SPECIAL_FUNDING_FEE = "SPECIAL_FUNDING_FEE"


@dataclass(frozen=True, slots=True)
class Income:
    """A change of the wallet of `asset`; `trade_id` 0 where no trade caused it."""

    id: int
    kind: IncomeKind
    amount: Decimal
    symbol: str
    time: int
    trade_id: int = 0
    asset: str = USDT


@dataclass(slots=True, eq=False)
class Position:
    """:param amount: base asset, negative for a short
    :param isolated_wallet: margin set aside for it, quote asset; 0 with cross margin
    :param cost: what it has cost since it was last flat, quote asset: bought less sold, at the
        prices paid, plus commissions
    """

    side: PositionSide
    amount: Decimal = ZERO
    entry: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated: int = 0
    cost: Decimal = ZERO

    @property
    def break_even(self) -> Decimal:
        """The price at which closing all of it pays back what it has cost; 0 when flat.

        As on the exchange: commissions and profits of parts closed before count, funding and the
        commission of the exit do not. It is negative where those profits exceed the rest's value.
        """
        return self.cost / self.amount if self.amount else ZERO

    def unrealized(self, mark: Decimal) -> Decimal:
        return (mark - self.entry) * self.amount


@dataclass(slots=True, eq=False)
class SymbolHolding:
    """What an account has in one symbol: settings, positions, open orders.

    :param asset: that margin and profit are in
    """

    symbol: str
    leverage: int
    isolated: bool = False
    asset: str = USDT
    positions: dict[PositionSide, Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    algos: dict[int, Algo] = field(default_factory=dict)

    def position(self, side: PositionSide) -> Position:
        if side not in self.positions:
            self.positions[side] = Position(side)
        return self.positions[side]

    def held(self) -> Iterator[Position]:
        """Positions that are not flat."""
        return (p for p in self.positions.values() if p.amount)


@dataclass(slots=True, eq=False)
class Account:
    """A user with one API key.

    :param wallets: by asset, isolated wallets included; each changes only by an `Income`
    :param maker: commission, a fraction of the traded value; `taker` likewise
    """

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    wallets: dict[str, Decimal]
    opened: int
    restrictions: Restrictions = UNRESTRICTED
    maker: Decimal = Decimal("0.0002")
    taker: Decimal = Decimal("0.0005")
    hedge: bool = False
    multi_assets: bool = False
    updated: int = 0
    holdings: dict[str, SymbolHolding] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    orders_by_client_id: dict[str, Order] = field(default_factory=dict)
    algos: dict[int, Algo] = field(default_factory=dict)
    algos_by_client_id: dict[str, Algo] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    incomes: list[Income] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.updated = self.opened

    @property
    def wallet(self) -> Decimal:
        """The wallet of USDT."""
        return self.wallet_of(USDT)

    def wallet_of(self, asset: str) -> Decimal:
        return self.wallets.get(asset, ZERO)

    def cross_wallet(self, asset: str) -> Decimal:
        """The wallet without what isolated positions have set aside."""
        return self.wallet_of(asset) - sum(
            (
                position.isolated_wallet
                for holding in self.holdings.values()
                if holding.asset == asset
                for position in holding.positions.values()
            ),
            ZERO,
        )

    def authorize(self, *, trading: bool, address: str, now: int) -> None:
        """At `now`, ms.

        :raises VenueError: -2015 unless the key may do this from this IP address
        """
        may = self.restrictions
        ended = may.expires is not None and now >= may.expires
        allowed = may.trade and not ended if trading else may.read
        if not allowed or (may.addresses and address not in may.addresses):
            raise Refusal.BAD_KEY.error()

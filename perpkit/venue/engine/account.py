"""Accounts: wallet, positions, open orders, and the history of what happened to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from perpkit.venue.engine.contract import ZERO
from perpkit.venue.engine.events import Event
from perpkit.venue.engine.orders import Algo, Fill, Order, PositionSide
from perpkit.venue.engine.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What an API key may do.

    Permissions other than reading and trading futures are only reported: nothing that they allow
    is simulated.

    :param addresses: IP addresses from which requests are allowed; empty allows every address
    :param made: creation time of the key, ms; None means when the account was opened
    :param expires: time from which the key may no longer trade, ms; None means never
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
CREDITS = "BNFCR"  # of users in the European Economic Area: see `Account.credits`


class IncomeKind(StrEnum):
    """Every income type of the exchange.

    The engine itself books the first four, AUTO_EXCHANGE and DELIVERED_SETTELMENT.
    """

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
    DELIVERED_SETTELMENT = "DELIVERED_SETTELMENT"  # a settled profit, in the exchange's spelling
    COIN_SWAP_DEPOSIT = "COIN_SWAP_DEPOSIT"
    COIN_SWAP_WITHDRAW = "COIN_SWAP_WITHDRAW"
    POSITION_LIMIT_INCREASE_FEE = "POSITION_LIMIT_INCREASE_FEE"
    STRATEGY_UMFUTURES_TRANSFER = "STRATEGY_UMFUTURES_TRANSFER"
    FEE_RETURN = "FEE_RETURN"
    BFUSD_REWARD = "BFUSD_REWARD"
    SPECIAL_FUNDING_FEE = "SPECIAL_FUNDING_FEE"


@dataclass(frozen=True, slots=True)
class Income:
    """One change of the wallet of `asset`; `trade_id` is 0 if no trade caused it."""

    id: int
    kind: IncomeKind
    amount: Decimal
    symbol: str
    time: int
    trade_id: int = 0
    asset: str = USDT


@dataclass(frozen=True, slots=True)
class MarginChange:
    """Margin that the user has moved to an isolated position, or from it: negative."""

    symbol: str
    amount: Decimal
    asset: str
    time: int
    position_side: PositionSide


@dataclass(slots=True, eq=False)
class Position:
    """A position in one symbol: the only one in one-way mode, one of two in hedge mode.

    :param amount: base asset, negative for a short
    :param isolated_wallet: margin set aside for it, quote asset; 0 with cross margin
    :param opened: id of the trade that opened it when it was last flat; 0 before the first one
    :param cost: net cost since it was last flat, quote asset: bought minus sold at the prices paid,
        plus commissions
    :param realized: profit of all that was ever closed of it, before commissions, quote asset
    """

    side: PositionSide
    amount: Decimal = ZERO
    entry: Decimal = ZERO
    isolated_wallet: Decimal = ZERO
    updated: int = 0
    opened: int = 0
    cost: Decimal = ZERO
    realized: Decimal = ZERO

    @property
    def break_even(self) -> Decimal:
        """The price at which closing the whole position recovers its cost; 0 when flat.

        As on the exchange, commissions and profits of parts closed earlier count; funding and the
        commission of the exit do not. It may be negative for a long whose earlier profits exceed
        the value of the rest.
        """
        return self.cost / self.amount if self.amount else ZERO

    def unrealized(self, mark: Decimal) -> Decimal:
        return (mark - self.entry) * self.amount


@dataclass(slots=True, eq=False)
class SymbolHolding:
    """An account's settings, positions and open orders in one symbol.

    :param asset: asset of its margin and profit
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
        """Iterates over the positions that are not flat."""
        return (p for p in self.positions.values() if p.amount)


@dataclass(slots=True, eq=False)
class Account:
    """A user with one API key.

    :param wallets: balances by asset, isolated wallets included; only an `Income` changes them. One
        of credits makes it an account in credits mode
    :param maker, taker: commission rates, fractions of the traded value
    :param strict_reduce_only: reduce-only orders are refused where the exchange may refuse them,
        instead of being cut: see `acceptance`
    :param countdowns: by symbol, when all its orders will be cancelled, ms
    :param listener: is called with every event; None while there is no user data stream
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
    strict_reduce_only: bool = False
    updated: int = 0
    holdings: dict[str, SymbolHolding] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    orders_by_client_id: dict[str, Order] = field(default_factory=dict)
    algos: dict[int, Algo] = field(default_factory=dict)
    algos_by_client_id: dict[str, Algo] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    incomes: list[Income] = field(default_factory=list)
    margin_changes: list[MarginChange] = field(default_factory=list)
    countdowns: dict[str, int] = field(default_factory=dict)
    listener: Callable[[Event], None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.updated = self.opened
        self.multi_assets = self.multi_assets or self.credits

    @property
    def credits(self) -> bool:
        """Whether profit, commission and funding of all contracts are in credits.

        Such an account is always in multi-assets mode, and its margin is cross.
        """
        return CREDITS in self.wallets

    def settled_in(self, asset: str) -> str:
        """Returns the asset in which this account pays and receives what is due in `asset`."""
        return CREDITS if self.credits else asset

    def report(self, event: Event) -> None:
        if self.listener is not None:
            self.listener(event)

    @property
    def wallet(self) -> Decimal:
        """The USDT wallet."""
        return self.wallet_of(USDT)

    def wallet_of(self, asset: str) -> Decimal:
        return self.wallets.get(asset, ZERO)

    def cross_wallet(self, asset: str) -> Decimal:
        """Returns the wallet without the margin set aside for isolated positions."""
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
        """Checks that the key may read, or trade, from an IP address at `now` (ms).

        :raises VenueError: -2015 if it may not
        """
        may = self.restrictions
        ended = may.expires is not None and now >= may.expires
        allowed = may.trade and not ended if trading else may.read
        if not allowed or (may.addresses and address not in may.addresses):
            raise Refusal.BAD_KEY.error()

"""The trading engine of the simulated venue: accounts, matching, margin, liquidation, funding.

The engine is pure: it has no HTTP, no clock and no randomness. Every call receives `now` in ms, ids
are counted up, money and quantities are `Decimal`. The same calls give the same answers.

    contract = Contract.of(instrument, bundled_brackets(instrument.pair))
    engine = Engine([contract])
    user = engine.add_account("key", "secret", Decimal(1000), now)
    engine.on_price("BTCUSDT", last, mark, Depth.of(contract, book), now)
    order = engine.place_order(user, NewOrder("BTCUSDT", "BUY", "MARKET", Decimal("0.01")), now)

Users send a `NewOrder` (MARKET, LIMIT) or a `NewAlgo` (conditional types); it becomes an `Order` or
an `Algo`. These are live objects that the engine keeps updating: read them, never modify them. A
refused request raises a `VenueError` with the exchange's code and message (all in `Refusal`) and
changes nothing.

Where the exchange's rules leave room or are not public, the engine follows these rules:

- While a symbol is closed nothing of it trades: conditional orders stay, resting orders do not fill
  and nothing is liquidated. What its price has reached meanwhile happens at the reopening.
- Matching: see `matching`. Conditional orders trigger before resting orders fill, and both happen
  before liquidation, because a falling price reaches them in that order.
- A reduce-only order is cut to what resting closing orders with price priority leave to close. If
  that is nothing, it is refused (-2022). It expires with the position. Of an account that is
  `strict_reduce_only` it is refused instead of cut, except at market for the whole position, and
  also where it is more than any resting closing orders leave (-4118): see `acceptance`.
- If the order of a triggered conditional order is refused, the conditional order ends as REJECTED
  and keeps the refusal. With price protection, a conditional order does not trigger while mark and
  last price are further apart than the contract allows.
- An order is changed as if it were cancelled and placed again, with its id kept: see `amending`.
  Margin that users move: see `position_margin`. A countdown cancels ordinary orders only.
- The limit of an order with `price_match` is read from the book when the order is placed, or when
  it triggers if it is conditional. A GTD order, conditional or not, expires exactly at its second
  (see `next_time` and `on_time`); prices shown later no longer reach it.
- Money is in the asset of the contract (USDT, USDC), and each asset has its own wallet. In
  multi-assets mode all wallets back all cross positions: dollars one for one, coins at the worth
  that the caller sets. A wallet may then be negative, even of a flat account: see `debts`. Isolated
  margin stays within its asset and requires single-asset mode.
- An account that has a wallet of credits (BNFCR) is in credits mode: profit, commission and funding
  of all its contracts are in credits, and multi-assets mode cannot be left.
- Isolated margin: initial margin is set aside as an order fills. Commission and funding are paid
  from the free wallet first and only then from that margin. Closing releases a proportional share.
- Liquidation in steps, the insurance fund and ADL: see `liquidation`, `insurance`, `deleveraging`.
- Delisting and delivery: see `settlement`. The caller decides at which price and when.
- The break-even price includes commissions paid and the result of parts closed, as recorded answers
  of the exchange do. It excludes funding and the commission of the exit.
- Wallets change only through incomes: start + sum of incomes == wallet, exactly, for each asset. A
  loss in a liquidation that the book cannot absorb is the gain of another user, of the insurance
  fund, or of users outside the venue. Orders that the exchange itself sends have a client id that
  begins with "autoclose-" or "settlement_autoclose-", or is "adl_autoclose".
"""

from perpkit.venue.engine.account import (
    CREDITS,
    USDT,
    Account,
    Income,
    IncomeKind,
    MarginChange,
    Position,
    Restrictions,
    SymbolHolding,
)
from perpkit.venue.engine.amending import OrderChange
from perpkit.venue.engine.balance import Balance
from perpkit.venue.engine.brackets import Bracket, Brackets, bundled_brackets
from perpkit.venue.engine.contract import Contract
from perpkit.venue.engine.debts import exchanged_below
from perpkit.venue.engine.engine import Engine
from perpkit.venue.engine.history import Forced, Lookup
from perpkit.venue.engine.orders import (
    Algo,
    AlgoStatus,
    Amendment,
    Fill,
    NewAlgo,
    NewOrder,
    Order,
    OrderStatus,
    OrderType,
    PositionSide,
    PriceMatch,
    Side,
    TimeInForce,
    WorkingType,
)
from perpkit.venue.engine.quote import Depth
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.state import SymbolStatus
from perpkit.venue.engine.views import PositionView
from perpkit.venue.engine.waiting import Due, Levels

__all__ = [
    "CREDITS",
    "USDT",
    "Account",
    "Algo",
    "AlgoStatus",
    "Amendment",
    "Balance",
    "Bracket",
    "Brackets",
    "Contract",
    "Depth",
    "Due",
    "Engine",
    "Fill",
    "Forced",
    "Income",
    "IncomeKind",
    "Levels",
    "Lookup",
    "MarginChange",
    "NewAlgo",
    "NewOrder",
    "Order",
    "OrderChange",
    "OrderStatus",
    "OrderType",
    "Position",
    "PositionSide",
    "PositionView",
    "PriceMatch",
    "Refusal",
    "Restrictions",
    "Side",
    "SymbolHolding",
    "SymbolStatus",
    "TimeInForce",
    "WorkingType",
    "bundled_brackets",
    "exchanged_below",
]

"""The trading engine of the simulated venue: accounts, matching, margin, liquidation, funding.

Pure: no HTTP, no clock, no randomness. Every call takes `now` in ms; ids count up; money and
quantities are `Decimal`. The same calls give the same answers.

    contract = Contract.of(instrument, bundled_brackets(instrument.pair))
    engine = Engine([contract])
    user = engine.add_account("key", "secret", Decimal(1000), now)
    engine.on_price("BTCUSDT", last, mark, Depth.of(contract, book), now)
    order = engine.place_order(user, NewOrder("BTCUSDT", "BUY", "MARKET", Decimal("0.01")), now)

What is asked for: `NewOrder` (MARKET, LIMIT), `NewAlgo` (conditional types). What it becomes:
`Order`, `Algo`, live objects that the engine goes on changing; read them, do not write. A refusal
is a `VenueError` with the exchange's code and message (all in `Refusal`) and changes nothing.

Where the exchange's rules leave room, or are not public, this is what holds here:

- Matching: see `matching`. Conditional orders trigger before resting orders fill, and both before
  liquidation, because a falling price meets them in that order.
- A reduce-only order is cut to what is left to close after resting closing orders with price
  priority, refused (-2022) if that is nothing, and expires with the position.
- A conditional order whose order is refused when it triggers ends as REJECTED, with the refusal.
  One with price protection waits while mark and last are further apart than the contract allows.
- A limit by `price_match` is taken from the book when the order is placed, of a conditional order
  when it triggers. A GTD order, conditional or not, expires at its second: see `next_time` and
  `on_time`; a price shown later finds it gone.
- Money is in the asset of the contract (USDT, USDC), each with a wallet of its own. In multi-assets
  mode all wallets back all cross positions, each asset counted one for one, without a haircut; one
  may be negative meanwhile, and is paid from the others (AUTO_EXCHANGE, one for one) when no cross
  position is left. Isolated margin stays within its asset, and with single-asset mode.
- Isolated margin: initial margin is set aside as an order fills; commission and funding come from
  the free wallet first and only then from that margin; closing gives back a proportional share.
- Liquidation in steps, the insurance fund and ADL: see `liquidation`, `insurance`, `deleveraging`.
- Delisting and delivery: see `settlement`. The caller says at which price and when.
- The break-even price counts commissions paid and parts closed, as recorded answers of the exchange
  do; not funding, nor the commission of the exit.
- Wallets change by incomes only: start + sum of incomes == wallet, exactly, asset by asset. What a
  user loses in a liquidation without a book, another user has, or the fund, or users beyond the
  venue. An order of the exchange itself has a client id that begins with "autoclose-",
  "settlement_autoclose-" or is "adl_autoclose".
"""

from perpkit.venue.engine.account import (
    USDT,
    Account,
    Income,
    IncomeKind,
    Position,
    Restrictions,
    SymbolHolding,
)
from perpkit.venue.engine.balance import Balance
from perpkit.venue.engine.brackets import Bracket, Brackets, bundled_brackets
from perpkit.venue.engine.contract import Contract
from perpkit.venue.engine.engine import Engine
from perpkit.venue.engine.history import Lookup
from perpkit.venue.engine.orders import (
    Algo,
    AlgoStatus,
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
    "USDT",
    "Account",
    "Algo",
    "AlgoStatus",
    "Balance",
    "Bracket",
    "Brackets",
    "Contract",
    "Depth",
    "Due",
    "Engine",
    "Fill",
    "Income",
    "IncomeKind",
    "Levels",
    "Lookup",
    "NewAlgo",
    "NewOrder",
    "Order",
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
]

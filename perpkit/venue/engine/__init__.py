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
- Isolated margin: initial margin is set aside as an order fills; commission and funding come from
  the free wallet first and only then from that margin; closing gives back a proportional share.
- Liquidation: see `liquidation`. There is no ADL and no closing in steps.
- Wallets change by incomes only: start + sum of incomes == wallet, exactly.
"""

from perpkit.venue.engine.account import (
    Account,
    Holding,
    Income,
    IncomeKind,
    Position,
    Restrictions,
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
    Side,
    TimeInForce,
    WorkingType,
)
from perpkit.venue.engine.quote import Depth
from perpkit.venue.engine.refusals import Refusal
from perpkit.venue.engine.state import SymbolStatus
from perpkit.venue.engine.views import PositionView

__all__ = [
    "Account",
    "Algo",
    "AlgoStatus",
    "Balance",
    "Bracket",
    "Brackets",
    "Contract",
    "Depth",
    "Engine",
    "Fill",
    "Holding",
    "Income",
    "IncomeKind",
    "Lookup",
    "NewAlgo",
    "NewOrder",
    "Order",
    "OrderStatus",
    "OrderType",
    "Position",
    "PositionSide",
    "PositionView",
    "Refusal",
    "Restrictions",
    "Side",
    "SymbolStatus",
    "TimeInForce",
    "WorkingType",
    "bundled_brackets",
]

"""What the state file says of what the bot holds: positions, stops, entry orders, the account."""

from __future__ import annotations

from pydantic import AwareDatetime

from perpkit.record.state_part import Side, StatePart


class Stop(StatePart):
    """An open stop order at the exchange.

    :param order_id: the exchange's
    :param amount: in base currency
    :param price: at which it triggers; null where that is not known
    """

    order_id: str
    amount: float
    price: float | None


class Position(StatePart):
    """An open trade that holds something, and its stop, as the trade database has them.

    :param trade_id: of the trade database
    :param pair: such as `BTC/USDT:USDT`
    :param side: `long` or `short`
    :param amount: in base currency
    :param open_rate: mean price of its entries
    :param opened_at: when the trade was opened
    :param leverage: of the position
    :param liquidation_price: null where it is not known
    :param stop_price: where its stop is meant to be; null before there is one
    :param covered: whether the stops cover all of the amount
    :param since: when this process first saw it covered, or not; of one that is not, when it was
        seen covered last, where that is known
    :param covered_by: its stops
    :param risk: R, the distance from the entry to the first stop, in price; null where unknown
    :param price: at which its exits are checked; null where there is none
    :param mark_price: the exchange's, two minutes old at most; null in dry-run and where unknown
    :param notional: its value at `price`, in stake currency, never negative
    :param unrealised: its profit at `price`, after the fees of both sides and funding, in stake
        currency
    :param funding: booked on what is still open, in stake currency; negative where it was paid
    :param at_risk: what is lost from `price` on if the stop is hit, in stake currency; null without
        a stop
    :param stop_distance: from `price` to the stop, as a share of `price`; negative beyond it
    :param liquidation_distance: from the mark price, or `price` without one, to the liquidation, as
        a share of it; negative beyond it
    :param adl_rank: in the exchange's queue of auto-deleveraging, 0 to 4; null where unknown
    """

    trade_id: int
    pair: str
    side: Side
    amount: float
    open_rate: float
    opened_at: AwareDatetime
    leverage: float
    liquidation_price: float | None
    stop_price: float | None
    covered: bool
    since: AwareDatetime
    covered_by: tuple[Stop, ...]
    risk: float | None
    price: float | None = None
    mark_price: float | None = None
    notional: float | None = None
    unrealised: float | None = None
    funding: float | None = None
    at_risk: float | None = None
    stop_distance: float | None = None
    liquidation_distance: float | None = None
    adl_rank: int | None = None


class Waiting(StatePart):
    """An entry order that is open at the exchange.

    :param trade_id: of the trade database
    :param order_id: the exchange's
    :param pair: such as `BTC/USDT:USDT`
    :param side: `long` or `short`
    :param type: `limit` or `market`
    :param amount: in base currency
    :param filled: of it
    :param price: its limit
    :param placed_at: when it was placed
    :param tag: of the entry; empty for none
    """

    trade_id: int
    order_id: str
    pair: str
    side: Side
    type: str
    amount: float
    filled: float
    price: float
    placed_at: AwareDatetime
    tag: str


class Account(StatePart):
    """The capital and the open positions of this bot, marked to market, in stake currency.

    A figure is null while a price, a stop or the balance that it needs is unknown.

    :param currency: the coin of the wallet: the stake currency, or `proxy_coin` with cross margin
    :param equity: the capital, with realised and unrealised profit, fees and funding
    :param peak: the highest equity since trading began or the drawdown breaker was last unlocked;
        null without that breaker
    :param drawdown: the share of the peak that is lost, 0 to 1
    :param unrealised: profit of the open positions
    :param gross: notional of longs plus shorts
    :param net: notional of longs less shorts
    :param open_risk: what is lost from present prices on if every stop is hit
    :param funding: booked on open positions; negative where it was paid
    :param unexplained: by how much the balance has changed, since the process started, beyond what
        the trade database has: deposits and withdrawals, funding that is not booked, orders of
        others; it settles within 35 minutes; null in dry-run and with `available_capital`
    :param balance: of the whole account at the exchange, without the profit of open positions, as
        it was read last: after each fill, and every half hour; null in dry-run and with a Freqtrade
        before 2026.9
    :param balance_at: when that was; null without it
    """

    currency: str
    equity: float | None
    peak: float | None
    drawdown: float | None
    unrealised: float | None
    gross: float | None
    net: float | None
    open_risk: float | None
    funding: float | None
    unexplained: float | None
    balance: float | None = None
    balance_at: AwareDatetime | None = None

"""What a running bot knows of itself, as the state file has it: `state_file` writes and reads it.

docs/state_file.md has every field. A field that is added keeps the schema's number, for readers
skip what they do not know; one that changes its meaning, or goes, raises it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

SCHEMA = 1
# `*` for both.
Side = Literal["long", "short", "*"]
TradingState = Literal["active", "reducing", "halted"]
# How many cycles may be missing before a file is stale, and how long Freqtrade waits after one that
# failed.
_CYCLES = 3
_PAUSE_SECONDS = 30.0


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Versions(_Part):
    """
    :param freqtrade: its version
    :param perpkit: its version
    """

    freqtrade: str
    perpkit: str


class Loop(_Part):
    """How the cycles go.

    :param cycles: since the bot started
    :param last_seconds: what the last cycle took
    :param mean_seconds: of the last hundred
    :param max_seconds: of the last hundred
    :param succeeded_at: when the last cycle ended that nothing has ended early; null before one
    :param failed: cycles in a row that ended early, up to the last one
    :param error: what ended the last cycle early; empty where nothing did
    """

    cycles: int
    last_seconds: float
    mean_seconds: float
    max_seconds: float
    succeeded_at: AwareDatetime | None
    failed: int
    error: str


class Restriction(_Part):
    """What a breaker, or another reason, takes away at present.

    :param name: of the breaker
    :param trading: `active` (smaller or less leverage), `reducing` (no entries) or `halted`
    :param pair: the pair it is about, `*` for all
    :param side: `long`, `short` or `*`
    :param reason: for people, with the figures in it
    :param since: when this process first saw it
    :param release: when it can end at the earliest; null where that is not known
    :param size_factor: share of the usual size, 0 to 1
    :param max_leverage: cap on new positions; null for none
    """

    name: str
    trading: TradingState
    pair: str
    side: Side
    reason: str
    since: AwareDatetime
    release: AwareDatetime | None
    size_factor: float
    max_leverage: float | None


class Doubt(_Part):
    """A callback that has failed, so that there is no entry until it succeeds.

    :param callback: its name
    :param pair: the pair it was asked about, `*` for all
    :param reason: for people
    """

    callback: str
    pair: str
    reason: str


class Trading(_Part):
    """What the bot may do.

    :param state: for all pairs: `active`, `reducing` or `halted`
    :param reason: of that state; empty when active
    :param restrictions: all there are, those of single pairs too
    :param doubts: callbacks that have failed
    :param breakers: the names of those that watch, whether they restrict or not; null before the
        first cycle
    """

    state: TradingState
    reason: str
    restrictions: tuple[Restriction, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    breakers: tuple[str, ...] | None = None


class Lock(_Part):
    """A lock of Freqtrade that is in force, of a breaker or of anything else.

    :param pair: that is locked, `*` for all
    :param side: `long`, `short` or `*`
    :param until: when it ends
    :param reason: for people
    """

    pair: str
    side: str
    until: AwareDatetime
    reason: str


class Latch(_Part):
    """The stop latch of the account, as it is when this file is written.

    :param path: of the latch's own file; empty where its options name none
    :param state: `clear`, `reducing` (no entries) or `halted` (positions are closed as well)
    :param by: who set it; empty where it was never set
    :param why: for people; what is wrong with it, where it is damaged
    :param at: when it was set; null where that is not known
    :param damaged: whether it cannot be read, which counts as `reducing`
    """

    path: str
    state: Literal["clear", "reducing", "halted"]
    by: str
    why: str
    at: AwareDatetime | None
    damaged: bool


class Stop(_Part):
    """An open stop order at the exchange.

    :param order_id: the exchange's
    :param amount: in base currency
    :param price: at which it triggers; null where that is not known
    """

    order_id: str
    amount: float
    price: float | None


class Position(_Part):
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


class Waiting(_Part):
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


class Account(_Part):
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


class Requests(_Part):
    """What the exchange said within the last minute of the limits, and how orders ended.

    :param used_weight: the highest request weight of a minute, of all clients at this address; null
        where no answer had it
    :param weight_limit: what the exchange allows an address
    :param orders_10s: the highest number of orders of this account within ten seconds; null where
        no order was answered
    :param orders_10s_limit: what the exchange allows an account
    :param orders_1m: the same within a minute
    :param orders_1m_limit: what the exchange allows an account
    :param order_errors: orders that failed since the process started, by the exchange's code, or
        the class of the error
    """

    used_weight: int | None
    weight_limit: int
    orders_10s: int | None
    orders_10s_limit: int
    orders_1m: int | None
    orders_1m_limit: int
    order_errors: dict[str, int]


class Candles(_Part):
    """The candles that were analysed last, of pairs that may be traded or are held.

    :param timeframe_seconds: how long a candle is
    :param pairs: how many pairs there are
    :param without: how many of them have none yet
    :param oldest_pair: whose newest candle is the oldest; null where there is no candle
    :param oldest_at: when that one closed
    :param newest_at: when the newest of all closed
    """

    timeframe_seconds: int
    pairs: int
    without: int
    oldest_pair: str | None
    oldest_at: AwareDatetime | None
    newest_at: AwareDatetime | None


class Slippage(_Part):
    """Of the last hundred entries of a live bot, in basis points against the middle of the book.

    :param fills: how many there are
    :param mean_bps: what they cost; null before the first
    :param mean_excess_bps: by how much that was more than estimated; null before the first
    """

    fills: int
    mean_bps: float | None
    mean_excess_bps: float | None


class FailedCallback(_Part):
    """
    :param count: failures since the process started
    :param error: of the last one
    :param at: of the last one
    """

    count: int
    error: str
    at: AwareDatetime | None


class Failing(_Part):
    """Something that the guard tries again and again.

    :param what: such as `Placing a stop for BTC/USDT:USDT`
    :param error: of the last try
    :param since: of the first failure in a row
    :param at: of the last one
    :param count: failures in a row
    """

    what: str
    error: str
    since: AwareDatetime
    at: AwareDatetime
    count: int


class Refused(_Part):
    """An entry, or an addition, that was refused; one that is refused again and again is here once.

    :param kind: by what: the stop `latch`, a `breaker`, a `lock` of Freqtrade, a `callback` that
        has failed, a `passive` bot, the `journal`, what the `exchange` holds, its `size`, the
        `book`, the `fleet` that the bot belongs to, the `loss` of its trade or tag, something
        `unchecked`, or it was `overtaken` by another entry
    :param pair: such as `BTC/USDT:USDT`
    :param side: `long` or `short`
    :param reason: the newest, for people
    :param since: of the first
    :param at: of the newest
    :param count: how many there were
    """

    kind: str
    pair: str
    side: str
    reason: str
    since: AwareDatetime
    at: AwareDatetime
    count: int


class Refusals(_Part):
    """
    :param by_kind: how many there were since the process started
    :param newest: newest first, at most fifty
    """

    by_kind: dict[str, int]
    newest: tuple[Refused, ...]


class Reconciliation(_Part):
    """The trade database and the exchange compared.

    :param compared: whether they have been, since the process started; no entry is made before
    :param refused: pairs without entries, `*` for all, and why: what they hold, or their settings
    """

    compared: bool
    refused: dict[str, str]


class Journal(_Part):
    """Of the journal of orders.

    :param state: `sound`, or what is wrong with it: `copy`, `missing`, `damaged`, `newer`,
        `unwritable`, `unfit`, `older database`, `older journal`
    :param open_intents: orders without an answer, or that the trade database may lack; null where
        that is not known
    :param reason: for people; empty where nothing is wrong
    """

    state: str
    open_intents: int | None
    reason: str = ""


class Model(_Part):
    """The learned model of a strategy that has one, since the process started.

    :param used: candles of which it had an opinion
    :param without: candles of which the rules decided alone, by reason: `missing`, `failed`,
        `untrained`, `starting` (loaded, used from the next candle), `expired`, or `unusual`, unlike
        what it has learned
    :param pairs: the reason at present, of pairs that are traded by the rules alone
    """

    used: int
    without: dict[str, int]
    pairs: dict[str, str]


class State(_Part):
    """The whole file. A part that is null is not there in this bot, or is named in `missing`.

    :param schema_number: of this table
    :param written_at: when the file was written
    :param pid: of the process, inside its container
    :param started_at: when the bot was made, or its configuration read again
    :param strategy: its name
    :param mode: `dry-run` or `live`
    :param bot_state: `running`, `paused`, `stopped` or `reload_config`
    :param passive: why it opens, moves and cancels nothing at all; null where it acts
    :param throttle_seconds: how far apart cycles begin
    :param versions: of what runs
    :param loop: how the cycles go; null before the first has ended
    :param trading: what the bot may do, and why not more
    :param locks: of Freqtrade, as `/locks` shows them
    :param latch: the operator's stop latch
    :param positions: open trades that hold something, and their stops
    :param entries: entry orders that are open
    :param account: what the bot has, holds and risks
    :param requests: limits of the exchange, and orders that failed; null at another exchange
    :param candles: how new the analysed candles are
    :param slippage: what entries cost against the estimate
    :param failed_callbacks: by name
    :param failing: what the guard cannot do at present
    :param refusals: entries that were refused
    :param reconciliation: the database and the exchange compared
    :param parts_off: which parts are off, and why
    :param journal: of orders
    :param model: the learned model; null where the strategy has none
    :param missing: parts that could not be collected, and why
    """

    schema_number: int = SCHEMA
    written_at: AwareDatetime
    pid: int
    started_at: AwareDatetime
    strategy: str
    mode: Literal["dry-run", "live"]
    bot_state: str
    passive: str | None = None
    throttle_seconds: float
    versions: Versions
    loop: Loop | None = None
    trading: Trading | None = None
    locks: tuple[Lock, ...] | None = None
    latch: Latch | None = None
    positions: tuple[Position, ...] | None = None
    entries: tuple[Waiting, ...] | None = None
    account: Account | None = None
    requests: Requests | None = None
    candles: Candles | None = None
    slippage: Slippage | None = None
    failed_callbacks: dict[str, FailedCallback] | None = None
    failing: tuple[Failing, ...] | None = None
    refusals: Refusals | None = None
    reconciliation: Reconciliation | None = None
    parts_off: tuple[str, ...] | None = None
    journal: Journal | None = None
    model: Model | None = None
    missing: dict[str, str] = {}

    def age_seconds(self, now: datetime) -> float:
        return (now - self.written_at).total_seconds()

    @property
    def stops_missing(self) -> int | None:
        """How many positions are not covered by their stops; None where that is not known."""
        if self.positions is None:
            return None
        return sum(not position.covered for position in self.positions)

    @property
    def stale_after_seconds(self) -> float:
        """A few cycles, as long as they have been, and the pause after one that failed."""
        longest = self.loop.max_seconds if self.loop else 0.0
        return _CYCLES * max(self.throttle_seconds, longest) + _PAUSE_SECONDS

"""What the state file says of how the bot runs: its cycles, the exchange, its data, what fails."""

from __future__ import annotations

from pydantic import AwareDatetime

from perpkit.record.state_part import StatePart


class Versions(StatePart):
    """
    :param freqtrade: its version
    :param perpkit: its version
    """

    freqtrade: str
    perpkit: str


class Loop(StatePart):
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


class Requests(StatePart):
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


class Candles(StatePart):
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


class Slippage(StatePart):
    """Of the last hundred entries of a live bot, in basis points against the middle of the book.

    :param fills: how many there are
    :param mean_bps: what they cost; null before the first
    :param mean_excess_bps: by how much that was more than estimated; null before the first
    """

    fills: int
    mean_bps: float | None
    mean_excess_bps: float | None


class FailedCallback(StatePart):
    """
    :param count: failures since the process started
    :param error: of the last one
    :param at: of the last one
    """

    count: int
    error: str
    at: AwareDatetime | None


class Failing(StatePart):
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


class Journal(StatePart):
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


class Model(StatePart):
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

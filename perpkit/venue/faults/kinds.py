"""The kinds of faults and the parameters of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from perpkit.durations import DAY_MS, DAY_S

Value = float | str


class FaultKind(StrEnum):
    # of requests
    LATENCY = "latency"
    TIMEOUT = "timeout"  # no answer until the client gives up
    RESET = "reset"  # connection reset before the request is read
    TRUNCATED = "truncated"  # the connection ends within the body
    MALFORMED = "malformed"  # a whole answer that is not JSON
    SERVER_ERROR = "server_error"
    RATE_LIMITED = "rate_limited"
    BANNED = "banned"
    MAINTENANCE = "maintenance"
    RESPONSE_LOST = "response_lost"  # carried out, but the answer never arrives
    REFUSED = "refused"  # by the exchange, with a code
    # of the market
    CLOCK_SKEW = "clock_skew"
    STALE_BOOK = "stale_book"
    EMPTY_BOOK = "empty_book"
    WIDE_SPREAD = "wide_spread"
    PRICE_GAP = "price_gap"
    FLASH_CRASH = "flash_crash"
    SYMBOL_STATUS = "symbol_status"
    DELISTING = "delisting"  # announced at `since`, delivered at `until`
    # of orders and accounts
    STUCK_ORDERS = "stuck_orders"
    SLOW_FILLS = "slow_fills"
    ORDER_EXPIRED = "order_expired"
    ORDER_CANCELLED = "order_cancelled"
    LIQUIDATION = "liquidation"
    ADL = "adl"  # positions in profit close at mark, against a user who is liquidated
    PERMISSION_REMOVED = "permission_removed"
    LATE_ORDERS = "late_orders"  # placed, but not visible to queries yet
    LATE_FILLS = "late_fills"  # traded, but not visible to queries yet
    SETTINGS_CHANGED = "settings_changed"  # by another user of the account
    TRADING_LOCKED = (
        "trading_locked"  # by the quantitative rules: only reduce-only orders are accepted
    )
    # of streams
    STREAM_CUT = "stream_cut"  # the connection is reset
    STREAM_SILENCE = "stream_silence"  # messages are lost while the connection stays open
    STREAM_DELAY = "stream_delay"
    STREAM_DUPLICATE = "stream_duplicate"  # a message comes twice


_K = FaultKind
REQUEST_KINDS = frozenset(list(_K)[: list(_K).index(_K.CLOCK_SKEW)])
_FIRST_OF_STREAMS = list(_K).index(_K.STREAM_CUT)
ORDER_KINDS = frozenset(list(_K)[list(_K).index(_K.STUCK_ORDERS) : _FIRST_OF_STREAMS])
STREAM_KINDS = frozenset(list(_K)[_FIRST_OF_STREAMS:])
PRICE_KINDS = frozenset({_K.PRICE_GAP, _K.FLASH_CRASH})


@dataclass(frozen=True)
class FaultParameter:
    """A parameter of a fault, and what it may be.

    It is a number in [low, high], one of `choices`, or text of at most `longest` characters.
    """

    default: Value
    low: float = 0.0
    high: float = 0.0
    choices: tuple[Value, ...] = ()
    whole: bool = False
    longest: int = 0

    def check(self, name: str, value: object) -> None:
        """Checks a value.

        :raises ValueError: naming the parameter, the value and what is allowed
        """
        if self.choices:
            if value not in self.choices:
                allowed = ", ".join(map(str, self.choices))
                raise ValueError(f"{name} must be one of {allowed}, got {value!r}")
        elif self.longest:
            if not isinstance(value, str) or not value.isprintable() or len(value) > self.longest:
                raise ValueError(
                    f"{name} must be text of at most {self.longest} characters, got {value!r}"
                )
        elif isinstance(value, bool | str) or not isinstance(value, int | float):
            raise ValueError(f"{name} must be a number, got {value!r}")
        elif not self.low <= value <= self.high:
            raise ValueError(f"{name} must be {self.low:g} to {self.high:g}, got {value:g}")
        elif self.whole and value != int(value):
            raise ValueError(f"{name} must be a whole number, got {value:g}")


_CHANGE = FaultParameter(-0.1, low=-0.99, high=10.0)
_MARK_SHARE = FaultParameter(1.0, low=0.0, high=1.0)
_RETRY_AFTER = FaultParameter(30, low=1, high=3 * DAY_S)
MAX_LATE_MS = 600_000
PARAMETERS: Mapping[FaultKind, Mapping[str, FaultParameter]] = MappingProxyType(
    {
        # Real ms, regardless of the venue's clock, because the client waits in real time.
        _K.LATENCY: {
            "ms": FaultParameter(1000, high=120_000),
        },
        _K.TIMEOUT: {"at_most_ms": FaultParameter(30_000, low=1, high=300_000)},
        _K.SERVER_ERROR: {
            "status": FaultParameter(503, choices=(500, 502, 503, 504)),
            "executed": FaultParameter("no", choices=("no", "yes")),
        },
        _K.RATE_LIMITED: {"retry_after_s": _RETRY_AFTER},
        _K.BANNED: {"retry_after_s": _RETRY_AFTER},
        # Silence before the connection breaks; if it is too long for the client, that times out.
        _K.RESPONSE_LOST: {"after_ms": FaultParameter(0, high=300_000)},
        # Without `msg` it is the exchange's own message, if that is known.
        _K.REFUSED: {
            "code": FaultParameter(-4400, low=-9999, high=-1000, whole=True),
            "msg": FaultParameter("", longest=200),
            "status": FaultParameter(400, low=400, high=599, whole=True),
        },
        _K.CLOCK_SKEW: {"ms": FaultParameter(5000, low=-DAY_MS, high=DAY_MS)},
        _K.EMPTY_BOOK: {"side": FaultParameter("both", choices=("both", "bids", "asks"))},
        # Multiplies the distance of each level from the mid price.
        _K.WIDE_SPREAD: {"factor": FaultParameter(50, low=1, high=10_000)},
        # `mark_share`: the share of the move that mark and index price follow.
        _K.PRICE_GAP: {"change": _CHANGE, "mark_share": _MARK_SHARE},
        # `recovery`: the share of the move that is undone by `until`.
        _K.FLASH_CRASH: {
            "change": _CHANGE,
            "recovery": FaultParameter(1.0, low=0.0, high=1.0),
            "mark_share": _MARK_SHARE,
        },
        _K.SYMBOL_STATUS: {
            "status": FaultParameter(
                "CLOSE", choices=("PENDING_TRADING", "PRE_SETTLE", "SETTLING", "CLOSE")
            )
        },
        # The maximum share of a symbol's open orders, by quantity, that fills at a time.
        _K.SLOW_FILLS: {"share": FaultParameter(0.1, low=0.001, high=1.0)},
        # The share of a position in profit that closes.
        _K.ADL: {"share": FaultParameter(1.0, low=0.001, high=1.0)},
        _K.PERMISSION_REMOVED: {
            "permission": FaultParameter("trade", choices=("trade", "read", "ip"))
        },
        _K.LATE_ORDERS: {"ms": FaultParameter(1000, low=1, high=MAX_LATE_MS)},
        _K.LATE_FILLS: {"ms": FaultParameter(1000, low=1, high=MAX_LATE_MS)},
        # By default every setting stays as it is.
        _K.SETTINGS_CHANGED: {
            "leverage": FaultParameter(0, high=125, whole=True),
            "margin_type": FaultParameter("same", choices=("same", "ISOLATED", "CROSSED")),
            "hedge": FaultParameter("same", choices=("same", "yes", "no")),
            "multi_assets": FaultParameter("same", choices=("same", "yes", "no")),
        },
        # The rule that was violated on a symbol; an account is locked for too many violations.
        _K.TRADING_LOCKED: {
            "indicator": FaultParameter("UFR", choices=("UFR", "IFER", "GCR", "DR"))
        },
        # Real ms, as for a latency. What follows on the connection waits, too: order is kept.
        _K.STREAM_DELAY: {"ms": FaultParameter(1000, high=120_000)},
    }
)

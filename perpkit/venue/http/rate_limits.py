"""Rate limits: request weight, order counts, and bans for clients that ignore refusals.

Windows are fixed and start with the minute, as the exchange's do; its own numbers are the defaults.
It does not document when 429 becomes 418, nor how bans grow ("from 2 minutes to 3 days"): both are
our choice.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace

from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.venue.http.weights import Cost

_TEN_SECONDS = 10_000
_FIVE_MINUTES = 5 * MINUTE_MS
_SOCKETS = "Please use the websocket for live updates to avoid"


@dataclass(frozen=True)
class RateLimits:
    """The limits per client and account, each at least 1.

    :param patience: requests answered with 429 before the client is banned
    :param first_ban_ms: length of a first ban; it doubles with every further one
    :param forgiven_ms: time since the end of the last ban after which the next is a first one again
    """

    weight_1m: int = 2400
    orders_10s: int = 300
    orders_1m: int = 1200
    calls_5m_funding: int = 500
    calls_5m_data: int = 1000
    patience: int = 10
    first_ban_ms: int = 2 * MINUTE_MS
    longest_ban_ms: int = 3 * DAY_MS
    forgiven_ms: int = 3 * DAY_MS

    def __post_init__(self) -> None:
        for limit in fields(self):
            if getattr(self, limit.name) < 1:
                value = getattr(self, limit.name)
                raise ValueError(f"{limit.name} must be at least 1, got {value}")


@dataclass(frozen=True)
class Verdict:
    """The outcome for one request, with the counts that its headers report.

    :param status: 200, 429 or 418; with the latter two, `code`, `msg` and `retry_after` (s)
    """

    used_weight: int
    orders_10s: int
    orders_1m: int
    status: int = 200
    code: int = 0
    msg: str = ""
    retry_after: int = 0


def too_many_requests(client: str, limit: int) -> str:
    return (
        f"Too many requests; current limit of IP({client}) is {limit} requests per minute. "
        f"{_SOCKETS} polling the API."
    )


def banned(client: str, until: int) -> str:
    return f"Way too many requests; IP({client}) banned until {until}. {_SOCKETS} bans."


@dataclass(frozen=True)
class _Refusal:
    code: int
    msg: str
    retry_after: int
    status: int = 429


@dataclass
class _Client:
    refused: int = 0  # requests refused since the last one served
    bans: int = 0
    banned_until: int = 0


@dataclass
class _Window:
    number: int = -1
    count: int = 0


@dataclass
class Limiter:
    """Counts every request; refuses only when `enforced`."""

    limits: RateLimits = field(default_factory=RateLimits)
    enforced: bool = True
    _windows: dict[tuple[str, int, str], _Window] = field(default_factory=dict, init=False)
    _clients: dict[str, _Client] = field(default_factory=dict, init=False)

    def admit(self, client: str, account: str, cost: Cost, now: int) -> Verdict:
        """Counts a request and decides whether it is served.

        Refused requests count too, as on the exchange: waiting is the only way out.

        :param client: address whose weight is counted
        :param account: API key whose orders are counted
        :param now: ms, never less than at an earlier call
        """
        known = self._clients.setdefault(client, _Client())
        used, refusals = self._count(client, account, cost, now)
        if not self.enforced:
            return used
        if now >= known.banned_until:
            if not refusals:
                known.refused = 0
                return used
            known.refused += 1
            if known.refused <= self.limits.patience:
                return replace(used, **asdict(refusals[0]))
            self._ban(known, now)
        return replace(
            used,
            status=418,
            code=-1003,
            msg=banned(client, known.banned_until),
            retry_after=-(-(known.banned_until - now) // 1000),
        )

    def _count(
        self, client: str, account: str, cost: Cost, now: int
    ) -> tuple[Verdict, list[_Refusal]]:
        limits = self.limits
        weight = self._add("weight", client, MINUTE_MS, cost.weight, now)
        short = self._add("orders", account, _TEN_SECONDS, cost.orders_10s, now)
        long = self._add("orders", account, MINUTE_MS, cost.orders_1m, now)
        refusals = []
        if cost.weight and weight > limits.weight_1m:
            msg = too_many_requests(client, limits.weight_1m)
            refusals.append(_Refusal(-1003, msg, _left(MINUTE_MS, now)))
        if cost.pool is not None:
            calls = self._add(cost.pool, client, _FIVE_MINUTES, 1, now)
            if calls > (most := getattr(limits, f"calls_5m_{cost.pool}")):
                msg = too_many_requests(client, most)
                refusals.append(_Refusal(-1003, msg, _left(_FIVE_MINUTES, now)))
        for orders, most, span, words in (
            (short, limits.orders_10s, _TEN_SECONDS, "10 SECOND"),
            (long, limits.orders_1m, MINUTE_MS, "1 MINUTE"),
        ):
            if cost.orders_1m and orders > most:
                msg = f"Too many new orders; current limit is {most} orders per {words}."
                refusals.append(_Refusal(-1015, msg, _left(span, now)))
        return Verdict(weight, short, long), refusals

    def _add(self, what: str, who: str, span: int, amount: int, now: int) -> int:
        window = self._windows.setdefault((what, span, who), _Window())
        if window.number != now // span:
            window.number, window.count = now // span, 0
        window.count += amount
        return window.count

    def _ban(self, known: _Client, now: int) -> None:
        if now >= known.banned_until + self.limits.forgiven_ms:
            known.bans = 0
        length = self.limits.first_ban_ms * 2**known.bans
        known.banned_until = now + min(length, self.limits.longest_ban_ms)
        known.bans += 1
        known.refused = 0


def _left(span: int, now: int) -> int:
    """Seconds, rounded up, until the window of length `span` ends."""
    return -(-(span - now % span) // 1000)

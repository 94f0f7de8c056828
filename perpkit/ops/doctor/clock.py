"""Checks whether the exchange answers, how fast, and how far this machine's clock is off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from perpkit.ops.doctor.finding import Finding, fail, ok, warn
from perpkit.ops.refusals import Refusal, RefusalCause, refusal_of

if TYPE_CHECKING:
    from perpkit.ops.doctor.context import Context

SAMPLES = 5
# The exchange refuses a request (-1021) whose time is more than this ahead of its own.
MOST_AHEAD_MS = 1000.0
UNEASY_MS = 500.0
SLOW_MS = 2000.0

_SYNCHRONISE = "synchronise this machine's clock (chrony, systemd-timesyncd, w32time)"
_NETWORK = (
    "check network, DNS, proxy and firewall, and whether the exchange is open to this country"
)


class Sample(NamedTuple):
    """A reading of the exchange's clock.

    :param ahead_ms: milliseconds by which this machine's clock is ahead of the exchange's
    :param round_trip_ms: of the request; `ahead_ms` is known to within half of it
    """

    ahead_ms: float
    round_trip_ms: float


def samples(client: Any, count: int = SAMPLES) -> list[Sample] | Refusal:
    """Reads the exchange's clock several times, or returns its refusal.

    :param client: of ccxt; no key is needed
    """
    import ccxt

    found: list[Sample] = []
    for _ in range(count):
        sent, began = client.milliseconds(), monotonic()
        try:
            answer = client.fapiPublicGetTime()
        except ccxt.BaseError as error:
            return refusal_of(error)
        took = (monotonic() - began) * 1000
        found.append(Sample(sent + took / 2 - int(answer["serverTime"]), took))
    return found


def judged(found: Sequence[Sample], most_behind_ms: float) -> Iterator[Finding]:
    """Judges the clock by the sample with the shortest round trip.

    :param found: at least one sample
    :param most_behind_ms: how old a request may be when it arrives (`recvWindow`)
    """
    best = min(found, key=lambda sample: sample.round_trip_ms)
    off, doubt = abs(best.ahead_ms), best.round_trip_ms / 2
    side = "ahead of" if best.ahead_ms > 0 else "behind"
    words = f"This machine's clock is {off:.0f} ms {side} the exchange's, to within {doubt:.0f} ms"
    most = MOST_AHEAD_MS if best.ahead_ms > 0 else most_behind_ms
    if off - doubt > most:
        yield fail(f"{words}: signed requests are refused (-1021)", _SYNCHRONISE)
    elif off - doubt > UNEASY_MS:
        yield warn(f"{words}; above {most:.0f} ms requests are refused (-1021)", _SYNCHRONISE)
    else:
        yield ok(words)
    if best.round_trip_ms > SLOW_MS:
        yield warn(
            f"The exchange needs {best.round_trip_ms:.0f} ms to answer, best of {len(found)}",
            "look for a slow proxy or VPN, or run the bot nearer to the exchange",
        )


def check(context: Context) -> Iterator[Finding]:
    clock = context.clock
    if isinstance(clock, Refusal):
        words = f"The exchange does not answer: {clock}"
        if clock.why is RefusalCause.TOO_MANY:
            yield fail(words, "wait until the ban has ended, and look for what asks so often")
        else:
            yield fail(words, _NETWORK)
        return
    yield ok(f"It answers within {min(s.round_trip_ms for s in clock):.0f} ms")
    yield from judged(clock, float(context.public_client.options["recvWindow"]))

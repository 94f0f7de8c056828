"""What happens in an episode: a market, a trade and what goes wrong, all drawn from one seed."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from perpkit.durations import DAY_MS
from perpkit.venue.faults.faults import REQUEST_KINDS, STREAM_KINDS, Fault, FaultKind
from perpkit.venue.faults.random_faults import random_plan
from perpkit.venue.market.history import History
from tests.bench.scripted_market import BTC, scripted_market

NOTHING, MIX = "nothing", "mix"
_KINDS = [kind for kind in FaultKind if kind not in STREAM_KINDS]  # Freqtrade uses no streams
GROUPS = (NOTHING, *map(str, _KINDS), MIX)

_PRICE = 50_000.0
_MINUTE_VOLATILITY = 0.0007  # half of BTC's price in a year
_MIX_OF = 5
_MIX_INTENSITY = 200  # a day: each kind about once in an episode

# Minutes after the start; `Episode.told` is drawn.
ENTERING = (1.0, 2.5)
LONGEST_LEAVE = 12.0
_TOLD = (6.0, 8.0)

# Where a fault of requests strikes. One of everything leaves a bot blind and so without orders;
# it is the one of orders alone that tests its books.
_ENDPOINTS = (
    "*",
    "POST *",
    "POST /fapi/v1/order",
    "* /fapi/v1/order",
    "* /fapi/v1/algoOrder",
    "GET *",
)
_OF_ALL = (FaultKind.MAINTENANCE, FaultKind.BANNED, FaultKind.RATE_LIMITED)


@dataclass(frozen=True)
class Episode:
    """:param group: kind of fault, `NOTHING` or `MIX`
    :param phase: what the bot was doing when the fault began
    :param told: minutes after the start when it is told to leave
    :param adverse: the market runs through the stop while the fault lasts
    :param crossing: orders take what the book offers, else they wait
    """

    seed: int
    group: str
    side: str
    phase: str
    start: datetime
    told: float
    adverse: bool
    crossing: bool
    history: History
    faults: tuple[Fault, ...]

    def minute(self, number: float) -> datetime:
        return self.start + timedelta(minutes=number)


def episode(number: int, group: str | None = None) -> Episode:
    """The kinds take turns unless a `group` is given; all else is drawn from `number`, the seed."""
    group = group or GROUPS[number % len(GROUPS)]
    dice = random.Random(f"episode/{number}")
    side = dice.choice(("long", "short"))
    phase = dice.choice(("entering", "holding", "leaving"))
    told = round(dice.uniform(*_TOLD), 2)
    adverse, crossing, thin = dice.random() < 1 / 3, dice.random() < 0.75, dice.random() < 0.2
    # 20 s into a minute; a third of them have a settlement of funding while the position is held.
    start = datetime(2026, 3, 2, 15 if dice.random() < 1 / 3 else 10, 56, 20, tzinfo=UTC)

    since = {
        "entering": ENTERING[0] - 0.2,
        "holding": ENTERING[1] + dice.uniform(0.1, 1.5),
        "leaving": told - 0.2,
    }[phase]
    until = since + dice.uniform(0.5, 3.0)
    run = (since + 0.2, -0.03 if side == "long" else 0.03) if adverse else None
    history = scripted_market(
        start,
        _path(dice, told + LONGEST_LEAVE, run),
        turnover=3e5 if thin else 1e9,
        funding_rate=0.001,
    )
    begin = int(start.timestamp() * 1000)
    window = begin + int(since * 60_000), begin + int(until * 60_000)
    faults = _faults(dice, number, group, window, begin + int((told + 3) * 60_000))
    return Episode(
        number,
        group,
        side,
        phase,
        start,
        told,
        adverse,
        crossing,
        history,
        tuple(faults),
    )


def _path(
    dice: random.Random, minutes: float, run: tuple[float, float] | None
) -> list[tuple[float, float]]:
    """A random walk; with `run` (minute, change) it moves by that within a minute."""
    points, price = [], _PRICE
    for minute in range(int(minutes) + 1):
        jump = 0.0 if run is None else run[1] * min(1.0, max(0.0, minute - run[0]))
        points.append((float(minute), round(price * (1 + jump), 2)))
        price *= 1 + dice.gauss(0, _MINUTE_VOLATILITY)
    return points


def _faults(
    dice: random.Random, seed: int, group: str, window: tuple[int, int], end: int
) -> list[Fault]:
    symbols = (BTC.symbol,)
    if group == NOTHING:
        return []
    if group == MIX:
        kinds = dice.sample(_KINDS, _MIX_OF)
        return random_plan(seed, window[0], end, kinds, _MIX_INTENSITY, symbols)
    kind = FaultKind(group)
    # Its parameters as they come in a plan, its time as this episode needs it.
    drawn = random_plan(seed, 0, 100 * DAY_MS, [kind], 1.0, symbols)[0]
    endpoint = "*"
    if kind in REQUEST_KINDS and kind not in _OF_ALL:
        endpoint = dice.choice(_ENDPOINTS)
    until = None if drawn.until is None else window[1]
    return [replace(drawn, endpoint=endpoint, since=window[0], until=until)]

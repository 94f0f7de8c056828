"""What happens in an episode: a market, a trade with stop and targets, and what goes wrong; all
drawn from one seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from perpkit.venue.faults.faults import Fault, FaultKind
from perpkit.venue.market.history import History
from tests.bench.scripted_market import scripted_market

START = datetime(2026, 3, 2, 10, 0, 40, tzinfo=UTC)
MINUTE = START.replace(second=0)
PRICE, R = 50_000.0, 0.05  # the first stop is so far away, a share of the price

# Points of a path: minutes after `MINUTE`, and how far the price is from the entry, in R. The first
# part is sold at 1 R, all of the rest beyond 2 R; the first stop is at -1 R. At a touch, the book
# is at 1 R, and no trade is.
_TOUCHED = 1.00024
MOVES = {
    "to the stop": [(3, -1.2)],
    "to the part, and back": [(3, 1.1), (4, -0.5), (5, -1.2)],
    "to the whole": [(3, 1.1), (4, 2.3)],
    "to the whole at once": [(2, 0.8), (3, 2.4)],
    "up and down at once": [(2, 0.8), (3, 1.2), (4, -1.4)],
    "down after a touch": [(2, _TOUCHED), (3, _TOUCHED), (4, -1.3)],
    "nowhere": [(3, 0.4), (5, -0.4)],
}
TROUBLES = (
    "none",
    "answers to orders lost",
    "answers to cancellations lost",
    "orders cannot be looked at",
    "nothing is answered",
    "killed",
    "asleep",
    "trader adds",
)
PRICE_SIDES = ("same", "other")
_LOST = {
    "answers to orders lost": (FaultKind.RESPONSE_LOST, "POST *"),
    "answers to cancellations lost": (FaultKind.RESPONSE_LOST, "DELETE *"),
    "orders cannot be looked at": (FaultKind.RESET, "GET /fapi/v1/order"),
    "nothing is answered": (FaultKind.RESET, "*"),
}


@dataclass(frozen=True)
class Episode:
    """Times are minutes after `MINUTE`.

    :param bites: when somebody takes so large a share of the nearest target
    :param leaves: when the bot wants out by itself; `by_force`: on the operator's word
    :param since: when the trouble begins; it lasts for `seconds`
    :param point: at which a bot is killed, from then on
    :param price_side: of its exits
    """

    seed: int
    side: str
    move: str
    trouble: str
    bites: tuple[tuple[float, float], ...]
    leaves: float
    by_force: bool
    since: float
    seconds: float
    point: int
    price_side: str

    @property
    def way(self) -> int:
        return 1 if self.side == "long" else -1

    @property
    def history(self) -> History:
        points = [(1, 0.0), *MOVES[self.move]]  # whole minutes, as candles are
        path = [(minute, PRICE * (1 + self.way * R * r)) for minute, r in points]
        return scripted_market(MINUTE, [(0, PRICE), *path], turnover=1e10)

    @property
    def faults(self) -> tuple[Fault, ...]:
        if self.trouble not in _LOST:
            return ()
        kind, endpoint = _LOST[self.trouble]
        since = int((MINUTE + timedelta(minutes=self.since)).timestamp() * 1000)
        until = int(self.answered_from.timestamp() * 1000)
        return (Fault(kind, endpoint=endpoint, since=since, until=until),)

    @property
    def answered_from(self) -> datetime:
        """From then on the exchange answers everything, to the end."""
        if self.trouble not in _LOST:
            return MINUTE
        return MINUTE + timedelta(minutes=self.since, seconds=self.seconds)


def episode(seed: int) -> Episode:
    """Moves and troubles take turns, so that each meets each; all else is drawn."""
    dice = random.Random(f"targets/{seed}")
    moves, around = list(MOVES), seed // len(TROUBLES)
    gone = TROUBLES[seed % len(TROUBLES)] in ("killed", "asleep")
    bites = [(dice.uniform(1.4, 3.5), dice.uniform(0.05, 1)) for _ in range(dice.choice((0, 1, 2)))]
    return Episode(
        seed,
        dice.choice(("long", "short")),
        moves[around % len(moves)],
        TROUBLES[seed % len(TROUBLES)],
        tuple(sorted(bites)),
        dice.uniform(1.5, 4) if dice.random() < 0.4 else 6.0,
        dice.random() < 0.5,
        dice.uniform(1.2, 3),
        dice.choice((60, 120, 180) if gone else (10, 30, 90)),
        dice.randrange(500),
        dice.choice(PRICE_SIDES),
    )

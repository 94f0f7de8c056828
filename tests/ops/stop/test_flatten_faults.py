"""An account is flattened whatever the exchange does meanwhile, and not one contract too much."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from perpkit.ops.stop.flattened import Flattened
from perpkit.venue.exchange.invariants import Invariant
from perpkit.venue.faults.faults import FaultKind as K
from tests.bench.dead_bot import AMOUNTS, BY_HAND, INSTRUMENTS, PAIRS, DeadBot, dead_bot, symbol_of
from tests.cases import SLOW

# Between the end of the last fault and a flat account.
FLAT_WITHIN = 10.0
MOST_REQUESTS = 700

_ORDERS = "* /fapi/v1/*rder*"
_REFUSING: dict[K, list[dict[str, Any]]] = {
    K.TIMEOUT: [{"at_most_ms": 5_000}],
    K.RESET: [{}],
    K.TRUNCATED: [{}],
    K.MALFORMED: [{}],
    K.SERVER_ERROR: [
        {"status": status, "executed": executed}
        for status in (500, 502, 503, 504)
        for executed in ("no", "yes")
    ],
    K.RATE_LIMITED: [{"retry_after_s": 2}, {"retry_after_s": 20}],
    K.BANNED: [{"retry_after_s": 30}],
    K.MAINTENANCE: [{}],
    K.RESPONSE_LOST: [{}, {"after_ms": 3_000}],
    K.REFUSED: [
        {"code": code} for code in (-1008, -1001, -1000, -2022, -4118, -4131, -4400, -1021)
    ],
    K.LATENCY: [{"ms": 1_500}],
    K.CLOCK_SKEW: [{"ms": 30_000}, {"ms": -30_000}],
    K.EMPTY_BOOK: [{}, {"side": "bids"}, {"side": "asks"}],
    K.WIDE_SPREAD: [{"factor": 200}],
    K.LATE_ORDERS: [{"ms": 1_000}],
    K.LATE_FILLS: [{"ms": 1_500}],
    K.PERMISSION_REMOVED: [{"permission": "trade"}, {"permission": "ip"}],
    K.STUCK_ORDERS: [{}],
}
_OF_REQUESTS = frozenset(list(K)[: list(K).index(K.CLOCK_SKEW)])
_WITH_CHANCE = _OF_REQUESTS - {K.MAINTENANCE}


@dataclass(frozen=True)
class Others:
    """What is on the account beside the bot's."""

    parts: dict[str, Decimal]
    orders: set[str]


def crowded(bot: DeadBot, dice: random.Random) -> Others:
    """Five trades, one of which may only wait for its entry, with stops, profits to be taken and
    additions that wait; beside them a trader's parts of the positions, and orders."""
    parts: dict[str, Decimal] = {}
    orders: set[str] = set()
    for number, (pair, amount) in enumerate(AMOUNTS.items()):
        sign = dice.choice((1, -1))
        price = INSTRUMENTS[pair][1]
        if number == 4 and dice.random() < 0.5:
            bot.rest(pair, sign * amount)
            continue
        trade = bot.enter(pair, sign * amount)
        if dice.random() < 0.4:
            bot.take_profit(trade)
        if dice.random() < 0.4:
            bot.add(trade, amount)
        if dice.random() < 0.4:  # more of the same, by hand
            part = sign * amount * dice.choice((Decimal("0.5"), Decimal(1), Decimal(3)))
            bot.place(pair, part, client_id=f"{BY_HAND}part{number}")
            parts[symbol_of(pair)] = part
        if dice.random() < 0.5:
            own = f"{BY_HAND}rest{number}"
            bot.place(pair, amount, round(price * 0.96, 2), client_id=own)
            orders.add(own)
        if dice.random() < 0.5:
            own = f"{BY_HAND}stop{number}"
            bot.stop_at(
                pair,
                -sign * Decimal(str(INSTRUMENTS[pair][0].step_size)) * 10,
                price * (1 - sign * 0.2),
                own,
            )
            orders.add(own)
    return Others(parts, orders)


def plan_faults(bot: DeadBot, dice: random.Random) -> float:
    """So many seconds from now on until the last of them is over, as far as the exchange says."""
    ends = [0.0]
    for kind in dice.sample(list(_REFUSING), dice.randint(1, 4)):
        parameters = dice.choice(_REFUSING[kind])
        since, length = dice.uniform(0, 4), dice.uniform(1, 25)
        settings: dict[str, Any] = {"parameters": parameters}
        if kind in _OF_REQUESTS:
            settings["endpoint"] = dice.choice(["*", "POST *", "GET *", "* /fapi/v1/order"])
        if kind in _WITH_CHANCE:
            settings["probability"] = dice.choice((0.3, 0.6, 1.0))
        if kind not in _OF_REQUESTS | {K.CLOCK_SKEW, K.PERMISSION_REMOVED} and dice.random() < 0.5:
            settings["symbol"] = symbol_of(dice.choice(PAIRS))
        now = bot.market.now()
        bot.fault(kind, since + length, **{"since": now + int(since * 1000), **settings})
        ends.append(since + length + float(parameters.get("retry_after_s", 0)))
    return max(ends)


def wrong(bot: DeadBot, others: Others, said: Flattened) -> list[str]:
    found = [] if said.flat else [f"not flat: {said.left}"]
    if (held := bot.held()) != others.parts:
        found.append(f"held {held}, of others {others.parts}")
    if (rest := bot.open_ids()) != others.orders:
        found.append(f"rests {rest}, of others {others.orders}")
    # A trader may have no stop, or one beside the bot's.
    theirs = (Invariant.PROTECTED, Invariant.SINGLE_STOP)
    breaches = [b for b in bot.exchange.checker.breaches if b.invariant not in theirs]
    return [*found, *map(str, breaches)]


def run(folder: Path, seed: int) -> list[str]:
    dice = random.Random(seed)
    with dead_bot(folder) as bot:
        others = crowded(bot, dice)
        last, began = plan_faults(bot, dice), bot.clock.seconds
        said = bot.stop()
        took = bot.clock.seconds - began
        found = wrong(bot, others, said)
        if took > last + FLAT_WITHIN:
            found.append(f"{took:.1f} s, {took - last:.1f} s after the last fault")
        if said.requests > MOST_REQUESTS:
            found.append(f"{said.requests} requests")
        if found:
            found += [str(fault) for _, fault in bot.market.faults]
        return found


@pytest.mark.parametrize("seed", [*range(4), *(pytest.param(n, marks=SLOW) for n in range(4, 100))])
def test_flat_soon_after_the_last_fault_and_nothing_of_others_touched(tmp_path, seed):
    assert run(tmp_path / "bot", seed) == []

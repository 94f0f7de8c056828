"""What entries cost with and without the book check and slicing: `-m benchmarks.entry_slippage`.

200 seeded entries at the simulated venue, each of them four times: with neither, with either and
with both. All go to the market, half a second after the book was read. In a third of the cases the
book is thin or wide at the signal (a fault of the venue) or the price has moved since. The cost is
a fill's average against the middle of the book that it met, in bps, which is what the entry pays;
and the total against the middle at the signal, which has the market's own move in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.slippage_model import PAIRS, Trader, trader
from perpkit.durations import DAY_MS, MINUTE_MS
from perpkit.execution.book import Side
from perpkit.execution.entry import EntryLimits, check_entry
from perpkit.execution.slippage import shortfall_bps
from perpkit.risk.slicing import SlicingRule, next_slice, plan
from perpkit.venue.faults.faults import Fault, FaultKind

ENTRIES = 200
DAYS = 60
LATENCY_MS = 500
CANDLE_MS = 5 * MINUTE_MS
# Of the depth within 1%.
SHARES = (0.001, 0.3)
# In a share of the cases, the book's levels are so many times farther apart.
DISTURBED, WIDER = 1 / 3, (3.0, 60.0)
LIMITS, RULE = EntryLimits(), SlicingRule()
LEAST = 10.0  # of an order, USDT


@dataclass(frozen=True)
class Case:
    """
    :param at: of the signal, ms
    :param share: of the depth within 1% of an undisturbed book
    :param wider: 1 for an undisturbed book
    """

    at: int
    symbol: str
    side: Side
    share: float
    wider: float


@dataclass(frozen=True)
class Entered:
    """Costs in bps of what was filled; `filled` is its share of what was wanted."""

    cost: float
    total: float
    filled: float
    orders: int


def cases(seed: int, start: int, symbols: list[str]) -> Iterator[Case]:
    """In the order of time, far enough apart for every slice."""
    rng = np.random.default_rng(seed)
    for number in range(ENTRIES):
        at = start + int((number + rng.random() / 2) * (DAYS - 2) * DAY_MS / ENTRIES)
        wider = float(np.exp(rng.uniform(*np.log(WIDER)))) if rng.random() < DISTURBED else 1.0
        share = float(np.exp(rng.uniform(*np.log(SHARES))))
        side = Side.BUY if rng.random() < 0.5 else Side.SELL
        yield Case(at, str(rng.choice(symbols)), side, share, wider)


def enter(at: Trader, case: Case, *, checked: bool, sliced: bool) -> Entered | None:
    """None where the check has refused it, or the exchange has filled nothing."""
    symbol, side, market = case.symbol, case.side, at.market
    at.clock.advance(case.at - market.now())
    step = market.instrument(symbol).step_size
    usual = at.book(symbol)
    amount = max(1, round(usual.depth(side, 0.01) * case.share / step)) * step
    if case.wider > 1:
        given = {"factor": case.wider}
        until = case.at + 2 * MINUTE_MS
        market.faults.add(
            Fault(FaultKind.WIDE_SPREAD, "*", symbol, case.at, until, parameters=given)
        )
    signal = usual.mid
    if checked:
        vol_1h, _ = at.last_hour(symbol)
        book = at.book(symbol)
        if not check_entry(LIMITS, book, side, amount, signal_price=signal, vol_1h=vol_1h).allowed:
            return None
    stake, depth = amount * signal, at.book(symbol).depth(side, LIMITS.max_slippage_bps / 10_000)
    whole = plan(RULE, stake, LEAST, 1.0, depth * signal if sliced else None)
    fills, filled, candles = [], 0.0, 0
    wanted = whole.slice_stake
    while wanted:
        part = max(1, round(wanted / signal / step)) * step
        at.clock.advance(LATENCY_MS)
        met = at.book(symbol)
        taken, value = at.fill(symbol, side, part)
        if taken:
            fills.append((taken, value / taken, met.mid))
        filled += taken * signal
        wanted = 0.0
        if not sliced:
            break
        while filled < 0.999 * stake:
            at.clock.advance(CANDLE_MS)
            candles += 1
            drift = at.book(symbol).mid / signal - 1
            following = next_slice(RULE, whole, min(filled, stake), candles, 1, drift, False, LEAST)
            wanted = following.stake
            if following.done or wanted:
                break
    if not fills:
        return None
    amounts = np.array([part for part, _, _ in fills])
    costs = [shortfall_bps(side, mid, price) for _, price, mid in fills]
    totals = [shortfall_bps(side, signal, price) for _, price, _ in fills]
    return Entered(
        float(np.average(costs, weights=amounts)),
        float(np.average(totals, weights=amounts)),
        min(1.0, float(amounts.sum()) / amount),
        len(fills),
    )


def played(seed: int, *, checked: bool, sliced: bool) -> list[Entered | None]:
    """Each way has a market of its own, which is the same one."""
    with trader(seed, PAIRS, DAYS) as at:
        symbols = at.market.symbols
        given = list(cases(seed, at.market.now(), symbols))
        return [enter(at, case, checked=checked, sliced=sliced) for case in given]


def row(name: str, found: Iterable[Entered | None]) -> str:
    every = list(found)
    made = [each for each in every if each is not None]
    cost, total = ([getattr(each, name) for each in made] for name in ("cost", "total"))
    cells = [
        name,
        f"{len(made)}",
        f"{len(every) - len(made)}",
        f"{np.mean([each.orders for each in made]):.1f}",
        f"{np.mean([each.filled for each in made]):.0%}",
        *(f"{value:.1f}" for costs in (cost, total) for value in (np.mean(costs), p95(costs))),
    ]
    return f"| {' | '.join(cells)} |"


def p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    print(
        "| entries | made | refused | orders | filled | cost, mean | 95% "
        "| with the move, mean | 95% |"
    )
    print("|---|" + "---:|" * 8)
    for name, checked, sliced in (
        ("neither", False, False),
        ("book check", True, False),
        ("slicing", False, True),
        ("both", True, True),
    ):
        print(row(name, played(seed, checked=checked, sliced=sliced)), flush=True)


if __name__ == "__main__":
    main()

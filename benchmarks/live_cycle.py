"""What one cycle of a live bot costs: `python benchmarks/live_cycle.py [--quick]`.

Stock Freqtrade runs in live mode, in-process at the simulated venue on a virtual clock
(tests/bench/live.py): with RsiSmaSwing and all of Perpkit, and with the same signals alone
("stock"). Each bot has a process of its own; rounds alternate between the bots, so that ratios come
from one run. CPU is that of the bot's threads, by the part at work (benchmarks/cycle_shares.py),
without the venue, which has another thread, and without the transport to it. The tables show
medians of three kinds of cycles: with a new candle, with the guard's comparison, and the others,
"steady".

`--source NAME=DIR`, once or more, measures other checkouts in addition to this one or in its place:
`--source before=../old --source after=.`
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
STOCK = "stock"
STRATEGIES = {True: "StockSwing", False: "HeldSwing"}
KINDS = ("steady", "comparison", "candle")
FREQTRADE, CCXT = "freqtrade", "ccxt"
PARTS = ("watch", "guard", "record", "callbacks", "analysis", "signals", "alerts", "threads")


@dataclass
class Measured:
    """Measurements of one bot at one number of trades: cycles by kind, and database statements."""

    cycles: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    statements: list[tuple[str, str, int]] = field(default_factory=list)

    def add(self, answer: dict[str, Any]) -> None:
        for cycle in answer["cycles"]:
            self.cycles[cycle["kind"]].append(cycle)
        self.statements = answer["statements"]

    def ms(self, kind: str, *names: str, through: str | None = None) -> list[float]:
        """CPU of every cycle of a kind, ms: the sum of the named parts, or of all without names."""
        return [
            sum(
                value
                for name, way, value in cycle["ms"]
                if (not names or name in names) and through in (None, way)
            )
            for cycle in self.cycles[kind]
        ]

    def shares(self, kind: str) -> list[float]:
        """Our share of every cycle of a kind: CPU of `PARTS`, in ccxt on their behalf too, of all.

        Freqtrade's own work that only Perpkit's needs cause, such as its copies of trades for
        callbacks, is not in it.
        """
        own, total = self.ms(kind, *PARTS), self.ms(kind)
        return [mine / all_ for mine, all_ in zip(own, total, strict=True)]

    def requests(self, kind: str, *, ours: bool) -> tuple[float, float]:
        """The median number and the median weight of requests per cycle."""
        cycles = [
            [weight for cause, _, weight in cycle["requests"] if (cause in PARTS) is ours]
            for cycle in self.cycles[kind]
        ]
        return (median(map(len, cycles)), median(map(sum, cycles))) if cycles else (0.0, 0.0)

    def count(self, verb: str, *, ours: bool) -> int:
        return sum(n for cause, v, n in self.statements if v == verb and (cause in PARTS) is ours)


class Bot:
    """A process of `benchmarks.cycle_bot` that waits for commands."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("a bot has ended, see above")
        found: dict[str, Any] = json.loads(line)
        return found

    def ask(self, what: str, number: int) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(what, number, file=self._process.stdin, flush=True)
        return self.answer()


@contextmanager
def bot(source: Path, stock: bool, pairs: int) -> Iterator[Bot]:
    path = os.pathsep.join(map(str, (source, CHECKOUT)))
    command = [sys.executable, "-m", "benchmarks.cycle_bot", "--pairs", str(pairs)]
    process = subprocess.Popen(
        [*command, "--strategy", STRATEGIES[stock]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=source,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        yield Bot(process)
        assert process.stdin is not None
        process.stdin.close()
        process.wait(timeout=60)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


Results = dict[tuple[int, int], dict[str, Measured]]


def measure(
    results: Results,
    sources: dict[str, Path],
    pairs: int,
    trades: list[int],
    rounds: int,
    steady: int,
) -> None:
    """Measures every bot at one number of pairs and adds the measurements to `results`."""
    with ExitStack() as stack:
        last = list(sources.values())[-1]
        bots = {STOCK: stack.enter_context(bot(last, stock=True, pairs=pairs))}
        for name, source in sources.items():
            bots[name] = stack.enter_context(bot(source, stock=False, pairs=pairs))
        for each in bots.values():
            each.answer()  # that it is ready
        for number in trades:  # trades are only ever opened
            found = {name: Measured() for name in bots}
            for name, each in bots.items():
                held = each.ask("open", number)["open"]
                if held != number:
                    raise RuntimeError(f"{name} holds {held} trades, not {number}")
            for _ in range(rounds):
                for name, each in bots.items():
                    found[name].add(each.ask("round", steady))
            results[pairs, number] = found
            print(f"{pairs} pairs, {number} trades: done", file=sys.stderr, flush=True)


def shown(values: list[float]) -> str:
    """The median and the range of the middle half, as text."""
    if len(values) < 2:
        return f"{values[0]:.0f}" if values else ""
    low, middle, high = quantiles(values, n=4)
    return f"{middle:.0f} ({low:.0f}-{high:.0f})"


def middle(values: list[float]) -> float:
    return median(values) if values else 0.0


def cpu_table(results: Results, kind: str) -> str:
    """The table of CPU milliseconds: in total, and by Freqtrade and each part of Perpkit."""
    totals = ("bot", "CPU ms", "of stock", "our share")
    columns = (*totals, "Freqtrade", "trade copies", "ccxt", *PARTS)
    lines = [f"| pairs | trades | {' | '.join(columns)} |", "|---:|---:|---|" + "---:|" * 14]
    for (pairs, trades), bots in results.items():
        # Stock Freqtrade has no comparisons: the base for those is its steady cycle.
        base = middle(bots[STOCK].ms("candle" if kind == "candle" else "steady"))
        for name, found in bots.items():
            total = found.ms(kind)
            cells = [
                name,
                shown(total),
                f"{middle(total) / base:.2f}" if base and total else "",
                f"{middle(found.shares(kind)):.0%}" if total and name != STOCK else "",
                f"{middle(found.ms(kind, FREQTRADE, through='')):.1f}",
                f"{middle(found.ms(kind, 'copies', through='')):.1f}",
                f"{middle(found.ms(kind, through=CCXT)):.1f}",
                *(f"{middle(found.ms(kind, part, through='')):.1f}" for part in PARTS),
            ]
            lines.append(f"| {pairs} | {trades} | {' | '.join(cells)} |")
    return "\n".join(lines)


def requests_table(results: Results) -> str:
    """The table of requests, as number (weight), and of statements and commits, by origin.

    Statements and commits are those of the last steady cycle that counted them.
    """
    titles = [f"{kind}, {whose}" for kind in KINDS for whose in ("Freqtrade", "Perpkit")]
    columns = ("bot", *titles, "statements, Freqtrade", "Perpkit", "commits, Freqtrade", "Perpkit")
    lines = [f"| pairs | trades | {' | '.join(columns)} |", "|---:|---:|---|" + "---:|" * 10]
    for (pairs, trades), bots in results.items():
        for name, found in bots.items():
            cells = [name]
            for kind in KINDS:
                for ours in (False, True):
                    number, weight = found.requests(kind, ours=ours)
                    cells.append(f"{number:g} ({weight:g})")
            for verb in ("statement", "COMMIT"):
                cells += [str(found.count(verb, ours=ours)) for ours in (False, True)]
            lines.append(f"| {pairs} | {trades} | {' | '.join(cells)} |")
    return "\n".join(lines)


def source(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    path = Path(folder).resolve()
    if not (folder and (path / "perpkit").is_dir() and name != STOCK):
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=DIR with a checkout at DIR")
    return name, path


def main() -> None:
    parser = argparse.ArgumentParser(prog="live_cycle", description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[10, 50, 200])
    parser.add_argument("--trades", type=int, nargs="+", default=[0, 5, 20])
    parser.add_argument("--rounds", type=int, default=3, help="cycles with a new candle")
    parser.add_argument(
        "--steady",
        type=int,
        default=13,
        help="cycles without one, a round; a comparison is among 13",
    )
    parser.add_argument("--source", type=source, action="append", metavar="NAME=DIR")
    parser.add_argument("--quick", action="store_true", help="10 pairs, 0 and 3 trades")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.pairs, arguments.trades = [10], [0, 3]
        arguments.rounds = 2
    sources = dict(arguments.source or [("now", CHECKOUT)])
    results: Results = {}
    try:
        for pairs in sorted(arguments.pairs):  # a pair has at most one trade
            trades = [number for number in sorted(arguments.trades) if number <= pairs]
            measure(results, sources, pairs, trades, arguments.rounds, arguments.steady)
    except KeyboardInterrupt:
        print("interrupted: this is what there is", file=sys.stderr)
    for kind in KINDS:
        print(f"\nCPU of a cycle, {kind}: ms, median (middle half)\n\n{cpu_table(results, kind)}")
    print(
        f"\nRequests (weight) of a cycle, statements of a steady one\n\n{requests_table(results)}"
    )


if __name__ == "__main__":
    main()

"""One bot of benchmarks/live_cycle.py, in a process of its own: `-m benchmarks.cycle_bot`.

Arguments define its market. Its standard input takes one command per line: `open N` enters until N
trades are open, `round N` measures a cycle with a new candle and N without one, and `grow N`
measures the memory that N hours add. It answers each with one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import sqlite3
import sys
import tempfile
import time
import warnings
from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

from benchmarks.cycle_memory import growth
from benchmarks.cycle_shares import FREQTRADE, WIRE, Shares, whose
from perpkit.durations import DAY_MS
from perpkit.venue.http.weights import cost_of
from perpkit.venue.market import synthetic
from perpkit.venue.market.history import History
from perpkit.venue.market.universe import first_pairs, lifetime, universe
from tests.bench import in_process
from tests.bench.in_process import InProcessBot
from tests.bench.live import live_bench
from tests.bench.wire import Wire

OURS, STOCK = "HeldSwing", "StockSwing"
STRATEGIES = Path(__file__).parent / "strategies"
FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)
WARM_UP_DAYS, DAYS_TO_COME = 40, 20
SEED = 3
STEP = timedelta(seconds=5)  # Freqtrade's own
HOUR_S = 3600
STAKE = 300
MOST_TRADES = 30
# Kinds of cycles.
CANDLE, COMPARISON, STEADY = "candle", "comparison", "steady"


def market(count: int) -> History:
    """A market of `count` USDT perpetuals that are listed throughout, the five largest first."""
    begin = int(FIRST_DAY.timestamp() * 1000)
    days = WARM_UP_DAYS + DAYS_TO_COME
    anchor = begin + WARM_UP_DAYS * DAY_MS
    models = (universe(anchor)[pair] for pair in first_pairs(len(universe(anchor)), anchor))
    lasting = []
    for model in models:
        life = lifetime(SEED, model, anchor)
        whole = life is None or (life.onboard <= begin and life.delivery > begin + days * DAY_MS)
        if whole and not model.traditional and model.instrument.quote == "USDT":
            lasting.append(model.instrument.pair)
    pairs = lasting[:count]
    return synthetic.generate(seed=SEED, start=begin, days=days, pairs=pairs, anchor=anchor)


class Counted:
    """Counts all requests, and statements of the database while `statements` is a counter."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, int]] = []
        self.statements: Counter[tuple[str, str]] | None = None

    def asked(self, method: str, url: str) -> None:
        parts = urlsplit(url)
        cost = cost_of(method, parts.path, dict(parse_qsl(parts.query)))
        cause, _ = whose(sys._getframe(2))
        self.requests.append((cause, f"{method} {parts.path}", cost.weight if cost else 0))

    def executed(self, statement: str) -> None:
        if self.statements is not None:
            cause, _ = whose(sys._getframe(1))
            verb = statement.split(None, 1)[0].upper()
            self.statements[cause, "COMMIT" if verb == "COMMIT" else "statement"] += 1


class CycleBot:
    """Measures the cycles of one bot one by one."""

    def __init__(self, bot: InProcessBot, counted: Counted) -> None:
        self._bot = bot
        self._counted = counted
        self._shares = Shares(excluded=bot.wire._thread)

    def open(self, count: int) -> dict[str, Any]:
        """Enters at the market, like an operator, until `count` trades are open."""
        freqtrade = self._bot.bot
        held = {trade.pair for trade in self._bot.trades() if trade.is_open}
        for pair in freqtrade.active_pair_whitelist:
            if len(held) >= count:
                break
            if pair not in held:
                with freqtrade._exit_lock:
                    freqtrade.execute_entry(pair, STAKE, ordertype="market")
                held = {trade.pair for trade in self._bot.trades() if trade.is_open}
        self._bot.run(3, STEP)  # until the stops are placed and nothing is left to reconcile
        return {"open": sum(trade.is_open for trade in self._bot.trades())}

    def round(self, steady: int) -> dict[str, Any]:
        """Measures the first cycle after the full hour, and later `steady` more.

        One cycle in between counts the statements of the database, without being measured.
        """
        self._to_next_hour()
        cycles = [self._cycle()]
        self._bot.sleep(70)
        self._bot.run(2, STEP)  # the first does the jobs that are due at minute 1
        self._counted.statements = Counter()
        self._cycle()
        statements, self._counted.statements = self._counted.statements, None
        cycles += [self._cycle() for _ in range(steady)]
        counts = [(cause, verb, n) for (cause, verb), n in statements.items()]
        return {"cycles": cycles, "statements": counts}

    def grow(self, hours: int) -> dict[str, Any]:
        """Bytes that each hour adds to the memory in use, by holder."""

        def hour() -> None:
            self._to_next_hour()
            self._bot.run(3, STEP)

        hour()
        return {"bytes": growth(hour, hours)}

    def _to_next_hour(self) -> None:
        """Sleeps into the next hour, after a cycle just before it that does what else is due."""
        left = HOUR_S - self._bot.now.timestamp() % HOUR_S
        if left > 20:
            self._bot.sleep(left - 8)
        self._bot.run(1, STEP)
        left = HOUR_S - self._bot.now.timestamp() % HOUR_S
        self._bot.sleep(left + 1 if left < HOUR_S / 2 else 0)

    def _cycle(self) -> dict[str, Any]:
        self._counted.requests.clear()
        with self._shares.measured():
            self._bot.run(1, STEP)
        ms = {key: 1000 * s for key, s in self._shares.seconds.items() if key[1] != WIRE}
        requests = list(self._counted.requests)
        paths = Counter(path.split()[1] for _, path, _ in requests)
        kind = STEADY
        if paths["/fapi/v1/klines"] > 1:
            kind = CANDLE
        elif any(c != FREQTRADE and "Orders" in path for c, path, _ in requests):
            kind = COMPARISON
        return {
            "kind": kind,
            "ms": [(*key, value) for key, value in ms.items()],
            "requests": requests,
            "trades": sum(trade.is_open for trade in self._bot.trades()),
        }


def counting(counted: Counted) -> ExitStack:
    """Counts every request and every SQLite statement until the stack is closed."""
    stack, ask, connect = ExitStack(), Wire.ask, sqlite3.connect

    def asking(wire: Wire, method: str, url: str, *rest: Any) -> Any:
        counted.asked(method, url)
        return ask(wire, method, url, *rest)

    def connecting(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        connection.set_trace_callback(counted.executed)
        return connection

    stack.enter_context(mock.patch.object(Wire, "ask", asking))
    for module in (sqlite3, sqlite3.dbapi2):
        stack.enter_context(mock.patch.object(module, "connect", connecting))
    return stack


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--strategy", required=True, choices=(OURS, STOCK))
    parser.add_argument("--pairs", type=int, required=True)
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answers, sys.stdout = sys.stdout, sys.stderr
    history, start = market(arguments.pairs), FIRST_DAY + timedelta(days=WARM_UP_DAYS)
    counted = Counted()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="cycle-"))
        stack.enter_context(counting(counted))
        stack.enter_context(mock.patch.object(in_process, "STRATEGIES", STRATEGIES))
        settings = {
            "max_open_trades": MOST_TRADES,
            "stake_amount": STAKE,
            "db_url": f"sqlite:///{folder}/trades.sqlite",
        }
        live = live_bench(arguments.strategy, history, start, **settings)
        bot, _ = stack.enter_context(live)
        began = time.process_time()
        bot.run(3, STEP)
        measured = CycleBot(bot, counted)
        print(json.dumps({"ready": time.process_time() - began}), file=answers, flush=True)
        for line in sys.stdin:
            what, number = line.split()
            answer = {"open": measured.open, "round": measured.round, "grow": measured.grow}[what]
            print(json.dumps(answer(int(number))), file=answers, flush=True)


if __name__ == "__main__":
    main()

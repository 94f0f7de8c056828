"""What Freqtrade costs around the trades, what the arithmetic alone would cost, where we stand."""

from __future__ import annotations

import json
import sys
from typing import Any

from benchmarks.backtests import REPOSITORY, run_backtest
from benchmarks.measured import Measured, Scale, Table, interleaved
from benchmarks.processes import STOCK, run
from benchmarks.whole_backtests import Case

IDLE = """
from InTheMarket import InTheMarket


class Idle(InTheMarket):
    def populate_entry_trend(self, dataframe, metadata):
        return super().populate_entry_trend(dataframe, metadata).assign(enter_long=0, enter_short=0)
"""


def limits(scale: Scale) -> Table:
    """The plain strategy: stock, accelerated, Freqtrade without a trade, arithmetic without it."""
    table = Table(
        "Limits: whole processes, user CPU",
        note="Without trades: the same strategy with no signal: imports, candles, indicators, an "
        "empty loop, statistics. Arithmetic alone: `benchmarks.arithmetic`, which finds the same "
        "trades with arrays, without Freqtrade.",
    )
    for frame in ("1h", "5m"):
        case = Case("InTheMarket", frame, settings={"stake_amount": 500})
        seen: dict[str, dict[str, Any]] = {}

        def of_freqtrade(name: str, stock: bool, case: Case = case, seen: dict = seen) -> Measured:
            found, stats = case.run(scale, stock=stock)
            ratios = [trade["profit_ratio"] for trade in stats["trades"]]
            fee = stats["trades"][0]["fee_open"]
            seen[name] = {"mean": sum(ratios) / len(ratios), "fee": fee}
            return found

        def arithmetic(frame: str = frame, case: Case = case, seen: dict = seen) -> Measured:
            span = case.timerange(scale).split("-")
            command = [sys.executable, "-m", "benchmarks.arithmetic", frame, *span]
            usage = run([*command, str(seen["stock"]["fee"])], REPOSITORY, STOCK)
            if usage.code:
                raise RuntimeError(usage.output[-4000:])
            seen["arithmetic alone"] = answer = json.loads(usage.output)
            return Measured(usage.user_s, answer["trades"], usage.peak_mb)

        runs = {
            "stock": lambda of=of_freqtrade: of("stock", True),
            "accelerated": lambda of=of_freqtrade: of("accelerated", False),
            "stock without trades": lambda case=case: _idle(case, scale, stock=True),
            "accelerated without trades": lambda case=case: _idle(case, scale, stock=False),
            "arithmetic alone": arithmetic,
        }
        found = interleaved(table, frame, runs, scale.rounds)
        base = found["stock"].user_s
        for name, one in found.items():
            mean = seen.get(name, {}).get("mean")
            table.rows.append(
                {"run": f"{frame}, {name}", "s": one.user_s, "of stock": one.user_s / base,
                 "trades": one.work, "peak MB": one.peak_mb,
                 "mean profit of a trade": "" if mean is None else f"{mean:.4%}"}
            )  # fmt: skip
    return table


def _idle(case: Case, scale: Scale, *, stock: bool) -> Measured:
    source = (case.folder / "InTheMarket.py").read_text() + IDLE.replace(
        "from InTheMarket import InTheMarket\n", ""
    )
    ran = run_backtest(
        "Idle", timerange=case.timerange(scale), settings=case.all_settings(), source=source,
        environment=STOCK if stock else None,
    )  # fmt: skip
    return Measured(ran.usage.user_s, len(ran.stats["trades"]), ran.usage.peak_mb)

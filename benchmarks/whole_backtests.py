"""Benchmarks of whole `freqtrade backtesting` and `freqtrade hyperopt` processes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.acceleration_matrix import OF_5M, OWN
from benchmarks.backtests import DATA, PAIRS, REPOSITORY, STRATEGIES, freqtrade, run_backtest
from benchmarks.measured import Measured, Scale, Table, interleaved
from benchmarks.processes import STOCK, run
from tests.bench.same_results import differences

PROTECTED = "--enable-protections"
NO_SCALE_OUT = {"perpkit": {"use": {"scale_out": False}}}
EPOCHS = 40


@dataclass(frozen=True)
class Case:
    """A backtest of one of the bases of docs/evidence/performance.md.

    :param folder: of the strategy's file
    """

    strategy: str
    frame: str = "1h"
    flags: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    folder: Path = STRATEGIES

    def pairs(self) -> list[str]:
        return PAIRS if self.frame == "1h" else OF_5M

    def timerange(self, scale: Scale) -> str:
        if self.frame == "1h":
            return "20230101-20230301" if scale.quick else "20200301-20240101"
        return "20230201-20230208" if scale.quick else "20230201-20240101"

    def all_settings(self) -> dict[str, Any]:
        return {
            "exchange": {"pair_whitelist": self.pairs()},
            "max_open_trades": len(self.pairs()),
            "timeframe": self.frame,
            **self.settings,
        }

    def run(self, scale: Scale, *, stock: bool) -> tuple[Measured, dict[str, Any]]:
        """:return: what was measured, and the statistics"""
        ran = run_backtest(
            self.strategy, *self.flags, timerange=self.timerange(scale),
            settings=self.all_settings(), folder=self.folder,
            environment=STOCK if stock else None,
        )  # fmt: skip
        return Measured(ran.usage.user_s, len(ran.stats["trades"]), ran.usage.peak_mb), ran.stats


PLAIN = {
    "plain trend, 1h": Case("InTheMarket"),
    "plain trend, 5m": Case("InTheMarket", "5m"),
    "usual style, 1h": Case("UsualStyle", flags=(PROTECTED,)),
    "usual style, 5m": Case("UsualStyle", "5m", (PROTECTED,)),
}
FULL_STACK = {
    "RsiSmaSwing, 1h": Case("RsiSmaSwing", "1h", (PROTECTED,), NO_SCALE_OUT, OWN),
    "RsiSmaSwing, 1h, scale-out": Case("RsiSmaSwing", "1h", (PROTECTED,), {}, OWN),
    "RsiSmaScalp, 5m": Case("RsiSmaScalp", "5m", (PROTECTED,), NO_SCALE_OUT, OWN),
    "Clockwork, 5m": Case("Clockwork", "5m", (PROTECTED,), NO_SCALE_OUT),
}


def acceleration(scale: Scale) -> Table:
    """Stock against accelerated, the same strategy without anything of Perpkit."""
    table = Table("Stock and accelerated: whole processes, user CPU")
    for name, case in PLAIN.items():
        stats: dict[bool, dict[str, Any]] = {}

        def measured(stock: bool, case: Case = case, stats: dict = stats) -> Measured:
            found, stats[stock] = case.run(scale, stock=stock)
            return found

        runs: dict[str, Callable[[], Measured]] = {
            "stock": lambda measured=measured: measured(True),
            "accelerated": lambda measured=measured: measured(False),
        }
        found = interleaved(table, name, runs, scale.rounds)
        stock, ours = found["stock"], found["accelerated"]
        table.rows.append(
            {
                "strategy": name,
                "stock, s": stock.user_s,
                "accelerated, s": ours.user_s,
                "times faster": stock.user_s / ours.user_s,
                "trades": stock.work,
                "values that differ": sum(1 for _ in differences(stats[True], stats[False])),
                "stock, peak MB": stock.peak_mb,
                "accelerated, peak MB": ours.peak_mb,
            }
        )
    return table


def layer(scale: Scale) -> Table:
    """Plain, attached, and with its breakers, accelerated, against the plain one at stock."""
    table = Table("Plain and attached: whole processes, user CPU, of the plain strategy at stock")
    attached = {"perpkit": {"attach": True}}
    for frame in ("1h", "5m"):
        cases = {
            "plain, stock": Case("InTheMarket", frame),
            "plain": Case("InTheMarket", frame),
            "attached, idle": Case("InTheMarket", frame, settings=attached),
            "attached, all breakers": Case("InTheMarket", frame, (PROTECTED,), attached),
        }
        runs = {
            name: lambda case=case, name=name: case.run(scale, stock="stock" in name)[0]
            for name, case in cases.items()
        }
        found = interleaved(table, frame, runs, scale.rounds)
        base = found["plain, stock"].user_s
        table.rows += [
            {"run": f"{frame}, {name}", "s": one.user_s, "of stock": one.user_s / base,
             "trades": one.work, "peak MB": one.peak_mb}
            for name, one in found.items()
        ]  # fmt: skip
    return table


def full_stack(scale: Scale) -> Table:
    """The full stack, accelerated, against stock that opens and closes the same trades."""
    table = Table(
        "Full stack, accelerated, of stock with the same trades and no callback",
        note="Stock opens and closes in the candles of the full stack, by signals of a file. A "
        "trade that closes in the candle of its entry, or follows another of its side at once, "
        "cannot be opened so.",
    )
    for name, case in FULL_STACK.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "trades.json"
            _, stats = case.run(scale, stock=False)
            keys = ("pair", "is_short", "open_timestamp", "close_timestamp")
            trades = [{key: trade[key] for key in keys} for trade in stats["trades"]]
            file.write_text(json.dumps(trades))
            bare = Case("Replayed", case.frame, settings={"replayed": str(file)})
            runs = {
                "stock": lambda bare=bare: bare.run(scale, stock=True)[0],
                "full stack": lambda case=case: case.run(scale, stock=False)[0],
            }
            found = interleaved(table, name, runs, scale.rounds)
        stock, full = found["stock"], found["full stack"]
        table.rows.append(
            {"strategy": name, "stock, s": stock.user_s, "full stack, s": full.user_s,
             "ratio": full.user_s / stock.user_s, "trades, stock": stock.work,
             "trades": full.work, "peak MB": full.peak_mb}
        )  # fmt: skip
    return table


def hyperopt(scale: Scale) -> Table:
    """Epochs per minute of user CPU, one worker, whole processes."""
    table = Table("Hyperopt: epochs per minute of user CPU, one worker")
    epochs = 5 if scale.quick else EPOCHS
    settings = Case("InTheMarket").all_settings()
    attached = {**settings, "perpkit": {"attach": True}}
    runs = {
        "stock": lambda: _epochs(epochs, settings, scale, STOCK),
        "accelerated": lambda: _epochs(epochs, settings, scale, None),
        "attached, accelerated": lambda: _epochs(epochs, attached, scale, None),
    }
    found = interleaved(table, "InTheMarket, 1h", runs, scale.rounds)
    base = found["stock"].user_s
    for name, one in found.items():
        table.rows.append(
            {"run": name, "epochs": one.work, "s": one.user_s,
             "epochs a minute": 60 * one.work / one.user_s, "times stock": base / one.user_s,
             "peak MB": one.peak_mb}
        )  # fmt: skip
    return table


def _epochs(
    epochs: int, settings: dict[str, Any], scale: Scale, environment: dict[str, str] | None
) -> Measured:
    span = "20230101-20230301" if scale.quick else "20230101-20240101"
    with tempfile.TemporaryDirectory() as folder:
        userdir = Path(folder)
        command = freqtrade("hyperopt", "InTheMarket", STRATEGIES, userdir, settings, DATA)
        flags = [
            "--timerange", span, "--epochs", str(epochs), "-j", "1", "--spaces", "buy",
            "--hyperopt-loss", "SharpeHyperOptLossDaily", "--random-state", "1",
            "--disable-param-export",
        ]  # fmt: skip
        usage = run([*command, *flags], REPOSITORY, environment)
        results = list((userdir / "hyperopt_results").glob("*.fthypt"))
        done = len(results[0].read_text().splitlines()) if results else 0
    if usage.code or done != epochs:
        raise RuntimeError(f"{done} of {epochs} epochs:\n{usage.output[-4000:]}")
    return Measured(usage.user_s, done, usage.peak_mb)

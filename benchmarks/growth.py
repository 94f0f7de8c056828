"""How the cost of `backtest()` grows with candles, pairs and trades, stock and accelerated.

The exponent is that between the two largest sizes: 1 when twice as much costs twice as much.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.backtests import DATA, PAIRS, REPOSITORY
from benchmarks.measured import Measured, Scale, Table, interleaved
from benchmarks.processes import STOCK, run

# Pairs of the made-up markets without real candles get those of others.
COPIED = {"SOL": "BTC", "BNB": "ETH"}


@dataclass(frozen=True)
class Size:
    """
    :param number: of what grows
    :param pace: hours that `Paced` holds a trade
    :param at_stock: whether stock is measured too: its protections take time with the square of
        the trades, which is hours for the most of them
    """

    number: int
    timerange: str
    pairs: int = 5
    pace: int = 24
    at_stock: bool = True


def _candles(quick: bool) -> list[Size]:
    ends = ("20200401", "20200601")
    if not quick:
        ends = ("20200601", "20201201", "20210301", "20240101")
    return [Size(_hours("20200301", end), f"20200301-{end}") for end in ends]


def _pairs(quick: bool) -> list[Size]:
    return [Size(n, _year(quick), pairs=n) for n in ((1, 3) if quick else (1, 3, 7))]


def _trades(quick: bool) -> list[Size]:
    if quick:
        return [Size(n, _year(quick), pace=n) for n in (24, 6)]
    return [Size(n, _year(quick), pace=n, at_stock=n > 2) for n in (96, 24, 6, 2)]


GROWING: dict[str, Callable[[bool], list[Size]]] = {
    "candles": _candles,
    "pairs": _pairs,
    "trades": _trades,
}


def _year(quick: bool) -> str:
    return "20230101-20230201" if quick else "20230101-20240101"


def _hours(since: str, until: str) -> int:
    return int((pd.Timestamp(until) - pd.Timestamp(since)) / pd.Timedelta("1h"))


def growth(what: str, scale: Scale) -> Table:
    """CPU of `backtest()` alone, as candles, pairs or trades become more.

    :param what: grows, of `GROWING`
    """
    table = Table(
        f"Growth of `backtest()` with {what}: user CPU, with Freqtrade's four protections",
        note="The exponent is that between the two largest sizes of the row. Growing trades are "
        "held half of the time at every size; growing candles bring trades with them.",
    )
    sizes = GROWING[what](scale.quick)
    with tempfile.TemporaryDirectory() as folder:
        datadir = _datadir(Path(folder))
        for name, environment in (("stock", STOCK), ("accelerated", {})):
            measured = [size for size in sizes if size.at_stock or name != "stock"]
            found = interleaved(
                table, f"{what}, {name}",
                {str(n): _run(size, environment, datadir) for n, size in enumerate(measured)},
                scale.rounds,
            )  # fmt: skip
            costs = [found[str(n)] for n in range(len(measured))]
            amounts = [c.work if what == "trades" else s.number
                       for c, s in zip(costs, measured, strict=True)]  # fmt: skip
            ratio = log(costs[-1].user_s / costs[-2].user_s) / log(amounts[-1] / amounts[-2])
            table.rows.append(
                {"growing": f"{what}, {name}", "from": f"{amounts[0]:,}",
                 "to": f"{amounts[-1]:,}", "trades": f"{costs[0].work}-{costs[-1].work}",
                 "s": " / ".join(f"{cost.user_s:.2f}" for cost in costs),
                 "exponent": ratio}
            )  # fmt: skip
    return table


def _run(size: Size, environment: dict[str, str], datadir: Path) -> Callable[[], Measured]:
    pairs = [*PAIRS, *(f"{base}/USDT:USDT" for base in COPIED)][: size.pairs]
    settings: dict[str, Any] = {"pace": size.pace, "enable_protections": True}
    command = [
        sys.executable, "-m", "benchmarks.loop_cost", "Paced", size.timerange, "--pairs", *pairs,
        "--settings", json.dumps(settings), "--datadir", str(datadir),
    ]  # fmt: skip

    def measured() -> Measured:
        usage = run(command, REPOSITORY, environment)
        if usage.code:
            raise RuntimeError(usage.output[-4000:])
        answer = json.loads(usage.output.splitlines()[-1])
        return Measured(answer["user_s"], answer["trades"], usage.peak_mb)

    return measured


def _datadir(folder: Path) -> Path:
    """The real 1h candles, and two more pairs with those of others."""
    (folder / "futures").mkdir()
    for path in (DATA / "futures").glob("*-1h-*.feather"):
        (folder / "futures" / path.name).symlink_to(path)
    for base, of in COPIED.items():
        for path in (DATA / "futures").glob(f"{of}_*-1h-*.feather"):
            frame = pd.read_feather(path)
            frame.to_feather(folder / "futures" / path.name.replace(of, base, 1))
    return folder

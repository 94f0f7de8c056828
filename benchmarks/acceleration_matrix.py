"""Whether accelerated backtests have the trades of stock ones: strategies by options.

    python -m benchmarks.acceleration_matrix [--strategies NAME...] [--options NAME...]
        [--months 3] [--json FILE] [--off switch]

Each cell runs a whole `freqtrade backtesting` twice on real candles, and compares the two exports:
every field of every trade and of its orders, every lock and every statistic, to 1e-9. Where nothing
of Perpkit is in the cell, the base is Freqtrade without the start-up hook; where its layer or a
strategy of the package is, the base is the same with `"perpkit": {"acceleration": false}`.
`--off switch` takes the second base in all cells. The table has the number of trades (orders), and
the number of values that differ. Exits with 1 if any does.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.backtests import PAIRS, REPOSITORY, STRATEGIES, run_backtest
from benchmarks.processes import STOCK
from tests.bench.same_results import differences

MADE_FOR_TESTS = REPOSITORY / "tests/bench/strategies"
OWN = REPOSITORY / "strategies"
OF_5M = [PAIRS[n] for n in (0, 1, 3)]
SHOWN = 3

STOCK_PROTECTIONS = [
    {"method": "CooldownPeriod", "stop_duration_candles": 3},
    {"method": "StoplossGuard", "lookback_period_candles": 48, "trade_limit": 2,
     "stop_duration_candles": 6, "only_per_pair": True},
    {"method": "MaxDrawdown", "lookback_period_candles": 72, "trade_limit": 5,
     "stop_duration_candles": 12, "max_allowed_drawdown": 0.05},
    {"method": "LowProfitPairs", "lookback_period_candles": 72, "trade_limit": 2,
     "stop_duration_candles": 24, "required_profit": -0.005},
]  # fmt: skip


@dataclass(frozen=True)
class Tried:
    """A strategy of the matrix.

    :param folder: of its file
    :param settings: of the configuration
    :param frames: timeframes that it can have
    :param perpkit: it has something of Perpkit
    """

    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    frames: tuple[str, ...] = ("1h", "5m")
    perpkit: bool = False

    @property
    def attached(self) -> Tried:
        return Tried(self.folder, {**self.settings, "perpkit": {"attach": True}}, self.frames, True)


_PLAIN = {
    "InTheMarket": Tried(STRATEGIES),
    "UsualStyle": Tried(STRATEGIES),
    "PlainTrend": Tried(MADE_FOR_TESTS),
    "PlainAveraging": Tried(MADE_FOR_TESTS),
    "PlainMonster": Tried(MADE_FOR_TESTS),
    "PlainForecast": Tried(MADE_FOR_TESTS, frames=("1h",)),
    "PlainSteep": Tried(MADE_FOR_TESTS, {"asks": {"leverage": 15.0, "addition": 400.0}}),
    "RandomTrades": Tried(MADE_FOR_TESTS, {"random_trades": 1}),
}
STRATEGIES_TRIED = {
    **_PLAIN,
    "UsualStyle, attached": _PLAIN["UsualStyle"].attached,
    "PlainAveraging, attached": _PLAIN["PlainAveraging"].attached,
    "RandomTrades, attached": _PLAIN["RandomTrades"].attached,
    "RsiSmaSwing": Tried(OWN, frames=("1h",), perpkit=True),
    "RsiSmaScalp": Tried(OWN, frames=("5m",), perpkit=True),
    "FundingTide": Tried(OWN, frames=("1h",), perpkit=True),
    "Clockwork": Tried(STRATEGIES, perpkit=True),
}


@dataclass(frozen=True)
class Option:
    """
    :param flags: of the command
    :param settings: of the configuration
    :param protected: a strategy without protections gets Freqtrade's
    """

    flags: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    frame: str = "1h"
    pairs: tuple[str, ...] = tuple(PAIRS)
    protected: bool = False


_THREE = tuple(OF_5M)
OPTIONS = {
    "1h": Option(),
    "5m": Option(frame="5m", pairs=_THREE),
    "detail 5m": Option(("--timeframe-detail", "5m"), pairs=_THREE),
    "protections": Option(("--enable-protections",), protected=True),
    "dynamic pairlist": Option(
        ("--enable-dynamic-pairlist",),
        {"pairlists": [{"method": "StaticPairList"},
                       {"method": "ShuffleFilter", "seed": 7, "shuffle_frequency": "candle"},
                       {"method": "OffsetFilter", "offset": 1, "number_assets": 3}]},
    ),
    "cross margin": Option(settings={"margin_mode": "cross"}),
    "fixed stake, few slots": Option(settings={"stake_amount": 777, "max_open_trades": 2}),
    "fee, market orders": Option(
        ("--fee", "0.00123"),
        {"order_types": {"entry": "market", "exit": "market", "stoploss": "market",
                         "stoploss_on_exchange": False}},
    ),
    "all together": Option(
        ("--enable-protections", "--timeframe-detail", "5m", "--enable-dynamic-pairlist"),
        {"margin_mode": "cross"}, pairs=_THREE, protected=True,
    ),
}  # fmt: skip


@dataclass
class Cell:
    """What was found; `error` when a run has no result."""

    strategy: str
    option: str
    trades: int = 0
    orders: int = 0
    locks: int = 0
    different: int = 0
    first: list[str] = field(default_factory=list)
    error: str = ""

    @property
    def shown(self) -> str:
        if self.error:
            return "failed"
        return f"{self.trades} ({self.orders}): {self.different}"


def source_of(tried: Tried, name: str, option: Option) -> tuple[str, str | None]:
    """The name of the class to run, and its source if it is not the file's."""
    if not option.protected:
        return name, None
    path = tried.folder / f"{name}.py"
    if "def protections" in path.read_text() or tried.perpkit:
        return name, None
    source = (
        f"{path.read_text()}\n\nclass Protected({name}):\n    protections = {STOCK_PROTECTIONS!r}\n"
    )
    return "Protected", source


def compared(label: str, option_name: str, months: int, base: str) -> Cell | None:
    """Runs a cell; None where the strategy does not have the option's timeframe."""
    tried, option = STRATEGIES_TRIED[label], OPTIONS[option_name]
    if option.frame not in tried.frames:
        return None
    name, source = source_of(tried, label.partition(",")[0], option)
    settings = {
        "max_open_trades": len(option.pairs),
        "timeframe": option.frame,
        "exchange": {"pair_whitelist": list(option.pairs)},
        **tried.settings,
        **option.settings,
    }
    off = {**settings, "perpkit": {**settings.get("perpkit", {}), "acceleration": False}}
    stock = base == "hook" and not tried.perpkit
    span = "20230101", months if option.frame == "1h" else max(1, months // 3)
    flags = (*option.flags, "--timerange", timerange(*span))
    where: dict[str, Any] = {"source": source, "folder": tried.folder}
    cell = Cell(label, option_name)
    try:
        before = run_backtest(
            name, *flags, settings=settings if stock else off,
            environment=STOCK if stock else None, **where,
        ).stats  # fmt: skip
        after = run_backtest(name, *flags, settings=settings, **where).stats
    except RuntimeError as error:
        cell.error = str(error)
        return cell
    found = list(differences(before, after))
    cell.trades, cell.locks = len(before["trades"]), len(before["locks"])
    cell.orders = sum(len(trade["orders"]) for trade in before["trades"])
    cell.different, cell.first = len(found), found[:SHOWN]
    return cell


def timerange(first: str, months: int) -> str:
    return f"{first}-{int(first[:4]) + months // 12}{1 + months % 12:02}01"


def print_table(cells: Mapping[tuple[str, str], Cell | None], options: Iterable[str]) -> None:
    options = list(options)
    print(f"| trades (orders): differences | {' | '.join(options)} |")
    print("|---|" + "---:|" * len(options))
    for strategy in dict.fromkeys(strategy for strategy, _ in cells):
        row = [cells.get((strategy, option)) for option in options]
        print(f"| {strategy} | {' | '.join(cell.shown if cell else '' for cell in row)} |")
    found = [cell for cell in cells.values() if cell]
    failed = sum(bool(cell.error) for cell in found)
    print(
        f"\n{len(found)} cells, {failed} without a result; "
        f"{sum(cell.trades for cell in found)} trades, {sum(cell.locks for cell in found)} locks; "
        f"{sum(cell.different for cell in found)} values differ"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES_TRIED, metavar="NAME")
    parser.add_argument("--options", nargs="+", choices=OPTIONS, metavar="NAME")
    parser.add_argument("--months", type=int, default=3, help="of 1h; a third of them at 5m")
    parser.add_argument("--off", choices=("hook", "switch"), default="hook")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    options = given.options or list(OPTIONS)
    cells: dict[tuple[str, str], Cell | None] = {}
    for strategy in given.strategies or STRATEGIES_TRIED:
        for option in options:
            cell = cells[strategy, option] = compared(strategy, option, given.months, given.off)
            if cell is not None:
                print(f"{strategy}, {option}: {cell.shown}", file=sys.stderr, flush=True)
                for line in [cell.error] if cell.error else cell.first:
                    print(f"    {line}", file=sys.stderr, flush=True)
    print_table(cells, options)
    found = [cell for cell in cells.values() if cell]
    if given.json:
        given.json.write_text(json.dumps([asdict(cell) for cell in found], indent=1))
    if any(cell.different or cell.error for cell in found):
        sys.exit(1)


if __name__ == "__main__":
    main()

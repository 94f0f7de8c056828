"""Whether accelerated backtests have the trades of stock ones: strategies by options.

    python -m benchmarks.acceleration_matrix [--strategies NAME...] [--options NAME...]
        [--months 3] [--json FILE] [--off switch]

Each cell runs `freqtrade backtesting` twice on real candles, the options of a strategy one after
the other in one process and those of its base in another, and compares the two exports: every
field of every trade and of its orders, every lock and every statistic, to 1e-9. Where nothing of
Perpkit is in the cell, the base is Freqtrade without the start-up hook; where its layer or a
strategy of the package is, the base is the same with `"perpkit": {"acceleration": false}`.
`--off switch` takes the second base in all cells. The table has the number of trades (orders), and
the number of values that differ; a cell without a trade says so, since it compares little. Exits
with 1 if any value differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.backtests import DATA, PAIRS, REPOSITORY, STRATEGIES, freqtrade, strategy_path
from benchmarks.processes import STOCK, run
from perpkit.research.marked import load_export
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
    "PlainSteep": Tried(MADE_FOR_TESTS, {"asks": {"leverage": 15.0, "addition": 400.0}}),
    "RandomTrades": Tried(MADE_FOR_TESTS, {"random_trades": 1}),
}
_BASKET = {"perpkit": {"basket": {"weights": dict.fromkeys(PAIRS[:3], 0.1)}}}
STRATEGIES_TRIED = {
    **_PLAIN,
    "UsualStyle, attached": _PLAIN["UsualStyle"].attached,
    "PlainAveraging, attached": _PLAIN["PlainAveraging"].attached,
    "RandomTrades, attached": _PLAIN["RandomTrades"].attached,
    "RsiSmaSwing": Tried(OWN, frames=("1h",), perpkit=True),
    "RsiSmaScalp": Tried(OWN, frames=("5m",), perpkit=True),
    "FundingTide": Tried(OWN, frames=("1h",), perpkit=True),
    "TrendFollowing": Tried(OWN, frames=("1h",), perpkit=True),
    "CrossPairRank": Tried(OWN, frames=("1h",), perpkit=True),
    "Confluence": Tried(OWN, frames=("1h",), perpkit=True),
    "TargetBasket": Tried(OWN, _BASKET, frames=("1h",), perpkit=True),
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
        {"entry_pricing": {"price_side": "other"}, "exit_pricing": {"price_side": "other"},
         "order_types": {"entry": "market", "exit": "market", "stoploss": "market",
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
        count = f"{self.trades} ({self.orders})" if self.trades else "no trades"
        return f"{count}: {self.different}"


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


def row(label: str, options: Iterable[str], months: int, base: str) -> dict[str, Cell]:
    """Runs the cells of a strategy, by option, without those whose timeframe it does not have."""
    tried = STRATEGIES_TRIED[label]
    stock = base == "hook" and not tried.perpkit
    names = [name for name in options if OPTIONS[name].frame in tried.frames]
    settings = {name: _settings(tried, OPTIONS[name]) for name in names}
    off = settings if stock else {name: _off(of) for name, of in settings.items()}
    before = _results(label, off, months, STOCK if stock else None)
    after = _results(label, settings, months, None)
    return {name: _cell(label, name, before[name], after[name]) for name in names}


def _settings(tried: Tried, option: Option) -> dict[str, Any]:
    return {
        "max_open_trades": len(option.pairs),
        "timeframe": option.frame,
        "exchange": {"pair_whitelist": list(option.pairs)},
        **tried.settings,
        **option.settings,
    }


def _off(settings: dict[str, Any]) -> dict[str, Any]:
    return {**settings, "perpkit": {**settings.get("perpkit", {}), "acceleration": False}}


Result = dict[str, Any] | str


def _results(
    label: str, settings: dict[str, dict[str, Any]], months: int, environment: Mapping | None
) -> dict[str, Result]:
    """The statistics of each option, or the output where there are none; all in one process."""
    with tempfile.TemporaryDirectory() as name:
        commands = {}
        for number, (option, own) in enumerate(settings.items()):
            (userdir := Path(name) / str(number)).mkdir()
            commands[option] = _command(label, OPTIONS[option], own, userdir, months)
        file = Path(name) / "commands.json"
        file.write_text(json.dumps(list(commands.values())))
        command = [sys.executable, "-m", "benchmarks.several", str(file)]
        output = run(command, REPOSITORY, environment).output
        found: dict[str, Result] = {}
        for number, option in enumerate(commands):
            exports = list((Path(name) / str(number) / "backtest_results").glob("*.zip"))
            said = output.partition(f"command {number}\n")[2].partition(f"command {number + 1}\n")[
                0
            ]
            found[option] = load_export(exports[0]) if exports else said[-3000:]
        return found


def _command(
    label: str, option: Option, settings: dict[str, Any], userdir: Path, months: int
) -> list[str]:
    tried = STRATEGIES_TRIED[label]
    name, source = source_of(tried, label.partition(",")[0], option)
    path = tried.folder if source is None else strategy_path(userdir, name, source)
    span = timerange(months if option.frame == "1h" else months // 3)
    command = freqtrade("backtesting", name, path, userdir, settings, DATA)
    flags = ["--timerange", span, "--cache", "none", "--export", "trades", *option.flags]
    return [*command[3:], *flags]


def _cell(label: str, option: str, before: Result, after: Result) -> Cell:
    cell = Cell(label, option)
    if isinstance(before, str) or isinstance(after, str):
        cell.error = before if isinstance(before, str) else str(after)
        return cell
    found = list(differences(before, after))
    cell.trades, cell.locks = len(before["trades"]), len(before["locks"])
    cell.orders = sum(len(trade["orders"]) for trade in before["trades"])
    cell.different, cell.first = len(found), found[:SHOWN]
    return cell


def timerange(months: int) -> str:
    """Whole months from the start of 2023; 0 stands for half of one."""
    end = f"20230{1 + months}01" if months else "20230115"
    return f"20230101-{end}"


def print_table(cells: Mapping[tuple[str, str], Cell], options: Iterable[str]) -> None:
    options = list(options)
    print(f"| trades (orders): differences | {' | '.join(options)} |")
    print("|---|" + "---:|" * len(options))
    for strategy in dict.fromkeys(strategy for strategy, _ in cells):
        row = [cells.get((strategy, option)) for option in options]
        print(f"| {strategy} | {' | '.join(cell.shown if cell else '' for cell in row)} |")
    found = cells.values()
    failed = sum(bool(cell.error) for cell in found)
    idle = sum(not (cell.trades or cell.error) for cell in found)
    print(
        f"\n{len(found)} cells, {failed} without a result, {idle} without a trade; "
        f"{sum(cell.trades for cell in found)} trades, {sum(cell.locks for cell in found)} locks; "
        f"{sum(cell.different for cell in found)} values differ"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES_TRIED, metavar="NAME")
    parser.add_argument("--options", nargs="+", choices=OPTIONS, metavar="NAME")
    parser.add_argument(
        "--months", type=int, default=3, choices=range(9), help="of 1h; a third of them at 5m"
    )
    parser.add_argument("--off", choices=("hook", "switch"), default="hook")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    options = given.options or list(OPTIONS)
    cells: dict[tuple[str, str], Cell] = {}
    for strategy in given.strategies or STRATEGIES_TRIED:
        for option, cell in row(strategy, options, given.months, given.off).items():
            cells[strategy, option] = cell
            print(f"{strategy}, {option}: {cell.shown}", file=sys.stderr, flush=True)
            for line in [cell.error] if cell.error else cell.first:
                print(f"    {line}", file=sys.stderr, flush=True)
        if given.json:
            given.json.write_text(json.dumps([asdict(each) for each in cells.values()], indent=1))
    print_table(cells, options)
    if any(cell.different or cell.error for cell in cells.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()

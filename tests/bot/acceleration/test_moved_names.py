"""A Freqtrade that has moved a name that a part uses: the part is off, and all else goes on."""

from __future__ import annotations

import ast
import json
import logging
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import freqtrade.optimize
import pytest
from freqtrade.exceptions import ConfigurationError
from freqtrade.optimize import backtesting
from freqtrade.optimize.backtesting import Backtesting

import perpkit.bot.acceleration as room
from perpkit.bot.acceleration import parts, switch
from perpkit.bot.loading import accelerating
from tests.bench import backtests
from tests.bench.backtests import backtest, write_candles
from tests.bench.source_trees import tree_of
from tests.conftest import REPOSITORY

FOLDER = Path(room.__file__).parent
OF_PARTS = {name: where.partition(":")[0] for name, where in parts.PARTS.items()}


@pytest.fixture(autouse=True)
def nothing_is_imported(monkeypatch):
    """The parts as they are in a process that has not imported them."""
    for name, module in OF_PARTS.items():
        parts.part(name)
        monkeypatch.setattr(room, module.rpartition(".")[2], sys.modules[module])
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(switch, "_said", None)
    yield
    switch.switch_off()


def forget_parts():
    switch.switch_off()
    for module in OF_PARTS.values():
        sys.modules.pop(module, None)


def used(part: str) -> set[str]:
    """The names of Freqtrade that a part needs, each as `module:name`."""
    seams = {seam.where for seam in parts.part(part).seams if not seam.optional}
    owners = {where.rpartition(".")[0] for where in seams if "." in where.partition(":")[2]}
    return seams | owners | _imported(OF_PARTS[part].rpartition(".")[2])


def _imported(module: str) -> set[str]:
    """Those that the module of a part imports."""
    tree, found = tree_of((FOLDER / f"{module}.py").read_text()), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("freqtrade"):
            names = {f"{node.module}:{alias.name}" for alias in node.names}
            found |= {each for each in names if each.replace(":", ".") not in sys.modules}
    return found


def taken_away(monkeypatch, where):
    module, _, name = where.partition(":")
    *owners, name = name.split(".")
    owner = import_module(module)
    for each in owners:
        owner = getattr(owner, each)
    monkeypatch.delattr(owner, name)


def prepared(caplog):
    """What comes of a backtest that is prepared, and what the log says."""
    caplog.clear()
    switch._said = None
    with pytest.raises(KeyError) as stock:  # Freqtrade's own, of an empty configuration
        Backtesting({})
    [line] = [each.message for each in caplog.records if "cceleration" in each.message]
    return repr(stock.value), line


@pytest.mark.parametrize("part", parts.PARTS)
def test_each_name_that_is_gone_switches_off_what_needs_it(part, caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    everywhere = {name: used(name) for name in parts.PARTS}
    expected, line = prepared(caplog)
    assert line == f"Acceleration is on: {', '.join(parts.PARTS)}."
    for where in sorted(everywhere[part]):
        needing = [name for name, names in everywhere.items() if where in names]
        if needing[0] != part:
            continue  # it was gone in the case of that part
        forget_parts()
        with monkeypatch.context() as patch:
            taken_away(patch, where)
            outcome, line = prepared(caplog)
            switch.switch_off()
        assert outcome == expected
        on, _, off = line.removeprefix("Acceleration is on: ").removesuffix(".").partition("; ")
        assert [each.partition(" is off, because ")[0] for each in off.split("; ")] == needing
        assert on.split(", ") == [name for name in parts.PARTS if name not in needing]
        assert off.count(where.rpartition(":")[2].rpartition(".")[2]) >= len(needing)


def test_a_switch_that_cannot_be_imported_leaves_backtests_as_they_are(caplog, monkeypatch):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(room, "switch", switch)
    monkeypatch.delitem(sys.modules, switch.__name__)
    monkeypatch.delattr("freqtrade.enums.TRADE_MODES")
    _, line = prepared(caplog)
    assert line.startswith("The acceleration cannot follow this run: ImportError")
    assert "TRADE_MODES" in line


def test_a_wrong_switch_is_refused_all_the_same():
    with pytest.raises(ConfigurationError, match="must be true or false, got 1"):
        Backtesting({"perpkit": {"acceleration": 1}})


@pytest.mark.parametrize("fails", [False, True])
def test_what_cannot_be_forgotten_hides_no_result_and_no_error(monkeypatch, fails):
    class Run:
        config: ClassVar[dict] = {}

        def load_bt_data(self):
            pass

        def backtest(self):
            if fails:
                raise ValueError("of the run")
            return "result"

    def broken():
        raise AttributeError("moved")

    accelerating.accelerate(SimpleNamespace(Backtesting=Run))
    monkeypatch.setattr(switch, "follow", lambda *_, **__: None)
    monkeypatch.setattr(switch, "forget", broken)
    run = Run.__new__(Run)
    if fails:
        with pytest.raises(ValueError, match="of the run"):
            run.backtest()
    else:
        assert run.backtest() == "result"


RENAMED = ("_run_funding_fees", "_check_trade_exit", "DATE_IDX", "get_pair_precision")


@pytest.fixture
def renamed(monkeypatch, tmp_path):
    """Freqtrade's module of backtests, as a release would be that has renamed some of it."""
    source = Path(backtesting.__file__).read_text()
    for name in RENAMED:
        assert name in source
        source = source.replace(name, f"{name}_of_2027")
    path = tmp_path / "backtesting.py"
    path.write_text(source)
    found = type(backtesting)(backtesting.__name__)
    found.__file__ = str(path)
    exec(compile(source, str(path), "exec"), vars(found))
    accelerating.accelerate(found)
    monkeypatch.setitem(sys.modules, backtesting.__name__, found)
    monkeypatch.setattr(freqtrade.optimize, "backtesting", found)
    monkeypatch.setattr(backtests, "Backtesting", found.Backtesting)
    return found


def test_a_backtest_of_such_a_freqtrade_has_the_same_trades(
    renamed, caplog, default_futures_config, offline_markets
):
    caplog.set_level(logging.INFO, switch.__name__)
    write_candles(default_futures_config["datadir"], rows=400)
    stock = backtest(default_futures_config, "PlainTrend", perpkit={"acceleration": False})
    ours = backtest(default_futures_config, "PlainTrend")
    assert len(stock.trades) > 10
    assert ours.trades == stock.trades
    line = caplog.messages[-1]
    on, _, off = line.partition("; ")
    assert on == (
        "Acceleration is on: profits, callbacks, copies of trades, locks, closed trades, "
        "drawdowns, analyzed frames, periods"
    )
    parts_off = [each.partition(" is off, because ")[0] for each in off.split("; ")]
    assert parts_off == ["funding", "tick sizes", "rows", "candles"]


# In a process of its own, which has imported nothing for backtests.
TRADING = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar
from freqtrade.enums import CandleType, RunMode
from freqtrade.freqtradebot import FreqtradeBot
from freqtrade.resolvers import StrategyResolver

config = {
    "runmode": RunMode.LIVE, "strategy_path": sys.argv[1], "stake_currency": "USDT",
    "stake_amount": 100, "dry_run": False, "trading_mode": "futures", "margin_mode": "isolated",
    "timeframe": "1h", "candle_type_def": CandleType.FUTURES, "max_open_trades": 3, "pairlists": [],
    "exchange": {"name": "binance", "pair_whitelist": []}, "user_data_dir": Path("user_data"),
}
for name, own in (("RsiSmaSwing", {}), ("PlainTrend", {"attach": True})):
    strategy = StrategyResolver.load_strategy({**config, "strategy": name, "perpkit": own})
    assert strategy._perpkit
try:
    FreqtradeBot()
except TypeError:
    print(json.dumps([*sys.modules]))
"""


def test_a_bot_and_what_it_trades_have_imported_no_part():
    """A strategy of the package, and one to which the layer is attached."""
    done = subprocess.run(
        [sys.executable, "-c", TRADING, str(backtests.STRATEGIES)],
        capture_output=True, text=True, check=True, cwd=REPOSITORY,
    )  # fmt: skip
    modules = set(json.loads(done.stdout.splitlines()[-1]))
    assert {"perpkit.bot.strategy", "perpkit.bot.layer.layer", switch.__name__} <= modules
    assert not set(OF_PARTS.values()) & modules
    assert "freqtrade.optimize.backtesting" not in modules


def test_import_linter_keeps_every_part_from_bots():
    tool = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]
    [contract] = [each for each in tool["contracts"] if "part of the accel" in each["name"]]
    assert set(contract["forbidden_modules"]) == set(OF_PARTS.values())

"""What stock commands write about our strategies, as a user of an installation runs them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.bench.installation import install, tree
from tests.cases import SLOW
from tests.freqtrade_cli import run_freqtrade

pytestmark = pytest.mark.integration

OLD = """
from freqtrade.strategy import IStrategy

class Mine(IStrategy):
    def populate_indicators(self, dataframe, metadata): return dataframe
    def populate_buy_trend(self, dataframe, metadata): return dataframe
    def populate_sell_trend(self, dataframe, metadata): return dataframe
"""


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """An installation before all others on the path, and where our strategies lie in it."""
    site = tmp_path / "site"
    strategies = install(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.chdir(tmp_path)  # `python -m` looks there first
    return strategies


# Each link of this chain is in tests/contract/test_own_strategies_seams.py.
@SLOW
def test_hyperopt_writes_to_the_user_whose_later_runs_use_it(bot, installed):
    old = {"strategy_name": "RsiSmaSwing", "params": {"sell": {"stop_distance": 0.123}}}
    (installed / "RsiSmaSwing.json").write_text(json.dumps(old))
    before = tree(installed)
    written = bot.userdir / "strategies" / "RsiSmaSwing.json"
    common = (f"--datadir={bot.datadir}", "--strategy=RsiSmaSwing", "--timerange=20250118-20250220")

    def run(command: str, *arguments: str) -> str:
        output = bot(command, *arguments, exchange={"pair_whitelist": ["BTC/USDT:USDT"]}).stdout
        assert tree(installed) == before, output[-3000:]
        return output

    output = run(
        "hyperopt", *common, "--spaces=sell", "--hyperopt-loss=SharpeHyperOptLossDaily",
        "--epochs=1", "--random-state=1", "--job-workers=1", "--min-trades=1",
    )  # fmt: skip
    assert f"{installed / 'RsiSmaSwing.py'}'" in output, output[-3000:]
    assert f"{installed / 'RsiSmaSwing.json'} of an older release is ignored" in output
    assert f"Dumping parameters to {written}" in output, output[-3000:]
    found = json.loads(written.read_text())["params"]

    written.unlink()
    output = run("hyperopt-show", "--best", "--no-header")
    assert f"Dumping parameters to {written}" in output, output[-3000:]
    assert json.loads(written.read_text())["params"] == found

    output = run("backtesting", *common, "--cache=none")
    stop = found["sell"]["stop_distance"]
    assert f"Loading parameters from file {written}" in output, output[-3000:]
    assert f"Strategy Parameter: stop_distance = {stop}\n" in output, output[-3000:]
    (stored,) = (bot.userdir / "backtest_results").glob("*.zip")
    with zipfile.ZipFile(stored) as archive:
        (name,) = (each for each in archive.namelist() if each.endswith("_RsiSmaSwing.json"))
        assert archive.read(name).decode() == written.read_text()


def test_strategy_updater_sees_only_the_files_of_the_user(installed, tmp_path):
    userdir = tmp_path / "user_data"
    backups = userdir / "strategies_orig_updater"
    for folder in (userdir / "strategies", backups):
        folder.mkdir(parents=True)
    (userdir / "strategies" / "Mine.py").write_text(OLD)
    (backups / "RsiSmaSwing.py").write_text("of a file of the user's")
    before = tree(installed)
    result = run_freqtrade(["strategy-updater", f"--userdir={userdir}"])
    assert tree(installed) == before
    assert f"{installed / 'RsiSmaSwing.py'} comes with Perpkit" in result.stdout, result.stdout
    assert "populate_entry_trend" in (userdir / "strategies" / "Mine.py").read_text()
    assert tree(backups) == {"RsiSmaSwing.py": "of a file of the user's", "Mine.py": OLD}

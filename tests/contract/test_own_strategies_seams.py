"""The seams behind keeping our strategies as they are. Seen to hold on Freqtrade 2026.6 to 2026.9.

Our strategies lie in an installation of their own here: what fails would write into it.
"""

from __future__ import annotations

import inspect
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import freqtrade
import pytest
from freqtrade.commands import strategy_utils_commands
from freqtrade.enums import RunMode
from freqtrade.optimize.hyperopt_tools import HyperoptTools
from freqtrade.optimize.optimize_reports import bt_storage
from freqtrade.resolvers import StrategyResolver
from freqtrade.strategy.hyper import HyperStrategyMixin

from perpkit.bot.loading import plugins
from tests.bench.installation import install_plugins, tree
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.contract

OURS = sorted(path.stem for path in (REPOSITORY / "strategies").glob("*.py"))
OLD = """
from freqtrade.strategy import IStrategy

class {name}(IStrategy):
    timeframe = "1h"
    stoploss = -0.1
    def populate_indicators(self, dataframe, metadata): return dataframe
    def populate_buy_trend(self, dataframe, metadata): return dataframe
    def populate_sell_trend(self, dataframe, metadata): return dataframe
"""
CALLS = [
    # The configuration is there when a strategy looks for its parameters.
    (HyperStrategyMixin.__init__, ("self.config = config", "self.load_params_from_file()")),
    (
        HyperStrategyMixin.load_params_from_file,
        ('getattr(self, "__file__", "")', 'Path(filename_str).with_suffix(".json")'),
    ),
    (
        HyperoptTools.try_export_params,
        (
            "HyperoptTools.get_strategy_filename(config, strategy_name)",
            'HyperoptTools.export_params(params, strategy_name, fn.with_suffix(".json"))',
        ),
    ),
    (strategy_utils_commands.start_strategy_update, ("start_conversion(strategy_obj, config)",)),
    (bt_storage.store_backtest_results, ('strategy_path.with_suffix(".json")',)),
]


@pytest.mark.parametrize(
    ("function", "texts"), CALLS, ids=lambda each: getattr(each, "__name__", "")
)
def test_freqtrade_calls_what_is_adjusted(function, texts):
    source, after = inspect.getsource(function), 0
    for text in texts:
        after = source.index(text, after) + len(text)


@pytest.mark.parametrize("path", ["optimize/hyperopt/hyperopt.py", "commands/hyperopt_commands.py"])
def test_hyperopt_and_its_results_export_by_the_same_call(path):
    source = (Path(freqtrade.__file__).parent / path).read_text()
    assert source.count("HyperoptTools.try_export_params(") == 1
    assert "HyperoptTools.export_params(" not in source


def test_strategies_are_converted_in_one_place():
    source = inspect.getsource(strategy_utils_commands)
    assert source.count("StrategyUpdater()") == 1
    assert "StrategyUpdater()" in inspect.getsource(strategy_utils_commands.start_conversion)


@pytest.fixture
def installed(tmp_path, monkeypatch) -> Path:
    """Where our strategies lie in an installation."""
    package = tmp_path / "site-packages" / "perpkit"
    monkeypatch.setattr(plugins, "PACKAGE", package)
    return install_plugins(package)


@pytest.fixture
def config(default_futures_config: dict[str, Any], installed) -> dict[str, Any]:
    return {**default_futures_config, "strategy": "RsiSmaSwing", "runmode": RunMode.OTHER}


def users(config: dict[str, Any]) -> Path:
    return config["user_data_dir"] / "strategies"


def found(stoploss: float) -> dict[str, Any]:
    """An epoch, as hyperopt gives it to the export."""
    return {
        "fthypt_fileversion": 2,
        "params_not_optimized": {},
        "params_details": {"stoploss": {"stoploss": stoploss}},
    }


def parameters(folder: Path, name: str, stoploss: float) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    content = {"strategy_name": name, "params": {"stoploss": {"stoploss": stoploss}}}
    path.write_text(json.dumps(content))
    return path


def stoploss(config: dict[str, Any]) -> float:
    """Of a strategy that is loaded as every command loads it."""
    return StrategyResolver.load_strategy(dict(config)).stoploss


class TestHyperopt:
    @pytest.mark.parametrize("name", OURS)
    def test_writes_to_the_user_and_later_runs_use_it(self, name, config, installed):
        before, config["strategy"] = tree(installed), name
        HyperoptTools.try_export_params(config, name, found(-0.42))
        assert tree(installed) == before
        assert [path.name for path in users(config).iterdir()] == [f"{name}.json"]
        assert stoploss(config) == -0.42

    def test_without_parameters_the_defaults_of_the_code_hold(self, config):
        assert stoploss(config) == -0.6

    def test_nothing_of_an_older_release_is_used_or_overwritten(self, config, installed, caplog):
        old = parameters(installed, "RsiSmaSwing", -0.13)
        assert stoploss(config) == -0.6
        wanted = users(config) / "RsiSmaSwing.json"
        assert (
            f"{old} of an older release is ignored. To use it, move it to {wanted}." in caplog.text
        )
        before = tree(installed)
        HyperoptTools.try_export_params(config, "RsiSmaSwing", found(-0.42))
        assert stoploss(config) == -0.42
        assert tree(installed) == before

    def test_the_file_of_the_user_may_be_moved_there(self, config, installed):
        users(config).mkdir()
        shutil.move(parameters(installed, "RsiSmaSwing", -0.13), users(config))
        assert stoploss(config) == -0.13

    @pytest.mark.parametrize("key", ["strategy_path", None])
    def test_a_copy_of_the_user_keeps_its_parameters_beside_it(self, key, config, tmp_path):
        folder = tmp_path / "elsewhere" if key else users(config)
        folder.mkdir()
        shutil.copy(REPOSITORY / "strategies" / "RsiSmaSwing.py", folder)
        config |= {key: str(folder)} if key else {}
        HyperoptTools.try_export_params(config, "RsiSmaSwing", found(-0.42))
        assert (folder / "RsiSmaSwing.json").is_file()
        assert stoploss(config) == -0.42

    def test_our_folder_may_be_named(self, config, installed):
        before, config["strategy_path"] = tree(installed), str(installed)
        HyperoptTools.try_export_params(config, "RsiSmaSwing", found(-0.42))
        assert tree(installed) == before
        assert stoploss(config) == -0.42

    def test_the_parameters_of_another_class_are_not_touched(self, config, caplog):
        """The user's RsiSmaSwing.py has a class of another name."""
        mine = parameters(users(config), "RsiSmaSwing", -0.13).with_suffix(".py")
        mine.write_text(OLD.format(name="Mine"))
        before = tree(users(config))
        HyperoptTools.try_export_params(config, "RsiSmaSwing", found(-0.42))
        assert tree(users(config)) == before
        assert f"beside {mine} they would be those of that file" in caplog.text
        assert stoploss(config) == -0.6

    def test_a_class_without_a_file_has_no_parameters(self, config, installed, monkeypatch):
        monkeypatch.chdir(installed)
        strategy = HyperStrategyMixin.__new__(HyperStrategyMixin)
        strategy.__init__({})
        assert strategy._ft_params_from_file == {}

    def test_a_user_directory_around_our_folder_gets_nothing(self, config, installed):
        before, config["user_data_dir"] = tree(installed), installed.parent
        HyperoptTools.try_export_params(config, "RsiSmaSwing", found(-0.42))
        assert tree(installed) == before


class TestStoredResults:
    def stored(self, config: dict[str, Any]) -> dict[str, str]:
        """What a backtest stores about the strategy: suffix and content."""
        config |= {"exportdirectory": config["user_data_dir"], "original_config": {}}
        strategy = StrategyResolver.load_strategy(config)
        stats = {"metadata": {}, "strategy": {}, "strategy_comparison": []}
        files = {"RsiSmaSwing": strategy.__file__}
        bt_storage.store_backtest_results(config, stats, "x", strategy_files=files)
        (path,) = config["user_data_dir"].glob("*.zip")
        with zipfile.ZipFile(path) as archive:
            return {
                Path(name).suffix: archive.read(name).decode()
                for name in archive.namelist()
                if Path(name).stem.endswith("RsiSmaSwing")
            }

    def test_have_the_parameters_in_force(self, config, installed):
        parameters(installed, "RsiSmaSwing", -0.13)
        mine = parameters(users(config), "RsiSmaSwing", -0.42)
        assert self.stored(config) == {
            ".py": (installed / "RsiSmaSwing.py").read_text(),
            ".json": mine.read_text(),
        }

    def test_have_none_where_none_are(self, config, installed):
        parameters(installed, "RsiSmaSwing", -0.13)
        assert set(self.stored(config)) == {".py"}


class TestStrategyUpdater:
    def convert(self, config: dict[str, Any]) -> None:
        for each in StrategyResolver.search_all_objects(config, False):
            strategy_utils_commands.start_conversion(each, config)

    def test_converts_the_users_and_leaves_ours(self, config, installed):
        before = tree(installed)
        users(config).mkdir()
        (users(config) / "RsiSmaSwing.py").write_text(OLD.format(name="Mine"))
        backups = config["user_data_dir"] / "strategies_orig_updater"
        backups.mkdir()
        (backups / "RsiSmaScalp.py").write_text("of a file of the user's")
        self.convert(config)
        assert tree(installed) == before
        assert "populate_entry_trend" in (users(config) / "RsiSmaSwing.py").read_text()
        assert tree(backups) == {
            "RsiSmaSwing.py": OLD.format(name="Mine"),
            "RsiSmaScalp.py": "of a file of the user's",
        }

    @pytest.mark.parametrize("way", ["path", "link", "linked folder", "user directory"])
    def test_leaves_ours_however_they_are_reached(self, way, config, installed):
        before = tree(installed)
        if way == "path":
            config["strategy_path"] = str(installed)
        elif way == "link":
            users(config).mkdir()
            (users(config) / "RsiSmaSwing.py").symlink_to(installed / "RsiSmaSwing.py")
        elif way == "linked folder":
            users(config).symlink_to(installed)
        else:
            config["user_data_dir"] = installed.parent
        self.convert(config)
        assert tree(installed) == before
        assert not (config["user_data_dir"] / "strategies_orig_updater").exists()

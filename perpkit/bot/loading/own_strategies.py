"""Keeps the strategies that come with Perpkit as they were installed.

Stock Freqtrade writes beside a strategy's file: hyperopt its parameters, `strategy-updater` the
converted source. Beside ours that is the installed package or a checkout, where it would change the
runs of every bot of the environment, and outlive `pip uninstall`. Here the parameters of our
strategies are written to, and read from, the user's own folder, and the source stays as it is.

Called by `perpkit.bot.loading.hook` with the module that Freqtrade has just imported;
tests/contract/test_own_strategies_seams.py holds what is relied on.
"""

from __future__ import annotations

import logging
import shutil
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from perpkit.bot.loading.plugins import own_folder

logger = logging.getLogger(__name__)

_KIND = "strategies"


def is_own(source: Path) -> bool:
    """Whether a strategy's file lies in the folder of those that come with Perpkit."""
    own = own_folder(_KIND)  # a class that was not loaded from a file has an empty path
    return own is not None and source.name != "" and source.parent.resolve() == own.resolve()


def parameter_file(source: Path, user_data: Path) -> Path | None:
    """Where the parameters that hyperopt has found for a strategy are written and looked for.

    :param source: the strategy's file
    :return: None for one of ours while the user has a file of its name: to Freqtrade, the
        parameters beside that file belong to the class in it
    """
    if not is_own(source):
        return source.with_suffix(".json")
    of_the_user = _of_the_user(source, user_data)
    return None if of_the_user.exists() else of_the_user.with_suffix(".json")


def ignored_parameters(source: Path) -> Path | None:
    """The parameter file beside one of our strategies, which an older release let hyperopt write.

    It is not used: whoever runs a bot of this environment has not necessarily asked for it.
    """
    path = source.with_suffix(".json")
    return path if is_own(source) and path.is_file() else None


def read_from_the_user(module: ModuleType) -> None:
    """Have our strategies look for their parameters in the user's folder.

    :param module: freqtrade.strategy.hyper
    """
    load = module.HyperStrategyMixin.load_params_from_file

    @wraps(load)
    def load_params_from_file(self: Any) -> dict[str, Any]:
        source = Path(getattr(self, "__file__", ""))
        if not is_own(source):
            return load(self)
        path = parameter_file(source, Path(self.config["user_data_dir"]))
        if old := ignored_parameters(source):
            use = f" To use it, move it to {path}." if path and not path.exists() else ""
            logger.warning(f"The parameter file {old} of an older release is ignored.{use}")
        self.__file__ = str(path or "")  # of this instance, while Freqtrade looks beside it
        try:
            return load(self)
        finally:
            del self.__file__

    module.HyperStrategyMixin.load_params_from_file = load_params_from_file


def write_to_the_user(module: ModuleType) -> None:
    """Have hyperopt write the parameters of our strategies into the user's folder.

    :param module: freqtrade.optimize.hyperopt_tools
    """
    tools = module.HyperoptTools
    find, export = tools.get_strategy_filename, tools.export_params

    @wraps(find)
    def get_strategy_filename(config: dict[str, Any], strategy_name: str) -> Path | None:
        """Of ours: the file that the user would have, beside which Freqtrade writes."""
        source: Path | None = find(config, strategy_name)
        if source is None or not is_own(source):
            return source
        user_data = Path(config["user_data_dir"])
        path = parameter_file(source, user_data)
        if path is None:
            logger.warning(
                f"The parameters of Perpkit's {strategy_name} are not exported: beside "
                f"{_of_the_user(source, user_data)} they would be those of that file."
            )
        return path

    @wraps(export)
    def export_params(params: dict[str, Any], strategy_name: str, filename: Path) -> None:
        filename.parent.mkdir(parents=True, exist_ok=True)
        export(params, strategy_name, filename)

    tools.get_strategy_filename = staticmethod(get_strategy_filename)
    tools.export_params = staticmethod(export_params)


def store_with_parameters(module: ModuleType) -> None:
    """Have the exported results of a backtest hold the parameters that were in force.

    :param module: freqtrade.optimize.optimize_reports.bt_storage
    """
    store = module.store_backtest_results

    @wraps(store)
    def store_backtest_results(
        config: dict[str, Any],
        *args: Any,
        strategy_files: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> Path:
        user_data = Path(config["user_data_dir"])
        with TemporaryDirectory() as folder:
            files = {
                name: _beside_its_parameters(Path(file), user_data, Path(folder))
                for name, file in (strategy_files or {}).items()
            }
            return store(config, *args, strategy_files=files, **kwargs)

    module.store_backtest_results = store_backtest_results  # type: ignore[attr-defined]


def convert_none_of_ours(module: ModuleType) -> None:
    """Have `strategy-updater` leave our strategies alone, and links to them.

    :param module: freqtrade.commands.strategy_utils_commands
    """
    convert = module.start_conversion

    @wraps(convert)
    def start_conversion(strategy_obj: dict[str, Any], config: dict[str, Any]) -> None:
        location = Path(strategy_obj["location"])
        if is_own(location) or is_own(location.resolve()):
            logger.info(f"{location} comes with Perpkit, and is not converted.")
        else:
            convert(strategy_obj, config)

    module.start_conversion = start_conversion  # type: ignore[attr-defined]


def _of_the_user(source: Path, user_data: Path) -> Path:
    return user_data / _KIND / source.name


def _beside_its_parameters(source: Path, user_data: Path, folder: Path) -> str:
    """The strategy's file; of ours, a copy with its parameters beside it, where they are read."""
    if not is_own(source) or not source.is_file():
        return str(source)
    copy = Path(shutil.copy(source, folder))
    parameters = parameter_file(source, user_data)
    if parameters is not None and parameters.is_file():
        shutil.copy(parameters, copy.with_suffix(".json"))
    return str(copy)

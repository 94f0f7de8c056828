"""Checks of the section "freqai" of a configuration: what would leak is refused, models that were
made with other settings, or by other versions of what trains them, are not used, and two bots do
not share theirs.

Of the models and predictions that FreqAI finds under its `identifier`, it compares names of
features and numbers of rows only: those of another model, or of other labels, it would use without
a word. So a file beside them says what they were made with.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock
from freqtrade.exceptions import ConfigurationError

from perpkit.bot.candles.candles import is_trading
from perpkit.files.whole_file import put
from perpkit.learning.trainers import trainers
from perpkit.record.bot_lock import hold

logger = logging.getLogger(__name__)

MADE_WITH = "perpkit_made_with.json"
LOCK = "perpkit.lock"
# What FreqAI keeps of a training, or of predictions.
_PREDICTIONS = "backtesting_predictions/*.feather"
_KEPT = ("sub-train-*", _PREDICTIONS, "historic_predictions.pkl")
_SHOWN = 3
# Of a package, before its name.
_VERSION = "version."
# Of a setting of Perpkit's, before its name.
_OWN = "perpkit."
# They say when a model is trained, for how long it is used and what is kept of it, not what it
# predicts; those of the last lines are false, or refused.
_WITHOUT_EFFECT = {
    *("enabled", "identifier", "live_retrain_hours", "expiration_hours", "backtest_period_days"),
    *("purge_old_models", "save_backtest_models", "activate_tensorboard", "write_metrics_to_disk"),
    *("wait_for_training_iteration_on_reload", "data_kitchen_thread_count"),
    *("override_exchange_check", "feature_parameters.plot_feature_importances"),
    *("rl_config.progress_bar", "rl_config.cpu_count"),
    *("feature_parameters.shuffle_after_split", "feature_parameters.reverse_train_test_order"),
    *("data_split_parameters.shuffle", "fit_live_predictions_candles"),
}


class ModelsInUseError(Exception):
    """Another bot uses the models. The bot starts without them: it may have open trades."""


def models_folder(config: Mapping[str, Any]) -> Path:
    """Where FreqAI keeps the models of a configuration."""
    identifier = config["freqai"].get("identifier", "no_id_provided")
    return Path(config["user_data_dir"]) / "models" / str(identifier)


def made_with(config: Mapping[str, Any], perpkit: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings and versions that decide what a model predicts, by their dotted names.

    :param config: of Freqtrade
    :param perpkit: settings of Perpkit that do
    """
    freqai = _flat(config["freqai"])
    found = {
        "strategy": config["strategy"],
        "exchange.name": config["exchange"]["name"],
        "freqaimodel": config.get("freqaimodel"),
        "timeframe": config.get("timeframe"),
        **{f"freqai.{key}": freqai[key] for key in sorted(set(freqai) - _WITHOUT_EFFECT)},
        **{f"{_OWN}{key}": value for key, value in _flat(perpkit).items()},
        **{f"{_VERSION}{name}": each for name, each in trainers().items()},
    }
    # As they come back from the file.
    read: dict[str, Any] = json.loads(json.dumps(found, default=str))
    return read


def refuse_models_of_others(
    folder: Path, present: Mapping[str, Any], *, trading: bool = False
) -> None:
    """Refuses models and predictions of a folder that were made with other settings or versions.

    Other versions, and settings of which the file knows nothing, as after an upgrade that brings
    them, do not keep a bot from its start: it may have open trades to look after, and trains its
    models again before long. In a backtest only Perpkit's own pass, of which the file of one
    release knows all: one of FreqAI's may be the user's.

    Those of a folder without the file, of Perpkit's first releases, are taken as they are. The
    version of a package counts if it is known of both times: one that is new has made none of them,
    and without one that is gone the model says what to install.

    :raises ConfigurationError: saying what differs
    :raises ValueError: if the file is damaged
    """
    path = folder / MADE_WITH
    if not path.is_file() or not any(any(folder.glob(kept)) for kept in _KEPT):
        return
    try:
        before = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    # Of an earlier release, which compared more of them.
    ignored = {f"freqai.{name}" for name in _WITHOUT_EFFECT}
    before = {name: value for name, value in before.items() if name not in ignored}
    one_sided = before.keys() ^ present.keys()
    incomparable = {name for name in one_sided if name.startswith(_VERSION)}
    names = [
        name
        for name in sorted({*before, *present} - incomparable)
        if name in one_sided or before[name] != present[name]
    ]
    differing = [f"{n} was {_shown(before, n)} and is {_shown(present, n)}" for n in names]
    new = {name for name in names if name not in before}
    if trading:
        passing = new | {name for name in names if name.startswith(_VERSION)}
    else:
        passing = {name for name in new if name.startswith(_OWN)}
    if differing and passing.issuperset(names):
        logger.warning(
            f"The models of {folder.name!r} were made otherwise, {', '.join(differing)}. They are "
            "used until they are trained again."
        )
    elif differing:
        more = [f"{len(differing) - _SHOWN} more"] if len(differing) > _SHOWN else []
        raise ConfigurationError(
            f'"freqai.identifier" must be another one, got {folder.name!r}: its models were made '
            f"otherwise, {', '.join([*differing[:_SHOWN], *more])}. Choose a name that "
            f"is not used yet, or delete {folder}"
        )


def write_made_with(folder: Path, present: Mapping[str, Any], *, trading: bool = False) -> None:
    """Writes down what the models of a folder are made with; a bot leaves that of the predictions
    of a backtest as it is, because it makes its own models only.

    :raises OSError: if it cannot
    """
    if trading and any(folder.glob(_PREDICTIONS)):
        return
    put(folder / MADE_WITH, json.dumps(present, indent=1).encode())


def hold_models(folder: Path) -> FileLock | None:
    """Locks a folder of models against a second bot, until the lock is let go: each would remove
    the other's models, and write its own registry over the other's.

    :raises ModelsInUseError: another bot holds it
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken = ModelsInUseError(
        f'"freqai.identifier" must be another one, got {folder.name!r}: another bot that is '
        f"running trains its models in {folder}"
    )
    return hold(folder / LOCK, taken)


def warn_of_other_pairs(config: Mapping[str, Any]) -> None:
    """Says whose pairs have no model, where a pairlist may bring others than the configuration."""
    lists = config.get("pairlists") or [{}]
    first = lists[0].get("method", "StaticPairList")
    if first != "StaticPairList":
        logger.warning(
            f'"pairlists" begins with {first}: FreqAI has candles of the pairs in '
            '"exchange.pair_whitelist" only. Of others the rules decide alone.'
        )


def refuse_other_task(model: Any, task: str) -> None:
    """Refuses a task that the model cannot learn: each of its trainings would fail.

    :param model: one that has no `tasks`, such as Freqtrade's own, may learn any
    :raises ConfigurationError: naming the setting
    """
    learned = getattr(model, "tasks", None)
    if learned is not None and task not in learned:
        allowed = " or ".join(f'"{each}"' for each in learned)
        raise ConfigurationError(
            f'"perpkit.hybrid.task" must be {allowed} for the model {type(model).__name__}, got '
            f'"{task}"'
        )


def refuse_what_leaks(config: dict[str, Any]) -> None:
    """Refuses settings of FreqAI that let a model, or what is said of it, know of later rows.

    :param config: of Freqtrade; a setting that harms backtests only is set to 0 for a bot
    :raises ConfigurationError: naming the setting
    """
    freqai = config["freqai"]
    features, split = freqai["feature_parameters"], freqai.get("data_split_parameters", {})
    for where, given, name in (
        ("feature_parameters", features, "shuffle_after_split"),
        ("feature_parameters", features, "reverse_train_test_order"),
        ("data_split_parameters", split, "shuffle"),
    ):
        if given.get(name):
            raise ConfigurationError(
                f'"freqai.{where}.{name}" must be false, got {given[name]!r}: a calibration would '
                "be measured on rows that the model knows"
            )
    # In a backtest FreqAI writes what it knows of the last training, the calibration error with it,
    # into the rows of all; in a running bot it then fails on columns beside the labels.
    if given := freqai.get("fit_live_predictions_candles"):
        words = f'"freqai.fit_live_predictions_candles" must be 0, got {given!r}'
        if not is_trading(config):
            raise ConfigurationError(
                f"{words}: a backtest would know how well later models are calibrated, and "
                "HybridAi reads nothing of what it adds"
            )
        # A bot may have open trades to look after, and had this setting before an upgrade.
        freqai["fit_live_predictions_candles"] = 0
        logger.warning(f"{words}: taken as 0, because FreqAI would fail with it")
    if not split.get("test_size", 0.1):
        raise ConfigurationError(
            f'"freqai.data_split_parameters.test_size" must be above 0, got '
            f"{split['test_size']!r}: the calibration is measured on that share of the window"
        )


def _flat(given: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value
    return found


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return json.dumps(settings[name]) if name in settings else "not set"

"""Plugin discovery: where Freqtrade looks for protections, pairlists, strategies and more.

Extends Freqtrade's three resolvers so that they search, in this order,
  1. the folder named by the config key `protection_path` / `pairlist_path`, which correspond to
     Freqtrade's own `strategy_path`,
  2. `user_data/protections` / `user_data/pairlists`,
  3. Freqtrade's own folder,
  4. the plugins that come with Perpkit.
Losses of hyperopt and models of FreqAI have a folder of the user's already: ours come behind it.
`perpkit.bot.loading.hook` calls these functions with the module that Freqtrade has just imported.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = Path(__file__).resolve().parents[2]


def own_folder(kind: str) -> Path | None:
    """Returns the folder of the plugins that come with Perpkit.

    :param kind: `strategies`, `protections`, `pairlists`, `hyperopts` or `freqaimodels`
    :return: inside the installed package, or in a checkout; None if absent
    """
    installed = PACKAGE / "plugins" / kind
    if installed.is_dir():
        return installed
    checkout = PACKAGE.parent
    if not (checkout / "pyproject.toml").is_file():
        return None
    # Losses and models are where Freqtrade itself looks for them in a checkout.
    places = (checkout / kind, checkout / "user_data" / kind)
    return next((place for place in places if place.is_dir()), None)


def widen_protections(module: ModuleType) -> None:
    """Widens the search for protections.

    :param module: freqtrade.resolvers.protection_resolver
    """
    _widen(module.ProtectionResolver, "protections", "protection_path")


def widen_pairlists(module: ModuleType) -> None:
    """Widens the search for pairlists.

    :param module: freqtrade.resolvers.pairlist_resolver
    """
    _widen(module.PairListResolver, "pairlists", "pairlist_path")


def widen_strategies(module: ModuleType) -> None:
    """Adds Perpkit's own strategies to the search.

    :param module: freqtrade.resolvers.strategy_resolver
    """
    _add_own_folder(module.StrategyResolver, "strategies")


def widen_losses(module: ModuleType) -> None:
    """Adds Perpkit's own losses of hyperopt to the search.

    :param module: freqtrade.resolvers.hyperopt_resolver
    """
    _add_own_folder(module.HyperOptLossResolver, "hyperopts")


def widen_models(module: ModuleType) -> None:
    """Adds Perpkit's own models to the search.

    :param module: freqtrade.resolvers.freqaimodel_resolver
    """
    _add_own_folder(module.FreqaiModelResolver, "freqaimodels")


def announce_pairlists(module: ModuleType) -> None:
    """Makes the config schema accept the name of any pairlist that the resolver can load.

    The schema's enum is the list object `freqtrade.constants.AVAILABLE_PAIRLISTS` itself, so that
    names appended to that list become valid.

    :param module: freqtrade.configuration.config_validation
    """
    validate = module.validate_config_schema

    def validate_config_schema(conf: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        _announce_configured(conf)
        return validate(conf, *args, **kwargs)

    module.validate_config_schema = validate_config_schema  # type: ignore[attr-defined]


def _announce_configured(conf: dict[str, Any]) -> None:
    from freqtrade.constants import AVAILABLE_PAIRLISTS
    from freqtrade.exceptions import ConfigurationError

    configured = conf.get("pairlists")
    if not isinstance(configured, list):
        return  # the schema check reports what is wrong
    methods = [entry.get("method") for entry in configured if isinstance(entry, dict)]
    unknown = [
        name for name in methods if isinstance(name, str) and name not in AVAILABLE_PAIRLISTS
    ]
    if not unknown:
        return
    from freqtrade.resolvers import PairListResolver

    paths = PairListResolver.build_search_paths(conf, user_subdir=PairListResolver.user_subdir)
    found = _names(PairListResolver, paths)
    for name in unknown:
        if name not in found:
            raise ConfigurationError(f"Unknown pairlist '{name}'. {_where(found, paths)}")
        AVAILABLE_PAIRLISTS.append(name)


def _widen(resolver: Any, kind: str, config_key: str) -> None:
    resolver.extra_path = config_key
    resolver.user_subdir = kind
    _add_own_folder(resolver, kind)
    _ignore_missing_user_folder(resolver, kind)
    load = resolver._load_object.__func__

    def _load_object(cls: Any, /, paths: list[Path], *, object_name: str, **kwargs: Any) -> Any:
        found = load(cls, paths, object_name=object_name, **kwargs)
        if found is None:
            from freqtrade.exceptions import OperationalException

            raise OperationalException(
                f"Impossible to load {cls.object_type_str} '{object_name}': it does not exist, or "
                f"its file has errors (see the log above). {_where(_names(cls, paths), paths)}"
            )
        return found

    resolver._load_object = classmethod(_load_object)


def _add_own_folder(resolver: Any, kind: str) -> None:
    def add(paths: list[Path], _config: Any) -> list[Path]:
        own = own_folder(kind)
        return paths if own is None or own in paths else [*paths, own]

    _adjust_search_paths(resolver, add)


def _ignore_missing_user_folder(resolver: Any, kind: str) -> None:
    """Skips the user's folder if it is missing: it is optional, but Freqtrade warns each time."""

    def ignore(paths: list[Path], config: Any) -> list[Path]:
        optional = config["user_data_dir"] / kind
        return [path for path in paths if path != optional or path.is_dir()]

    _adjust_search_paths(resolver, ignore)


def _adjust_search_paths(resolver: Any, adjust: Callable[[list[Path], Any], list[Path]]) -> None:
    build = resolver.build_search_paths.__func__

    def build_search_paths(cls: Any, config: Any, *args: Any, **kwargs: Any) -> list[Path]:
        return adjust(build(cls, config, *args, **kwargs), config)

    resolver.build_search_paths = classmethod(build_search_paths)


def _names(resolver: Any, paths: list[Path]) -> list[str]:
    found = (
        plugin["name"] for path in paths for plugin in resolver._search_all_objects(path, False)
    )
    return sorted(set(found))


def _where(names: list[str], paths: list[Path]) -> str:
    return f"Available: {', '.join(names)}. Looked in: {', '.join(map(str, paths))}."

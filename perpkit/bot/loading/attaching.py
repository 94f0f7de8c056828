"""Attaches the risk layer to the strategy of a configuration that asks for it.

Freqtrade's resolver makes the class and the object in one step, and only the second knows the
configuration. Called by `perpkit.bot.loading.hook` with the module that Freqtrade has imported;
tests/contract/test_attaching_seams.py holds what is relied on.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from functools import wraps
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from perpkit import __version__
from perpkit.bot.loading.plugins import widen_strategies

logger = logging.getLogger(__name__)

# The pairlist that shows in a configuration that the layer is wanted.
PAIRLIST = "PerpkitAttached"

# Of the strategy that is being loaded. Not in the module of the layer, which hyperopt pickles by
# value, together with everything that it names.
_loading: ContextVar[Mapping[str, Any] | None] = ContextVar("perpkit_loading", default=None)
# Why the strategy that was loaded last is without the layer although it seems to be wanted.
_bare: str | None = None


def attach_layer(module: ModuleType) -> None:
    """:param module: freqtrade.resolvers.strategy_resolver"""
    widen_strategies(module)
    resolver = module.StrategyResolver
    load, search = resolver._load_object.__func__, resolver._search_object.__func__

    def _load_object(cls: Any, /, *args: Any, kwargs: dict[str, Any], **more: Any) -> Any:
        token = _loading.set(kwargs.get("config"))
        try:
            loaded = load(cls, *args, kwargs=kwargs, **more)
        finally:
            _loading.reset(token)
        if loaded is not None:
            _look_whether_bare(loaded, kwargs.get("config") or {})
        return loaded

    def _search_object(cls: Any, /, *args: Any, **kwargs: Any) -> Any:
        found, path = search(cls, *args, **kwargs)
        config = _loading.get()
        if found is None or config is None or not _asks(config):
            return found, path
        # Of a floor above, which is imported by name and only where it is wanted.
        composing = import_module("perpkit.bot.layer.composing")
        return composing.compose(found, config), path

    resolver._load_object = classmethod(_load_object)
    resolver._search_object = classmethod(_search_object)


def identify_with_release(module: ModuleType) -> None:
    """Have Freqtrade's cache of backtests know the release of the layer, which decides with the
    strategy: an older one's results do not answer for it, nor those of a user's breakers before
    their files changed.

    :param module: freqtrade.optimize.backtest_caching
    """
    identify = module.get_strategy_run_id

    @wraps(identify)
    def get_strategy_run_id(strategy: Any) -> str:
        run_id: str = identify(strategy)
        if not _has_layer(strategy):
            return run_id
        digest = hashlib.sha1(f"{run_id} {__version__}".encode(), usedforsecurity=False)
        for path in _own_breakers(strategy.config):
            digest.update(path.read_bytes())
        return digest.hexdigest()

    module.get_strategy_run_id = get_strategy_run_id  # type: ignore[attr-defined]


def nothing_attached() -> str | None:
    """Returns the line that says so of the strategy that was loaded last, None if there is none."""
    return _bare


def _asks(config: Mapping[str, Any]) -> bool:
    own = config.get("perpkit")
    return isinstance(own, Mapping) and own.get("attach") not in (None, False)


def report_at_start(module: ModuleType) -> None:
    """Makes a strategy without the layer say at its start that it has none.

    :param module: freqtrade.strategy.interface
    """
    start = module.IStrategy.ft_bot_start

    def ft_bot_start(self: Any, **kwargs: Any) -> None:
        _end_what_was_of_another(self)
        start(self, **kwargs)
        if _has_layer(self):
            return  # the layer reports itself
        try:
            import_module("perpkit.bot.watching.unwatched").report_unwatched(self)
        except Exception:  # a strategy of any make: the report must not keep it from starting
            logger.exception("Perpkit could not report what is attached.")

    module.IStrategy.ft_bot_start = ft_bot_start


def _end_what_was_of_another(strategy: Any) -> None:
    """Ends the largest stake of the strategy before, where several share an exchange."""
    exchange: Any = getattr(getattr(strategy, "dp", None), "_exchange", None)
    replaced: Any = getattr(exchange, "get_max_pair_stake_amount", None)
    if getattr(replaced, "of_one_strategy", None) is True:
        exchange.get_max_pair_stake_amount = replaced._max_stake


def _has_layer(strategy: Any) -> bool:
    return hasattr(strategy, "_perpkit")


def _look_whether_bare(strategy: Any, config: Mapping[str, Any]) -> None:
    """Says so where a configuration has a part of ours, and its strategy has not."""
    global _bare
    _bare = None
    if _has_layer(strategy) or _asks(config):
        return  # one that asks is without it only in plots and in the webserver
    own, name = config.get("perpkit"), type(strategy).__name__
    if isinstance(own, Mapping) and own.keys() == {"acceleration"}:
        own = None  # which concerns backtests of anybody's strategy
    if isinstance(own, Mapping) and "attach" in own:
        why = f'"perpkit.attach" is {json.dumps(own["attach"])}'
    else:
        why = '"perpkit" has no "attach"' if own else 'there is no "perpkit": {"attach": true}'
    listed = any(entry.get("method") == PAIRLIST for entry in config.get("pairlists") or [])
    if not listed and (not own or "attach" in own):
        return
    _bare = f"Nothing of Perpkit is attached to {name}, which trades as without it: {why}."
    logger.warning(_bare)


def _own_breakers(config: Mapping[str, Any]) -> list[Path]:
    folders = [Path(config["user_data_dir"]) / "protections", config.get("protection_path")]
    return [path for folder in folders if folder for path in sorted(Path(folder).glob("*.py"))]

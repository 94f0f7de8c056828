"""Attaches the risk layer to the strategy of a configuration that asks for it.

Freqtrade's resolver makes the class and the object in one step, and only the second knows the
configuration. Called by `perpkit.bot.loading.hook` with the module that Freqtrade has imported.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from importlib import import_module
from types import ModuleType
from typing import Any

from perpkit.bot.loading.plugins import widen_strategies

logger = logging.getLogger(__name__)

# Of the strategy that is being loaded. Not in the module of the layer, which hyperopt pickles by
# value, together with everything that it names.
_loading: ContextVar[Mapping[str, Any] | None] = ContextVar("perpkit_loading", default=None)


def attach_layer(module: ModuleType) -> None:
    """:param module: freqtrade.resolvers.strategy_resolver"""
    widen_strategies(module)
    resolver = module.StrategyResolver
    load, search = resolver._load_object.__func__, resolver._search_object.__func__

    def _load_object(cls: Any, /, *args: Any, kwargs: dict[str, Any], **more: Any) -> Any:
        token = _loading.set(kwargs.get("config"))
        try:
            return load(cls, *args, kwargs=kwargs, **more)
        finally:
            _loading.reset(token)

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


def _asks(config: Mapping[str, Any]) -> bool:
    own = config.get("perpkit")
    return isinstance(own, Mapping) and own.get("attach") not in (None, False)


def report_at_start(module: ModuleType) -> None:
    """Makes a strategy without the layer say at its start that it has none.

    :param module: freqtrade.strategy.interface
    """
    start = module.IStrategy.ft_bot_start

    def ft_bot_start(self: Any, **kwargs: Any) -> None:
        start(self, **kwargs)
        if hasattr(self, "_perpkit"):
            return  # the layer reports itself
        try:
            import_module("perpkit.bot.watching.unwatched").report_unwatched(self)
        except Exception:  # a strategy of any make: the report must not keep it from starting
            logger.exception("Perpkit could not report what is attached.")

    module.IStrategy.ft_bot_start = ft_bot_start

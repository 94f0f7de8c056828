"""Parameters of a strategy, put in force without a file.

Freqtrade reads them from a file beside the strategy. A walk-forward has others in each window, and
writes none beside the user's strategy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

from freqtrade.strategy.hyper import HyperStrategyMixin
from freqtrade.strategy.parameters import BaseParameter

from perpkit.parameters.inherited import own_copies


@contextmanager
def given_parameters(parameters: Mapping[str, Any]) -> Iterator[None]:
    """Has strategies that are loaded within take these instead of those of a file.

    Freqtrade runs the file of a strategy for each load, but what the file imports only once: a
    strategy has copies of the parameters that it inherits from there, so that no window finds the
    values of another one.

    :param parameters: `params` of Freqtrade's parameter file; empty for the strategy's own
    """
    stock = HyperStrategyMixin.load_params_from_file

    def load_params_from_file(self: Any) -> dict[str, Any]:
        cls = type(self)
        imported = (base for base in cls.__mro__ if base.__module__ != cls.__module__)
        own_copies(cls, imported, BaseParameter)
        if not parameters:
            return {}
        return {"strategy_name": cls.__name__, "params": deepcopy(dict(parameters))}

    HyperStrategyMixin.load_params_from_file = load_params_from_file
    try:
        yield
    finally:
        HyperStrategyMixin.load_params_from_file = stock

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


@contextmanager
def given_parameters(parameters: Mapping[str, Any]) -> Iterator[None]:
    """Has strategies that are loaded within take these instead of those of a file.

    :param parameters: `params` of Freqtrade's parameter file; empty for the strategy's own
    """
    stock = HyperStrategyMixin.load_params_from_file

    def load_params_from_file(self: Any) -> dict[str, Any]:
        if not parameters:
            return {}
        return {"strategy_name": type(self).__name__, "params": deepcopy(dict(parameters))}

    HyperStrategyMixin.load_params_from_file = load_params_from_file
    try:
        yield
    finally:
        HyperStrategyMixin.load_params_from_file = stock

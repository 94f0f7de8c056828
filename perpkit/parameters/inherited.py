"""Parameters that a class inherits, as copies of its own."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from copy import deepcopy


def own_copies(cls: type, bases: Iterable[type], kind: type) -> None:
    """Gives a class its own copies of the parameters that it has from some of its bases.

    The dictionaries of values, such as `buy_params`, are copied, too: Freqtrade writes into them.

    :param kind: of a parameter: Freqtrade's `BaseParameter`
    """
    for base in bases:
        for name, value in vars(base).items():
            of_hyperopt = isinstance(value, kind) or (
                isinstance(value, dict) and name.endswith("_params")
            )
            if of_hyperopt and inspect.getattr_static(cls, name) is value:
                setattr(cls, name, deepcopy(value))

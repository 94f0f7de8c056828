"""Which columns of the base class a strategy's own code names."""

from __future__ import annotations

import inspect
from types import CodeType, FunctionType


def names_column(kind: type, base: type, column: str) -> bool:
    """Whether code of a class, above `base`, contains the name of a column: it may compute it
    itself, with fewer candles than `base` needs."""
    above = kind.__mro__[: kind.__mro__.index(base)]
    methods = (value for each in above for value in vars(each).values())
    functions = (inspect.unwrap(method) for method in methods if isinstance(method, FunctionType))
    return any(column in _constants(function.__code__) for function in functions)


def _constants(code: CodeType) -> set[object]:
    """Strings in the code of a function, in tuples and in functions within it."""
    found: set[object] = set()
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _constants(constant)
        elif isinstance(constant, tuple):
            found |= {each for each in constant if isinstance(each, str)}
        elif isinstance(constant, str):
            found.add(constant)
    return found

"""Every object of the package that a strategy holds, at any depth."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

from freqtrade.data.dataprovider import DataProvider
from freqtrade.exchange import Exchange
from freqtrade.wallets import Wallets

# Freqtrade's own, which it empties itself before it pickles a strategy.
THEIRS = (DataProvider, Exchange, Wallets)
OURS = ("perpkit", "protections", "strategies")


def held_by(root: object) -> Iterator[object]:
    """Yields each object once, those of subclasses of our classes included."""
    seen: set[int] = set()
    left = [root]
    while left:
        found = left.pop()
        if id(found) in seen or isinstance(found, (*THEIRS, type, types.ModuleType)):
            continue
        seen.add(id(found))
        if any(kind.__module__.partition(".")[0] in OURS for kind in type(found).__mro__):
            yield found
        left += _parts(found)


def _parts(found: Any) -> list[Any]:
    parts = list(getattr(found, "__dict__", {}).values())
    slots = (getattr(kind, "__slots__", ()) for kind in type(found).__mro__)
    parts += [getattr(found, name) for names in slots for name in names if hasattr(found, name)]
    if isinstance(found, Mapping):
        parts += [*found.keys(), *found.values()]
    elif isinstance(found, list | tuple | set | frozenset):
        parts += found
    elif isinstance(found, types.MethodType):
        parts += [found.__self__, found.__func__]
    elif isinstance(found, types.FunctionType):
        parts += [cell.cell_contents for cell in found.__closure__ or ()]
        parts += [*(found.__defaults__ or ())]
    return parts

"""The checks, in the order in which they are made: what later ones rest on comes first."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding


@dataclass(frozen=True)
class Check:
    """
    :param name: as it is shown
    :param find: gives at least one finding: what is in order is said, too
    :param online: it asks the exchange, or something else in a network
    """

    name: str
    find: Callable[[Context], Iterable[Finding]]
    online: bool = False


CHECKS: tuple[Check, ...] = ()

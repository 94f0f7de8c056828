"""The versions with which the tests last passed, as `make compat` wrote them down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

# Written by tests/compat and nothing else.
FILE = Path(__file__).with_name("passed.json")


@dataclass(frozen=True)
class Passed:
    """What passed together.

    :param at: the day, UTC
    :param freqtrade: the newest release
    :param ccxt: installed beside it
    :param releases: of Freqtrade, from our floor to the newest
    :param pythons: with the newest release
    """

    at: str
    freqtrade: str
    ccxt: str
    releases: tuple[str, ...]
    pythons: tuple[str, ...]


def last_passed() -> Passed:
    content = json.loads(FILE.read_text())
    return Passed(
        at=content["at"],
        freqtrade=content["freqtrade"],
        ccxt=content["ccxt"],
        releases=tuple(content["releases"]),
        pythons=tuple(content["pythons"]),
    )

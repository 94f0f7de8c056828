"""The versions with which this Perpkit last passed `make compat`, which writes them down."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from perpkit import __version__

# Written by tests/compat and nothing else; `null` until it has run.
FILE = Path(__file__).with_name("passed.json")
NOT_RUN = f"make compat has not been run for Perpkit {__version__}"


@dataclass(frozen=True)
class Passed:
    """What passed together.

    :param perpkit: of which all else is true
    :param at: the day, UTC
    :param freqtrade: the newest release
    :param ccxt: installed beside it
    :param releases: of Freqtrade, from our floor to the newest
    :param pythons: with the newest release
    """

    perpkit: str
    at: str
    freqtrade: str
    ccxt: str
    releases: tuple[str, ...]
    pythons: tuple[str, ...]


def last_passed() -> Passed | None:
    """Returns what passed with this Perpkit; None where only another one has passed, or none."""
    return passed_or_why()[0]


def passed_or_why() -> tuple[Passed | None, str]:
    """Returns what passed with this Perpkit; where that is None, why."""
    try:
        content = json.loads(FILE.read_text())
        if content is None or content["perpkit"] != __version__:
            return None, NOT_RUN
        found = Passed(
            perpkit=content["perpkit"],
            at=content["at"],
            freqtrade=content["freqtrade"],
            ccxt=content["ccxt"],
            releases=tuple(content["releases"]),
            pythons=tuple(content["pythons"]),
        )
    except (OSError, ValueError, TypeError, KeyError) as error:
        return None, f"{FILE} is damaged ({type(error).__name__}): what last passed is not known"
    return found, ""

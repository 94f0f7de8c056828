"""The verdict of `perpkit golive`: whether a strategy may trade real money, as it is.

There is one file for each account and strategy, `user_data/perpkit/golive/ACCOUNT.STRATEGY.json`,
signed with the key of this machine. It is bound to everything that decides what is traded (see
`perpkit.bot.binding`): of each part it has a keyed digest, so that it shows no value, and a bot can
name what has changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from perpkit.files.errors import FileError
from perpkit.record.latch import account_of
from perpkit.record.machine_key import MachineKey, machine_key
from perpkit.record.signed_file import MissingError, read_model, write_signed

KIND = "golive"
REQUIRED = "require_golive"
_RUN = 'run "perpkit golive"'
# A part of what a verdict is bound to.
VERSION = "Perpkit's version"
# So many of what has changed are named.
_NAMED = 5
# By so much the clocks of processes, such as in containers, may differ.
_CLOCKS = timedelta(minutes=1)


class Horizon(BaseModel):
    """What the backtest predicts after so many days: the band of the returns, as fractions."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    days: int
    low: float
    high: float


class Verdict(BaseModel):
    """
    :param failed: the criteria that were not met, in their order
    :param until: from then on it does not count
    :param by: who ran the command
    :param bound: digests of what it is bound to, by name
    :param band: what the performance monitor compares the live results with, by days
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    strategy: str
    passed: bool
    failed: tuple[str, ...]
    at: AwareDatetime
    until: AwareDatetime
    by: str
    bound: Mapping[str, str]
    band: tuple[Horizon, ...] = ()


@dataclass(frozen=True)
class Bound:
    """What a verdict is bound to: the parts by name, each as text; not to be shown."""

    parts: Mapping[str, str]

    def digests(self, key: MachineKey) -> dict[str, str]:
        return {name: key.digest(KIND, name, text)[:32] for name, text in self.parts.items()}

    def fingerprints(self) -> dict[str, str]:
        """Returns digests that another machine has, too."""
        return {name: sha256(text.encode()).hexdigest()[:32] for name, text in self.parts.items()}


def golive_file(config: Mapping[str, Any], strategy: str) -> Path:
    """Returns the path of the verdict on a strategy.

    :param config: Freqtrade's
    :raises ValueError: naming the option that is wrong
    """
    user_data = Path(config.get("user_data_dir") or "user_data").absolute()
    return user_data / "perpkit" / "golive" / f"{account_of(config)}.{strategy}.json"


def write(path: Path, verdict: Verdict, key: MachineKey) -> None:
    """:raises OSError: if that fails; the old verdict stays"""
    write_signed(path, KIND, verdict.model_dump(mode="json"), key)


def read(path: Path) -> Verdict:
    """:raises FileError: if there is none that this machine has signed, saying why"""
    return read_model(path, KIND, Verdict)


def objection(path: Path, bound: Bound, now: datetime) -> str | None:
    """Returns why a verdict does not allow trading with real money, in one line; None if it does.

    :param bound: as of now
    """
    try:
        verdict, key = read(path), machine_key()
    except MissingError:
        return f"it has no verdict ({path}): {_RUN}"
    except FileError as error:
        return f"its verdict does not count: {error}; {_RUN}"
    if not verdict.passed:
        failed = ", ".join(verdict.failed)
        return f"it did not pass at {verdict.at:%Y-%m-%d %H:%M} UTC ({failed}): {_RUN}"
    if verdict.at > now + _CLOCKS:
        return (
            f"its verdict is of {verdict.at:%Y-%m-%d %H:%M} UTC, which is to come: set this "
            f"machine's clock, or {_RUN}"
        )
    if now >= verdict.until:
        return f"its verdict expired at {verdict.until:%Y-%m-%d %H:%M} UTC: {_RUN}"
    if changed := changes(verdict.bound, bound.digests(key)):
        more = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        named = ", ".join(changed[:_NAMED]) + more
        return f"changed since its verdict of {verdict.at:%Y-%m-%d %H:%M} UTC: {named}; {_RUN}"
    return None


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Returns the names of what differs, also where only one of them has it."""
    return sorted(name for name in {*before, *now} if before.get(name) != now.get(name))

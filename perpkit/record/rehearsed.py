"""The record of a rehearsal, which a venue signs when its run ends; `perpkit golive` reads it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from perpkit.record.machine_key import MachineKey
from perpkit.record.signed_file import read_model, write_signed
from perpkit.record.trade_database import TradeDatabase, ms

KIND = "rehearsal"
# The lock of a breaker, see `perpkit.bot.watching.breaker_locks`. Other restrictions of this form,
# such as the stop latch, have names of several words.
_BREAKER = re.compile(r"(\w+) (?:reducing|halted): ")


class Rehearsal(BaseModel):
    """What happened in one run of a venue.

    :param trades: positions that were opened and closed there, of all accounts
    :param breaches: of the venue's invariants, by name
    :param strategies: that traded, by the bot's database
    :param breakers: how often each has locked, by the bot's database
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    since: AwareDatetime
    until: AwareDatetime
    trades: int
    breaches: Mapping[str, int]
    strategies: tuple[str, ...]
    breakers: Mapping[str, int]


def of_the_bot(database: Path, since: datetime) -> tuple[tuple[str, ...], dict[str, int]]:
    """Returns the strategies that traded, and how often each breaker locked, since a time.

    :param database: of a bot that traded at the venue
    :raises DatabaseError: if it cannot be read
    """
    found = TradeDatabase.at(f"sqlite:///{database}", read_only=True)
    begin = since.timestamp() * 1000
    trades = found.rows("SELECT strategy, open_date FROM trades")
    locks = found.rows("SELECT reason, lock_time FROM pairlocks")
    names = {row.strategy for row in trades if row.strategy and ms(row.open_date) >= begin}
    of_breakers = (
        match[1]
        for row in locks
        if ms(row.lock_time) >= begin and (match := _BREAKER.match(row.reason or ""))
    )
    return tuple(sorted(names)), dict(sorted(Counter(of_breakers).items()))


def write(path: Path, rehearsal: Rehearsal, key: MachineKey) -> None:
    """:raises OSError: if that fails"""
    write_signed(path, KIND, rehearsal.model_dump(mode="json"), key)


def read(path: Path) -> Rehearsal:
    """:raises FileError: if there is none that this machine has signed, saying why"""
    return read_model(path, KIND, Rehearsal)

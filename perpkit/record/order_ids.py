"""Client ids of orders, which state the order's bot and purpose in at most 36 characters.

x-xcKtGhcu3fa2c1-k3j9d2-E12
|         |      |      || number within the start
|         |      |      | purpose
|         |      | nonce of the start
|         | tag of the trade database
| broker, with which ccxt begins every id
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from secrets import choice
from string import ascii_lowercase, digits

LONGEST = 36
_NONCE = ascii_lowercase + digits
_NONCE_LENGTH = 6


class Purpose(StrEnum):
    ENTRY = "E"
    ADDITION = "A"
    EXIT = "X"
    PART = "P"  # of a position
    CROSSING = "C"  # a limit in place of a market exit that was refused
    STOP = "S"
    TARGET = "T"  # a limit beside the stop, which takes the profit


ENTERS = (Purpose.ENTRY, Purpose.ADDITION)


@dataclass(frozen=True)
class OrderId:
    """The parts of a client id.

    :param broker: ccxt's prefix, may be empty
    :param tag: of the trade database, six hexadecimal characters
    :param nonce: of the start of the bot
    :param number: of the order within that start
    """

    broker: str
    tag: str
    nonce: str
    purpose: Purpose
    number: int

    def __str__(self) -> str:
        return f"{self.broker}{self.tag}-{self.nonce}-{self.purpose}{self.number}"


# ccxt's broker prefix may change with its version.
_BROKER = r"(?P<broker>x-[A-Za-z0-9]{8})?"
_ID = re.compile(
    _BROKER + r"(?P<tag>[0-9a-f]{6})-(?P<nonce>[0-9a-z]{6})-(?P<purpose>[A-Z])(?P<number>\d+)"
)
_BEFORE_NONCES = re.compile(_BROKER + r"(?P<tag>[0-9a-f]{6})[0-9a-f]{16}")


def parse(client_id: str | None) -> OrderId | None:
    """Returns the parts of a client id, None for an id of another form."""
    found = _ID.fullmatch(client_id or "")
    if found is None or found["purpose"] not in [*Purpose]:
        return None
    purpose, number = Purpose(found["purpose"]), int(found["number"])
    return OrderId(found["broker"] or "", found["tag"], found["nonce"], purpose, number)


def tag_before_nonces(client_id: str | None) -> str | None:
    """Returns the tag of an id from before the journal existed; None for any other."""
    found = _BEFORE_NONCES.fullmatch(client_id or "")
    return found["tag"] if found else None


def new_nonce() -> str:
    return "".join(choice(_NONCE) for _ in range(_NONCE_LENGTH))


# Orders of `perpkit stop` are not the bot's: its journal has not issued their ids.
# The letter is H for the bot's part, W for the whole account (`--everything`).
_OF_THE_STOP = re.compile(
    r"perpkit-(?P<tag>[0-9a-f]{6})-(?P<nonce>[0-9a-z]{6})-(?P<closes>[HW])\d+"
)


def stop_id(tag: str, nonce: str, number: int, *, everything: bool = False) -> str:
    """Returns the id of an order by which `perpkit stop` closes a position of a bot.

    :param tag: of the bot's trade database
    :param nonce: of the run of `perpkit stop`
    :param number: of the order within that run
    :param everything: whether the run closes what is others' as well
    """
    return f"perpkit-{tag}-{nonce}-{'W' if everything else 'H'}{number}"


def tag_of_stop(client_id: str | None) -> str | None:
    """Returns the tag of the bot for which `perpkit stop` sent an order; None for other orders."""
    found = _OF_THE_STOP.fullmatch(client_id or "")
    return found["tag"] if found else None


def nonce_of_stop(client_id: str | None) -> str | None:
    """Returns the nonce of the `perpkit stop` that sent an order; None for other orders."""
    found = _OF_THE_STOP.fullmatch(client_id or "")
    return found["nonce"] if found else None


def closes_everything(client_id: str | None) -> bool:
    """Whether `perpkit stop --everything` sent an order, which may have closed others' parts."""
    found = _OF_THE_STOP.fullmatch(client_id or "")
    return found is not None and found["closes"] == "W"

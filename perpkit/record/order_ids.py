"""Client ids of orders: whose an order is, and what it is for, in at most 36 characters.

x-xcKtGhcu3fa2c1-k3j9d2-E12
|         |      |      || number within the start
|         |      |      | purpose
|         |      | nonce of the start
|         | tag of the trade database
| broker, as ccxt begins every id
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


ENTERS = (Purpose.ENTRY, Purpose.ADDITION)


@dataclass(frozen=True)
class OrderId:
    """:param tag: six hexadecimal characters"""

    broker: str
    tag: str
    nonce: str
    purpose: Purpose
    number: int

    def __str__(self) -> str:
        return f"{self.broker}{self.tag}-{self.nonce}-{self.purpose}{self.number}"


# ccxt's broker may change with its version.
_BROKER = r"(?P<broker>x-[A-Za-z0-9]{8})?"
_ID = re.compile(
    _BROKER + r"(?P<tag>[0-9a-f]{6})-(?P<nonce>[0-9a-z]{6})-(?P<purpose>[A-Z])(?P<number>\d+)"
)
_BEFORE_NONCES = re.compile(_BROKER + r"(?P<tag>[0-9a-f]{6})[0-9a-f]{16}")


def parse(client_id: str | None) -> OrderId | None:
    """None for an id that was not made here."""
    found = _ID.fullmatch(client_id or "")
    if found is None or found["purpose"] not in [*Purpose]:
        return None
    purpose, number = Purpose(found["purpose"]), int(found["number"])
    return OrderId(found["broker"] or "", found["tag"], found["nonce"], purpose, number)


def tag_before_nonces(client_id: str | None) -> str | None:
    """The tag of an id as they were made before there was a journal; None for any other."""
    found = _BEFORE_NONCES.fullmatch(client_id or "")
    return found["tag"] if found else None


def new_nonce() -> str:
    return "".join(choice(_NONCE) for _ in range(_NONCE_LENGTH))


# Orders of `perpkit stop` are not the bot's: its journal has not given them.
_OF_THE_STOP = re.compile(r"perpkit-(?P<tag>[0-9a-f]{6})-(?P<nonce>[0-9a-z]{6})-H\d+")


def stop_id(tag: str, nonce: str, number: int) -> str:
    """Of an order by which `perpkit stop` closes a position of the bot with this tag."""
    return f"perpkit-{tag}-{nonce}-H{number}"


def tag_of_stop(client_id: str | None) -> str | None:
    """The bot for which `perpkit stop` has sent an order; None for any other order."""
    found = _OF_THE_STOP.fullmatch(client_id or "")
    return found["tag"] if found else None


def nonce_of_stop(client_id: str | None) -> str | None:
    """The run of `perpkit stop` that has sent an order; None for any other order."""
    found = _OF_THE_STOP.fullmatch(client_id or "")
    return found["nonce"] if found else None

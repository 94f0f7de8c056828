"""Listen keys: each names the user data stream of one account, for an hour after it was asked for.

Binance USD-M, "User Data Streams Connect".
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from perpkit.durations import HOUR_MS
from perpkit.venue.engine import Account
from perpkit.venue.errors import VenueError

VALID_MS = HOUR_MS


@dataclass
class ListenKey:
    """:param expires: ms; from then on it is not valid"""

    text: str
    account: Account
    expires: int


class ListenKeys:
    """The listen keys of a venue, at most one an account."""

    def __init__(self) -> None:
        self._keys: dict[str, ListenKey] = {}
        self._made = 0

    def __iter__(self) -> Iterator[ListenKey]:
        """Iterates over those that were neither closed nor forgotten, the oldest first."""
        return iter(list(self._keys.values()))

    def open(self, account: Account, now: int) -> str:
        """Returns the account's listen key, which is valid for another hour; a new one if none is
        valid."""
        key = self.valid(account, now)
        if key is None:
            self._made += 1
            stamp = f"listenKey/{now}/{self._made}".encode()
            text = hmac.new(account.secret.encode(), stamp, sha256).hexdigest()
            key = self._keys[text] = ListenKey(text, account, 0)
        key.expires = now + VALID_MS
        return key.text

    def extend(self, account: Account, now: int) -> str:
        """Makes the account's listen key valid for another hour, and returns it.

        :raises VenueError: -1125 if none is valid
        """
        key = self.valid(account, now)
        if key is None:
            raise VenueError(-1125, "This listenKey does not exist.")
        key.expires = now + VALID_MS
        return key.text

    def close(self, account: Account) -> None:
        self._keys = {text: key for text, key in self._keys.items() if key.account is not account}

    def get(self, text: str) -> ListenKey | None:
        """Returns a listen key that was not closed; it may have expired."""
        return self._keys.get(text)

    def expired(self, now: int) -> list[ListenKey]:
        """Returns the listen keys that have expired by now, and forgets them."""
        out = [key for key in self._keys.values() if key.expires <= now]
        for key in out:
            del self._keys[key.text]
        return out

    def valid(self, account: Account, now: int) -> ListenKey | None:
        for key in self._keys.values():
            if key.account is account and now < key.expires:
                return key
        return None

"""An API key with its secret, and the pair of keys during a rotation."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from perpkit.ops.stored import BadInputError

_KEY = re.compile(r"[!-~]{8,256}")
_SECRET = re.compile(r"[!-~]{8,256}|-----BEGIN [ -~\n]{50,8000}")  # or a private key in PEM


@dataclass(frozen=True)
class ApiKey:
    """An API key with its secret.

    :param secret: of an HMAC key, or the private key in PEM of an Ed25519 or RSA key
    :param stored: when it was added to the store
    """

    key: str = field(repr=False)
    secret: str = field(repr=False)
    stored: datetime

    @property
    def fingerprint(self) -> str:
        """Identifies the key in logs and messages; the key cannot be derived from it."""
        return fingerprint(self.key)


def fingerprint(key: str) -> str:
    return sha256(key.encode()).hexdigest()[:8]


def checked_key(key: str, secret: str, stored: datetime) -> ApiKey:
    """Validates a key and its secret.

    :raises BadInputError: naming what is wrong, without the value
    """
    key, secret = key.strip(), secret.strip()
    if not _KEY.fullmatch(key):
        raise BadInputError("the API key must be 8 to 256 visible ASCII characters")
    if not _SECRET.fullmatch(secret):
        raise BadInputError(
            "the secret must be 8 to 256 visible ASCII characters, or a private key in PEM"
        )
    if key == secret:
        raise BadInputError("the secret must be another text than the API key")
    for name, text in (("API key", key), ("secret", secret)):
        # Freqtrade converts values of the environment that look like numbers or lists.
        if _is_number(text) or text.startswith("["):
            raise BadInputError(f"the {name} must not look like a number or a list to Freqtrade")
    return ApiKey(key, secret, stored)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class StoredKeys:
    """The keys that a store holds for an account.

    :param current: the one that `perpkit keys exec` hands out
    :param coming: the new one of a rotation, not proved yet
    """

    current: ApiKey
    coming: ApiKey | None = None

    def to_json(self) -> str:
        keys = {"current": self.current, "coming": self.coming}
        return json.dumps({"version": 1, **{n: _as_dict(k) for n, k in keys.items() if k}})

    @classmethod
    def from_json(cls, text: str) -> StoredKeys:
        """Parses what `to_json` returns.

        :raises ValueError: for any other text
        """
        try:
            found = json.loads(text)
            if found["version"] != 1:
                raise ValueError("another version")
            coming = found.get("coming")
            return cls(_key(found["current"]), _key(coming) if coming else None)
        except (ValueError, KeyError, TypeError, RecursionError):
            # A parser's message may quote part of the text, which holds secrets.
            raise ValueError("it holds no keys that can be understood") from None


def _as_dict(key: ApiKey) -> dict[str, str]:
    return {"key": key.key, "secret": key.secret, "stored": key.stored.isoformat()}


def _key(found: dict[str, Any]) -> ApiKey:
    stored = datetime.fromisoformat(found["stored"])
    return ApiKey(str(found["key"]), str(found["secret"]), stored.astimezone(UTC))

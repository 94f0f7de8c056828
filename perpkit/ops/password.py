"""A password that is stored as a scrypt hash, with a limited number of attempts."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes

import typer

from perpkit.files.whole_file import put
from perpkit.ops.stored import BadInputError

HASH = "PERPKIT_RESUME_HASH"
MAKE = "perpkit resume --make-hash"
ATTEMPTS, WINDOW_SECONDS = 5, 15 * 60
SHORTEST = 8
# 32 MB and a tenth of a second per attempt, which exceeds the standard library's default limit.
_N, _R, _P = 2**15, 8, 1
# Limits on the memory and the time that a hash made elsewhere may need.
_LARGEST_BYTES, _LARGEST_P = 2**30, 16
_SALT_BYTES, _HASH_BYTES = 16, 32


@dataclass(frozen=True)
class Hash:
    """A scrypt hash, written as `scrypt:n:r:p:salt:hash`.

    The text has no character that a shell or a compose file would interpret.
    """

    n: int
    r: int
    p: int
    salt: bytes
    hash: bytes

    def __str__(self) -> str:
        salt, hashed = (urlsafe_b64encode(part).decode() for part in (self.salt, self.hash))
        return f"scrypt:{self.n}:{self.r}:{self.p}:{salt}:{hashed}"

    def __repr__(self) -> str:
        return "Hash(...)"


def make_hash(password: str) -> Hash:
    """Hashes a password with a random salt.

    :raises BadInputError: for a password that is too short
    """
    if len(password) < SHORTEST:
        raise BadInputError(f"the password must have at least {SHORTEST} characters")
    salt = token_bytes(_SALT_BYTES)
    return Hash(_N, _R, _P, salt, _scrypt(password, salt, _N, _R, _P, _HASH_BYTES))


def stored_hash(environment: Mapping[str, str]) -> Hash:
    """Reads the hash from the environment.

    :raises BadInputError: if it is missing or malformed, naming how to make one
    """
    text = environment.get(HASH, "").strip()
    if not text:
        raise BadInputError(
            f"{HASH} must have the hash of the password in the environment: {MAKE} makes one"
        )
    try:
        kind, n, r, p, salt, hashed = text.split(":")
        found = Hash(int(n), int(r), int(p), _decoded(salt), _decoded(hashed))
        sound = (
            kind == "scrypt"
            and found.n >= 2**10
            and found.n & (found.n - 1) == 0
            and found.r >= 1
            and 128 * found.n * found.r <= _LARGEST_BYTES
            and 1 <= found.p <= _LARGEST_P
            and len(found.salt) >= _SALT_BYTES
            and len(found.hash) >= _HASH_BYTES
        )
    except ValueError:
        sound = False
    if not sound:  # the message omits the hash, which can be cracked offline
        raise BadInputError(
            f"{HASH} must look like scrypt:n:r:p:salt:hash, as {MAKE} prints it, and does not"
        )
    return found


def is_password(password: str, wanted: Hash) -> bool:
    """Whether the password matches the hash; compared in constant time."""
    found = _scrypt(password, wanted.salt, wanted.n, wanted.r, wanted.p, len(wanted.hash))
    return hmac.compare_digest(found, wanted.hash)


def read_password(prompt: str, from_stdin: bool, confirm: bool = False) -> str:
    """Reads a password from the terminal, or from the first line of standard input.

    :raises BadInputError: if it is empty, or no text
    """
    try:
        if from_stdin:
            password = sys.stdin.readline().rstrip("\r\n")
        else:
            password = typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
        password.encode()  # some locales let through what is no text
    except UnicodeError:
        raise BadInputError("the password must be text in UTF-8") from None
    if not password:
        raise BadInputError("the password must not be empty")
    return password


# Attempts


class AttemptsError(Exception):
    """There were too many attempts; the message is for the operator."""


@dataclass(frozen=True)
class Attempts:
    """The state of the limit after an attempt.

    :param left: how many further attempts are accepted at present
    """

    left: int


def attempts_file(latch: Path) -> Path:
    return latch.with_name(f"{latch.stem}.attempts.json")


def count_attempt(latch: Path) -> Attempts:
    """Counts an attempt before its password is checked, so that killing the command gains nothing.

    A damaged file counts as five attempts at its modification time.

    :param latch: path of the latch, next to which attempts are counted
    :raises AttemptsError: if there were too many attempts
    :raises OSError: if the attempt cannot be counted
    """
    from filelock import FileLock

    path, now = attempts_file(latch), time.time()
    with FileLock(path.with_name(f"{path.name}.lock"), timeout=10):
        # Attempts dated in the future still count, so setting the clock back gains nothing.
        recent = [at for at in _attempts(path) if at > now - WINDOW_SECONDS]
        if len(recent) >= ATTEMPTS:
            minutes = (max(recent[-ATTEMPTS:][0] + WINDOW_SECONDS - now, 0)) / 60
            raise AttemptsError(
                f"{len(recent)} wrong passwords within {WINDOW_SECONDS // 60} minutes: none is "
                f"taken for the next {minutes:.0f} minutes ({path})"
            )
        _keep(path, [*recent, now])
        return Attempts(ATTEMPTS - len(recent) - 1)


def forget_attempts(latch: Path) -> None:
    """Deletes the counted attempts after a correct password."""
    with suppress(FileNotFoundError):
        attempts_file(latch).unlink()


def _attempts(path: Path) -> list[float]:
    try:
        found = sorted(float(at) for at in json.loads(path.read_bytes())["wrong"])
        if not all(map(math.isfinite, found)):
            raise ValueError("a time must be finite")
        return found
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, RecursionError):
        return [path.stat().st_mtime] * ATTEMPTS


def _keep(path: Path, attempts: list[float]) -> None:
    put(path, json.dumps({"wrong": attempts}).encode())


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int, length: int) -> bytes:
    given, room = password.encode(), 128 * r * (n + p + 2)
    return hashlib.scrypt(given, salt=salt, n=n, r=r, p=p, maxmem=2 * room, dklen=length)


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text.encode())

"""A password that is known by its scrypt hash, and asked for a limited number of times."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import os
import sys
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes

import typer

from perpkit.ops.stored import BadInputError

HASH = "PERPKIT_RESUME_HASH"
MAKE = "perpkit resume --make-hash"
ATTEMPTS, WINDOW_SECONDS = 5, 15 * 60
SHORTEST = 8
# 32 MB and a tenth of a second for each try; more than what the standard library allows by itself.
_N, _R, _P = 2**15, 8, 1
# What a hash from elsewhere may need of memory, and of time.
_LARGEST_BYTES, _LARGEST_P = 2**30, 16
_SALT_BYTES, _HASH_BYTES = 16, 32


@dataclass(frozen=True)
class Hash:
    """Of scrypt; written as `scrypt:n:r:p:salt:hash`, without a sign that a shell or a compose
    file would take for its own."""

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
    """:raises BadInputError: for a password that is too short"""
    if len(password) < SHORTEST:
        raise BadInputError(f"the password must have at least {SHORTEST} characters")
    salt = token_bytes(_SALT_BYTES)
    return Hash(_N, _R, _P, salt, _scrypt(password, salt, _N, _R, _P, _HASH_BYTES))


def stored_hash(environment: Mapping[str, str]) -> Hash:
    """:raises BadInputError: naming how one is made, where there is none or it is no hash"""
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
    if not sound:  # without it: it is as good as the password to whoever has time
        raise BadInputError(
            f"{HASH} must look like scrypt:n:r:p:salt:hash, as {MAKE} prints it, and does not"
        )
    return found


def is_password(password: str, wanted: Hash) -> bool:
    """Compared in constant time."""
    found = _scrypt(password, wanted.salt, wanted.n, wanted.r, wanted.p, len(wanted.hash))
    return hmac.compare_digest(found, wanted.hash)


def read_password(prompt: str, from_stdin: bool, confirm: bool = False) -> str:
    """:raises BadInputError: where there is none"""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True)
    if not password:
        raise BadInputError("the password must not be empty")
    return password


# Attempts


class AttemptsError(Exception):
    """There were too many; the message is for people."""


@dataclass(frozen=True)
class Attempts:
    """:param left: how many more are taken at present"""

    left: int


def attempts_file(latch: Path) -> Path:
    return latch.with_name(f"{latch.stem}.attempts.json")


def count_attempt(latch: Path) -> Attempts:
    """Count one, before it is looked at, so that nothing ends the command in between.

    A file that is damaged is taken for five attempts at the time when it was written.

    :param latch: beside which it is counted
    :raises AttemptsError: when it is one too many
    :raises OSError: when it cannot be counted
    """
    from filelock import FileLock

    path, now = attempts_file(latch), time.time()
    with FileLock(path.with_name(f"{path.name}.lock"), timeout=10):
        # One from the future stays until then: a clock that is set back earns nothing.
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
    """After the right one."""
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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w") as file:
        json.dump({"wrong": attempts}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _scrypt(password: str, salt: bytes, n: int, r: int, p: int, length: int) -> bytes:
    given, room = password.encode(), 128 * r * (n + p + 2)
    return hashlib.scrypt(given, salt=salt, n=n, r=r, p=p, maxmem=2 * room, dklen=length)


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text.encode())

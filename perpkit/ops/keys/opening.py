"""Selects the store of an account's key, and reads the secrets that an operator types."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import typer

from perpkit.ops.keys.api_key import ApiKey, checked_key
from perpkit.ops.keys.store import AgeStore, KeyringStore, Store
from perpkit.ops.stored import BadInputError
from perpkit.record.latch import latch_of

VARIABLE = "PERPKIT_KEYS_PASSPHRASE"
SHORTEST = 12


class StoreKind(StrEnum):
    KEYRING = "keyring"
    FILE = "file"


@dataclass(frozen=True)
class Where:
    """A store, as an operator names it.

    :param account: a name of the operator's choice, as in the configuration's `perpkit.account`
    :param kind: None for the file if it exists, and otherwise the keyring
    :param file: None for `perpkit/keys/ACCOUNT.age` in the user directory
    :param passphrase_file: has the passphrase in its first line; None to read it from the
        environment or the terminal
    """

    account: str
    userdir: Path
    kind: StoreKind | None = None
    file: Path | None = None
    passphrase_file: Path | None = None

    def __post_init__(self) -> None:
        try:
            latch_of({"perpkit": {"account": self.account}})  # the latch's rule for account names
        except ValueError as error:
            raise BadInputError(str(error)) from None
        if self.kind is StoreKind.KEYRING and self.file is not None:
            raise BadInputError("--file cannot be given together with --in keyring")

    @property
    def log(self) -> Path:
        return self._folder / f"{self.account}.log.jsonl"

    @property
    def age_file(self) -> Path:
        return self.file or self._folder / f"{self.account}.age"

    @property
    def _folder(self) -> Path:
        return self.userdir / "perpkit" / "keys"

    def store(self, *, new: bool = False) -> Store:
        """Opens the store.

        :param new: whether a passphrase that is typed for a new file must be typed twice
        :raises BadInputError: naming what is missing
        """
        in_file = self.file is not None or self.kind is StoreKind.FILE
        if in_file or (self.kind is None and self.age_file.exists()):
            return AgeStore(self.age_file, self._passphrase(new and not self.age_file.exists()))
        return KeyringStore(self.account)

    def _passphrase(self, new: bool) -> str:
        if self.passphrase_file is not None:
            try:
                text = self.passphrase_file.read_text("utf-8").split("\n", 1)[0]
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "it is no text"
                raise BadInputError(f"{self.passphrase_file} cannot be read: {why}") from None
        else:
            text = os.environ.get(VARIABLE) or _typed(
                "Passphrase", f"--passphrase-file or {VARIABLE}", twice=new
            )
        try:
            text.encode()
        except UnicodeEncodeError:  # bytes of the environment that are no text
            raise BadInputError("the passphrase must be text in UTF-8") from None
        if new and len(text) < SHORTEST:
            raise BadInputError(f"the passphrase must have at least {SHORTEST} characters")
        if not text:
            raise BadInputError("the passphrase must not be empty")
        return text


def given_key(*, stdin: bool) -> ApiKey:
    """Reads a key without echo, or from standard input: the key on one line, then the secret.

    It is never read from the command line, where other users and the shell's history would see it.

    :raises BadInputError: naming what is wrong
    """
    if stdin:
        try:
            key, _, secret = sys.stdin.read().partition("\n")
        except UnicodeDecodeError:
            raise BadInputError("API key and secret must be ASCII characters") from None
    else:
        key, secret = _typed("API key", "--stdin"), _typed("Secret", "--stdin")
    return checked_key(key, secret, datetime.now(UTC).replace(microsecond=0))


def _typed(what: str, otherwise: str, *, twice: bool = False) -> str:
    if not sys.stdin.isatty():
        raise BadInputError(f"there is no terminal to type at: give it with {otherwise}")
    return str(typer.prompt(what, hide_input=True, confirmation_prompt=twice, err=True))

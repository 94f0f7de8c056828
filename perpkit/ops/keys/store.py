"""Stores keys in the operating system's keyring, or in an age-encrypted file.

A store is read and written as a whole: the current key, and during a rotation the new one. A
failed write loses nothing: the old content stays, or is put back, unless the new content could be
read back.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from perpkit.files.whole_file import put
from perpkit.ops.keys.api_key import StoredKeys
from perpkit.ops.stored import BadInputError

SERVICE = "perpkit"
_EXTRA = "it needs the extra `keys`: pip install 'perpkit[keys]'"


class Store(Protocol):
    @property
    def where(self) -> str:
        """The name of the store in messages."""

    def read(self) -> StoredKeys | None:
        """Returns the keys, or None if nothing is stored.

        :raises BadInputError: if they cannot be read
        """

    def write(self, keys: StoredKeys) -> None:
        """Stores the keys in place of the old ones.

        :raises BadInputError: if they were not stored; the old ones are then still there
        """


class KeyringStore:
    """Keys in the operating system's keyring.

    :param account: each has one entry of the service "perpkit"
    """

    def __init__(self, account: str) -> None:
        self._account = account
        self._backend = _keyring()

    @property
    def where(self) -> str:
        return f'the keyring "{self._backend.name}", {SERVICE}/{self._account}'

    def read(self) -> StoredKeys | None:
        from keyring.errors import KeyringError

        try:
            content = self._backend.get_password(SERVICE, self._account)
        except KeyringError as error:
            raise BadInputError(f"{self.where} cannot be read: {_named(error)}") from None
        return None if content is None else _parsed(content, self.where)

    def write(self, keys: StoredKeys) -> None:
        from keyring.errors import KeyringError

        content, before, kept, wrong = keys.to_json(), None, None, ""
        try:
            before = self._backend.get_password(SERVICE, self._account)
            self._backend.set_password(SERVICE, self._account, content)
            kept = self._backend.get_password(SERVICE, self._account)
        except KeyringError as error:
            wrong = f": {_named(error)}"
        if kept == content:
            return
        if before is not None:
            with suppress(KeyringError):
                self._backend.set_password(SERVICE, self._account, before)
        raise BadInputError(f"{self.where} did not keep what it was given{wrong}")


def _keyring() -> Any:
    """Returns the backend that keyring has chosen for this system.

    :raises BadInputError: if there is none, or none that protects a secret
    """
    try:
        import keyring
        from keyring.backends import fail, null
    except ImportError:
        raise BadInputError(f"there is no keyring here: {_EXTRA}") from None
    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring):
        raise BadInputError("this system has no keyring: keep the key in a file, with --in file")
    if "plaintext" in type(backend).__name__.lower():
        raise BadInputError(
            f'the keyring "{backend.name}" keeps plain text: keep the key in a file, with --in file'
        )
    return backend


class AgeStore:
    """A file that age(1) can also decrypt, with the same passphrase."""

    def __init__(self, path: Path, passphrase: str) -> None:
        self._path = path
        self._passphrase = passphrase

    @property
    def where(self) -> str:
        return str(self._path)

    def read(self) -> StoredKeys | None:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadInputError(f"{self._path} cannot be read: {error.strerror}") from None
        return _parsed(self._decrypted(content), self.where)

    def write(self, keys: StoredKeys) -> None:
        content = _pyrage().passphrase.encrypt(keys.to_json().encode(), self._passphrase)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            put(self._path, content, private=True, verify=self._decrypted)
        except OSError as error:
            raise BadInputError(f"{self._path} cannot be written: {error.strerror}") from None

    def _decrypted(self, content: bytes) -> str:
        pyrage = _pyrage()
        try:
            return str(pyrage.passphrase.decrypt(content, self._passphrase), "utf-8")
        except (pyrage.DecryptError, ValueError):
            raise BadInputError(
                f"{self._path} cannot be decrypted: another passphrase, or the file is damaged"
            ) from None


def _pyrage() -> Any:
    try:
        import pyrage
        import pyrage.passphrase
    except ImportError:
        raise BadInputError(f"an age-encrypted file cannot be used: {_EXTRA}") from None
    return pyrage


def _parsed(content: str, where: str) -> StoredKeys:
    try:
        return StoredKeys.from_json(content)
    except ValueError as error:
        raise BadInputError(f"{where} is damaged: {error}") from None


def _named(error: Exception) -> str:
    """Returns only the kind of a backend's error, because its message may quote a secret."""
    return type(error).__name__

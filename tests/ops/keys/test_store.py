"""Stores keep keys whole, tell why they cannot, and lose nothing."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime
from types import SimpleNamespace

import keyring
import pytest
from keyring.backends import fail, null
from keyring.errors import KeyringLocked, PasswordSetError

from perpkit.ops.keys import store as module
from perpkit.ops.keys.api_key import ApiKey, StoredKeys, checked_key
from perpkit.ops.keys.store import AgeStore, KeyringStore
from perpkit.ops.stored import BadInputError
from tests.bench.planted import KEY, MARK, NEXT_KEY, NEXT_SECRET, PASSPHRASE, SECRET

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ONE = StoredKeys(ApiKey(KEY, SECRET, AT))
TWO = StoredKeys(ApiKey(KEY, SECRET, AT), ApiKey(NEXT_KEY, NEXT_SECRET, AT))
PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ\n" + "a" * 40 + "\n-----END-----"


@pytest.fixture
def quick(monkeypatch):
    """A cipher that costs nothing: age's takes a second on purpose, each time."""

    def decrypt(content: bytes, passphrase: str) -> bytes:
        if not content.startswith(passphrase.encode()):
            raise ValueError
        return content.removeprefix(passphrase.encode())[::-1]

    cipher = SimpleNamespace(
        encrypt=lambda content, passphrase: passphrase.encode() + content[::-1], decrypt=decrypt
    )
    monkeypatch.setattr(
        module, "_pyrage", lambda: SimpleNamespace(passphrase=cipher, DecryptError=KeyError)
    )
    return cipher


@pytest.fixture(params=["keyring", "file"])
def store(request, tmp_path, quick):
    if request.param == "keyring":
        return KeyringStore("main")
    return AgeStore(tmp_path / "perpkit" / "keys" / "main.age", "quick")


def test_what_is_written_is_read(store):
    assert store.read() is None
    for keys in (ONE, TWO, ONE):
        store.write(keys)
        assert store.read() == keys


def test_accounts_are_apart():
    KeyringStore("main").write(ONE)
    assert KeyringStore("other").read() is None


@pytest.fixture(scope="module")
def age_file(tmp_path_factory):
    """As age writes it."""
    path = tmp_path_factory.mktemp("store") / "keys" / "main.age"
    AgeStore(path, PASSPHRASE).write(TWO)
    return path


def test_a_file_is_encrypted_and_ones_own(age_file):
    content = age_file.read_bytes()
    assert content.startswith(b"age-encryption.org/v1\n-> scrypt ")
    assert MARK.encode() not in content
    assert AgeStore(age_file, PASSPHRASE).read() == TWO
    if os.name != "nt":
        assert stat.S_IMODE(age_file.stat().st_mode) == 0o600
        assert stat.S_IMODE(age_file.parent.stat().st_mode) == 0o700
    assert [each.name for each in age_file.parent.iterdir()] == ["main.age"]


@pytest.mark.parametrize(
    ("length", "passphrase"),
    [(None, "another one"), (0, PASSPHRASE), (40, PASSPHRASE), (-1, PASSPHRASE)],
    ids=["passphrase", "empty", "cut", "cut at its end"],
)
def test_a_file_that_cannot_be_read(age_file, tmp_path, length, passphrase):
    path = tmp_path / "main.age"
    path.write_bytes(age_file.read_bytes()[:length])
    with pytest.raises(BadInputError, match="another passphrase, or the file is") as raised:
        AgeStore(path, passphrase).read()
    assert str(path) in str(raised.value)
    assert MARK not in str(raised.value)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_file_that_cannot_be_written_stays(tmp_path, monkeypatch, step, quick):
    path = tmp_path / "main.age"
    store = AgeStore(path, "quick")
    store.write(ONE)

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, full)
        with pytest.raises(BadInputError, match="cannot be written: No space left"):
            store.write(TWO)
    assert store.read() == ONE
    assert list(tmp_path.iterdir()) == [path]


def test_content_that_does_not_come_back_takes_no_place(tmp_path, monkeypatch, quick):
    store = AgeStore(tmp_path / "main.age", "quick")
    store.write(ONE)
    monkeypatch.setattr(quick, "encrypt", lambda *_: b"?")
    with pytest.raises(BadInputError, match="cannot be decrypted"):
        store.write(TWO)
    assert store.read() == ONE


class PlaintextKeyring(null.Keyring):
    name = "text"


@pytest.mark.parametrize(
    ("backend", "words"),
    [
        (fail.Keyring, "this system has no keyring: keep the key in a file, with --in file"),
        (null.Keyring, "this system has no keyring"),
        (PlaintextKeyring, "keeps plain text|this system has no keyring"),
    ],
)
def test_a_keyring_that_keeps_nothing_safe(backend, words):
    keyring.set_keyring(backend())
    with pytest.raises(BadInputError, match=words):
        KeyringStore("main")


def test_a_keyring_that_is_locked(memory_keyring, monkeypatch):
    def locked(*args: object) -> None:
        raise KeyringLocked(f"no {SECRET}")

    monkeypatch.setattr(memory_keyring, "get_password", locked)
    with pytest.raises(BadInputError, match="cannot be read: KeyringLocked") as raised:
        KeyringStore("main").read()
    assert MARK not in str(raised.value)


@pytest.mark.parametrize("raises", [True, False])
def test_a_keyring_that_does_not_keep_it_has_what_it_had(memory_keyring, monkeypatch, raises):
    store = KeyringStore("main")
    store.write(ONE)
    keep = memory_keyring.set_password

    def forgetful(service: str, account: str, content: str) -> None:
        keep(service, account, content if NEXT_KEY not in content else content[:99])
        if raises and NEXT_KEY in content:
            raise PasswordSetError(f"too long: {content}")

    monkeypatch.setattr(memory_keyring, "set_password", forgetful)
    with pytest.raises(BadInputError, match="did not keep what it was given") as raised:
        store.write(TWO)
    assert store.read() == ONE
    assert MARK not in str(raised.value)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"version": 2}', '{"version": 1, "current": {"key": 1}}']
)
def test_content_that_is_damaged(memory_keyring, content):
    memory_keyring.set_password("perpkit", "main", content)
    with pytest.raises(BadInputError, match="is damaged: it holds no keys"):
        KeyringStore("main").read()


def test_keys_show_no_secret():
    for shown in (repr(TWO), str(TWO), f"{TWO.current}", TWO.current.fingerprint):
        assert MARK not in shown


@pytest.mark.parametrize(
    ("key", "secret", "words"),
    [
        (KEY, SECRET, None),
        (f" {KEY}\n", f"{SECRET}\n", None),
        (KEY, PEM, None),
        ("", SECRET, "API key must be 8 to 256"),
        (KEY, "", "secret must be 8 to 256"),
        ("short", SECRET, "API key must be"),
        ("with a space", SECRET, "API key must be"),
        ("schlüssel1", SECRET, "API key must be"),
        (KEY, "s\ne\nc\nr\ne\nt", "secret must be"),
        (KEY, KEY, "another text"),
        # Freqtrade would make numbers of them, in the environment.
        ("1234567890", SECRET, "number"),
        (KEY, "12345e67", "number"),
        ("infinity", SECRET, "number"),
        (KEY, '["a","b"]', "list"),
    ],
    ids=range(14),
)
def test_what_may_be_a_key(key, secret, words):
    if words is None:
        checked = checked_key(key, secret, AT)
        assert (checked.key, checked.secret) == (key.strip(), secret.strip())
        return
    with pytest.raises(BadInputError, match=words) as raised:
        checked_key(key, secret, AT)
    assert MARK not in str(raised.value)
    assert not key or key not in str(raised.value)

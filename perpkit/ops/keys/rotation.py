"""Replaces one key by the next, so that a working one is stored at every moment.

The new key is first stored next to the current one. It replaces the current one once the exchange
has accepted a signed call with it, and it has the rights that the bot needs and none to move
money. Wherever this is interrupted, the current key stays in use.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from perpkit.ops.keys.api_key import ApiKey, StoredKeys
from perpkit.ops.keys.finding import KeyFinding
from perpkit.ops.keys.store import Store
from perpkit.ops.level import Level
from perpkit.ops.stored import BadInputError

# The checks of the key itself, which must pass before it is used; the others are of the account.
_PROOF = ("signed call", "reading", "futures", "withdrawals", "transfers")


def begin(store: Store, keys: StoredKeys, coming: ApiKey) -> StoredKeys:
    """Stores the new key next to the current one.

    :raises BadInputError: if it is the key that is already in use
    """
    if coming.key == keys.current.key:
        raise BadInputError("the new API key must be another one than the stored key")
    begun = replace(keys, coming=coming)
    _write(store, keys, begun)
    return begun


def discard(store: Store, keys: StoredKeys) -> None:
    _write(store, keys, replace(keys, coming=None))


def missing_proof(findings: Iterable[KeyFinding]) -> list[KeyFinding]:
    """Returns the findings that keep a new key from being used; empty if it is proved."""
    levels = {finding.check: finding for finding in findings}
    return [levels[check] for check in _PROOF if levels[check].level is not Level.OK]


def finish(store: Store, keys: StoredKeys) -> StoredKeys:
    """Makes the new key the current one, and drops the old one."""
    if keys.coming is None:
        raise ValueError("no rotation has begun")
    done = StoredKeys(keys.coming)
    _write(store, keys, done)
    return done


def _write(store: Store, before: StoredKeys, after: StoredKeys) -> None:
    """Stores the keys, unless another command has changed the store since: its key would be lost.

    :raises BadInputError: if it has
    """
    if store.read() != before:
        raise BadInputError(f"{store.where} was changed meanwhile, and stays: run this again")
    store.write(after)

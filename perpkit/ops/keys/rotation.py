"""From one key to the next, such that a working one is kept at every moment.

The coming key is stored beside the current one first. It takes its place when the exchange has
accepted a signed call with it and it has the rights that the bot needs, and no right to move money.
Wherever this is interrupted, the current key stays the one that is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from perpkit.ops.keys.api_key import ApiKey, StoredKeys
from perpkit.ops.keys.finding import KeyFinding
from perpkit.ops.keys.store import Store
from perpkit.ops.level import Level
from perpkit.ops.stored import BadInputError

# What is the key's own, and must be right before it is used; the rest is of the account.
_PROOF = ("signed call", "reading", "futures", "withdrawals", "transfers")


def begin(store: Store, keys: StoredKeys, coming: ApiKey) -> StoredKeys:
    """:raises BadInputError: for the key that is in use already"""
    if coming.key == keys.current.key:
        raise BadInputError("the new API key must be another one than the stored key")
    begun = replace(keys, coming=coming)
    store.write(begun)
    return begun


def discard(store: Store, keys: StoredKeys) -> None:
    store.write(replace(keys, coming=None))


def missing_proof(findings: Iterable[KeyFinding]) -> list[KeyFinding]:
    """What keeps a coming key from being used; empty where it is proved."""
    levels = {finding.check: finding for finding in findings}
    return [levels[check] for check in _PROOF if levels[check].level is not Level.OK]


def finish(store: Store, keys: StoredKeys) -> StoredKeys:
    """The coming key becomes the current one, which is dropped."""
    if keys.coming is None:
        raise ValueError("no rotation has begun")
    done = StoredKeys(keys.coming)
    store.write(done)
    return done

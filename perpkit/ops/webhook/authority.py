"""Who may give orders: the secret, and the addresses that alerts may come from."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

LEAST_SECRET = 16
Network = IPv4Network | IPv6Network


def signature(secret: str, body: bytes) -> str:
    """Returns what a sender of one's own puts into the header `X-Perpkit-Signature`."""
    return "sha256=" + hmac.new(_bytes_of(secret), body, hashlib.sha256).hexdigest()


def has_authority(secret: str, body: bytes, signed: str | None, said: str | None) -> bool:
    """Whether a request knows the secret; the time that it takes says nothing about it.

    :param signed: the header with the signature of the body, if there is one; then it decides
    :param said: the secret in the body
    """
    if signed is not None:
        return hmac.compare_digest(signature(secret, body).encode(), signed.encode())
    # JSON may hold half a character, which is no secret either.
    return hmac.compare_digest(_bytes_of(secret), (said or "").encode(errors="surrogatepass"))


def _bytes_of(secret: str) -> bytes:
    """Returns a secret as the environment has it, which need not be text."""
    return secret.encode(errors="surrogateescape")


@dataclass(frozen=True)
class Addresses:
    """
    :param allowed: networks that alerts may come from; empty for all
    :param proxies: whose header `X-Forwarded-For` is believed
    """

    allowed: tuple[Network, ...] = ()
    proxies: tuple[Network, ...] = field(default=())

    def sender(self, peer: str, forwarded: Sequence[str]) -> str:
        """Returns the address that a request comes from.

        :param peer: the other end of the connection
        :param forwarded: values of `X-Forwarded-For`; each proxy appends the address before it, so
            that the last one that is no proxy of ours is the sender; those before it he may forge
        """
        hops = [hop.strip() for value in forwarded for hop in value.split(",")]
        sender = peer
        while hops and _is_in(sender, self.proxies):
            sender = hops.pop()
        return sender

    def allow(self, sender: str) -> bool:
        return not self.allowed or _is_in(sender, self.allowed)


def networks(given: Iterable[str], option: str) -> tuple[Network, ...]:
    """:raises ValueError: naming the option and what is no address or network"""
    found = []
    for each in given:
        try:
            found.append(ip_network(each.strip()))
        except ValueError as error:
            raise ValueError(
                f"{option} must be an address or a network such as 52.89.214.238 or 10.0.0.0/8, "
                f"got {each!r} ({error})"
            ) from None
    return tuple(found)


def _is_in(address: str, networks: Sequence[Network]) -> bool:
    try:
        found = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return any(mapped in network for network in networks)

from __future__ import annotations

import hashlib
import hmac

import pytest

from perpkit.ops.webhook.authority import Addresses, has_authority, networks, signature

SECRET, BODY = "correct horse battery", b'{"action": "long"}'


def test_a_signature_is_an_hmac_of_the_body():
    digest = hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest()
    assert signature(SECRET, BODY) == f"sha256={digest}"


@pytest.mark.parametrize(
    ("signed", "said", "has"),
    [
        (None, SECRET, True),
        (None, None, False),
        (None, "", False),
        (None, SECRET[:-1], False),
        (None, SECRET + " ", False),
        (None, "päßwort", False),
        (None, "\ud800", False),
        (signature(SECRET, BODY), None, True),
        (signature(SECRET, BODY).upper(), None, False),
        (signature(SECRET, BODY + b" "), None, False),
        (signature("another secret", BODY), None, False),
        ("", SECRET, False),  # a signature decides, where there is one
        (signature("another secret", BODY), SECRET, False),
        ("sha256=ü", None, False),
    ],
)
def test_who_knows_the_secret(signed, said, has):
    assert has_authority(SECRET, BODY, signed, said) is has


def test_a_secret_that_is_no_text_is_known_by_its_signature():
    secret = "of the environment \udcff"
    assert has_authority(secret, BODY, signature(secret, BODY), None)
    assert not has_authority(secret, BODY, None, secret.replace("\udcff", "\xff"))


OURS = Addresses(networks(["52.89.214.238"], "--allow"), networks(["10.0.0.0/8", "::1"], "--proxy"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "sender"),
    [
        ("52.89.214.238", [], "52.89.214.238"),
        ("9.9.9.9", ["52.89.214.238"], "9.9.9.9"),  # no proxy of ours
        ("10.1.2.3", ["52.89.214.238"], "52.89.214.238"),
        ("10.1.2.3", ["52.89.214.238, 9.9.9.9"], "9.9.9.9"),  # forged by 9.9.9.9
        ("10.1.2.3", ["9.9.9.9, 52.89.214.238", "10.9.9.9"], "52.89.214.238"),
        ("::1", ["52.89.214.238"], "52.89.214.238"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["nonsense"], "nonsense"),
    ],
)
def test_the_sender_is_the_last_hop_that_is_no_proxy_of_ours(peer, forwarded, sender):
    assert OURS.sender(peer, forwarded) == sender


@pytest.mark.parametrize(
    ("sender", "allowed"),
    [
        ("52.89.214.238", True),
        ("::ffff:52.89.214.238", True),
        ("52.89.214.239", False),
        ("10.1.2.3", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_who_is_allowed(sender, allowed):
    assert OURS.allow(sender) is allowed


def test_without_a_list_all_are_allowed():
    assert Addresses().allow("9.9.9.9")


@pytest.mark.parametrize("given", ["", "tradingview.com", "10.0.0.1/8", "300.1.1.1"])
def test_what_is_no_network_is_refused_by_name(given):
    with pytest.raises(ValueError, match="--allow must be an address or a network"):
        networks([given], "--allow")

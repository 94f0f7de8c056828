"""Who can reach the bot's REST API, and what its secrets are worth."""

from __future__ import annotations

import pytest

from perpkit.ops.doctor.rest_api import configured
from perpkit.ops.level import Level

SOUND = {
    "listen_ip_address": "127.0.0.1",
    "username": "operator",
    "password": "correct horse battery",
    "jwt_secret_key": "a0b1" * 8,
    "CORS_origins": ["http://localhost:3000"],
}


def wrong(own, *, in_container=False):
    return [f for f in configured({**SOUND, **own}, in_container=in_container) if f.fix]


@pytest.mark.parametrize(
    ("own", "level", "words"),
    [
        ({"listen_ip_address": "0.0.0.0"}, Level.FAIL, "0.0.0.0: every network"),
        ({"listen_ip_address": "::"}, Level.FAIL, "::: every network"),
        ({"listen_ip_address": "8.8.8.8"}, Level.FAIL, "every network"),
        ({"listen_ip_address": "bot.example.org"}, Level.FAIL, "every network"),
        ({"listen_ip_address": "192.168.1.5"}, Level.WARN, "all of that network"),
        ({"listen_ip_address": "100.64.0.5"}, Level.WARN, "all of that network"),
        ({"jwt_secret_key": ""}, Level.FAIL, "jwt_secret_key must be random"),
        ({"jwt_secret_key": "short"}, Level.FAIL, "jwt_secret_key must be random"),
        (
            {"jwt_secret_key": "somethingRandomSomethingRandom123"},
            Level.FAIL,
            "jwt_secret_key must be random",
        ),
        ({"username": ""}, Level.FAIL, "must not be empty"),
        ({"password": ""}, Level.FAIL, "must not be empty"),
        ({"password": "SuperSecurePassword"}, Level.WARN, "short or well known"),
        ({"password": "hunter2"}, Level.WARN, "short or well known"),
        ({"CORS_origins": ["*"]}, Level.WARN, "every web site"),
    ],
)
def test_what_is_wrong_with_it(own, level, words):
    [found] = wrong(own)
    assert found.level is level
    assert words in found.words
    for secret in ("jwt_secret_key", "password"):
        given = own.get(secret)
        assert not given or given not in f"{found.words}{found.fix}"


@pytest.mark.parametrize(
    ("own", "in_container"),
    [
        ({}, False),
        ({"listen_ip_address": "::1"}, False),
        ({"listen_ip_address": "localhost"}, False),
        ({"listen_ip_address": "0.0.0.0"}, True),
    ],
)
def test_what_is_in_order(own, in_container):
    assert wrong(own, in_container=in_container) == []

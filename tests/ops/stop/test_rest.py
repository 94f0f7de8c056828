"""The bot's API: whose it is, and what it says when it says nothing of use."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from perpkit.ops.stop import rest as module
from perpkit.ops.stop.rest import BotRest, RestError, rest_of
from tests.ops.stop.conftest import PASSWORD, STARTED, USER


@pytest.fixture
def rest(api) -> BotRest:
    return BotRest(api.url, USER, PASSWORD)


@pytest.mark.parametrize(
    ("server", "url", "expected"),
    [
        ({}, None, "http://127.0.0.1:8080"),
        ({"listen_ip_address": "0.0.0.0", "listen_port": 8081}, None, "http://127.0.0.1:8081"),
        ({"listen_ip_address": "::"}, None, "http://[::1]:8080"),
        ({"listen_ip_address": "::1"}, None, "http://[::1]:8080"),
        ({"listen_ip_address": "10.0.0.7"}, None, "http://10.0.0.7:8080"),
        ({}, "http://bot:9000/", "http://bot:9000"),
        ({}, "http://me:hidden@bot:9000/", "http://bot:9000"),
    ],
)
def test_it_is_asked_where_it_listens_or_where_it_is_reached(server, url, expected):
    found = rest_of({"api_server": {"enabled": True, **server}}, url)
    assert found.url == expected


@pytest.mark.parametrize(
    ("url", "own", "reached", "credentials"),
    [
        ("http://me:p%40ss@bot:8080", "", "http://bot:8080", ("me", "p@ss")),
        ("http://me:pass@bot:8080/", "its own", "http://bot:8080", ("", "its own")),
        ("http://bot:8080/of/a@b", "", "http://bot:8080/of/a@b", ("", "")),
    ],
)
def test_credentials_of_a_url_count_where_the_configuration_has_none(
    url, own, reached, credentials
):
    found = rest_of({"api_server": {"enabled": True, "password": own}}, url)
    assert found == BotRest(reached, *credentials)


def test_one_that_is_off_is_none():
    assert rest_of({"api_server": {"enabled": False}}) is None
    assert rest_of({}) is None


def test_a_password_is_not_shown():
    assert PASSWORD not in repr(BotRest("http://x", USER, PASSWORD))


def test_the_bot_of_this_database_is_known(rest, bot, database):
    rest.check_identity(bot())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"bot_startup_ts": int((STARTED + timedelta(seconds=1)).timestamp())}, "not this bot"),
        ({"bot_startup_ts": None}, "not this bot"),
        ({}, "not this bot"),
        ({"detail": "Unauthorized"}, "refuses health: Unauthorized"),
        (b"<html>", "no answer to health"),
        (b"1", "no answer to health"),
        ([], "not this bot"),
        (None, "no answer to health"),
    ],
)
def test_another_one_is_not_asked_to_sell(api, rest, bot, database, answer, words):
    api.answers["health"] = answer if answer is not None else lambda _: None
    with pytest.raises(RestError, match=words):
        rest.check_identity(bot())


def test_one_that_has_never_started_is_not_known(rest, bot, database, api):
    api.answers["health"] = {"bot_startup_ts": None}
    from freqtrade.persistence.key_value_store import KeyValueStore

    KeyValueStore.delete_value("startup_time")
    with pytest.raises(RestError, match="not this bot"):
        rest.check_identity(bot())


@pytest.mark.parametrize(
    ("shown", "is_it"),
    [
        ({"dry_run": True, "bot_name": "here"}, True),
        ({"dry_run": False, "bot_name": "here"}, False),
        ({"dry_run": True, "bot_name": "there"}, False),
    ],
)
def test_without_a_database_mode_and_name_must_do(rest, bot, api, shown, is_it):
    api.answers["show_config"] = shown
    own = bot(dry_run=True, db_url="sqlite://", bot_name="here")
    if is_it:
        rest.check_identity(own)
    else:
        with pytest.raises(RestError, match="mode or name differ"):
            rest.check_identity(own)


def test_no_answer_is_not_waited_for(rest, bot, api, monkeypatch):
    monkeypatch.setattr(module, "_PING_SECONDS", 0.1)
    api.answers["health"] = lambda _: time.sleep(0.5)
    with pytest.raises(RestError, match="no answer to health: ReadTimeout"):
        rest.check_identity(bot())


def test_nobody_there():
    with pytest.raises(RestError, match="no answer to stopbuy"):
        BotRest("http://127.0.0.1:1", USER, PASSWORD).pause()


def test_a_proxy_of_the_environment_does_not_see_the_password(rest, api, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    rest.pause()
    assert api.asked == [("stopbuy", None)]


def test_what_fails_in_the_bot_is_said(rest, api):
    api.answers["forceexit"] = {"error": "Error querying /api/v1/forceexit: no answer"}
    with pytest.raises(RestError, match=r"forceexit failed in the bot: .* no answer"):
        rest.force_exit("all")
    assert api.exits == ["all"]

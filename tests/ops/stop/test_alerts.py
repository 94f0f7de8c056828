"""A message by apprise where the bot's Telegram says nothing."""

from __future__ import annotations

import logging
import sys
from urllib.parse import unquote

import pytest

from perpkit.ops.stop.alerts import URLS, alert, alert_urls
from tests.bench.receiver import receiver

TOKEN = "123456789:secret-token"
TELEGRAM = {"enabled": True, "token": TOKEN, "chat_id": "7"}


@pytest.fixture
def service():
    with receiver() as made:
        yield made


@pytest.mark.parametrize(
    ("environment", "telegram", "expected"),
    [
        ("json://a json://b\n", TELEGRAM, ["json://a", "json://b"]),
        ("", TELEGRAM, [f"tgram://{TOKEN}/7/"]),
        ("", {**TELEGRAM, "topic_id": "3"}, [f"tgram://{TOKEN}/7:3/"]),
        ("", {**TELEGRAM, "enabled": False}, []),
        ("", {**TELEGRAM, "token": ""}, []),
        ("", None, []),
    ],
)
def test_addresses_of_the_environment_or_the_bots_own_chat(
    monkeypatch, environment, telegram, expected
):
    monkeypatch.setenv(URLS, environment)
    assert alert_urls({"telegram": telegram}) == expected


def test_apprise_understands_the_bots_chat():
    from apprise import Apprise

    services = Apprise()
    assert services.add(f"tgram://{TOKEN}/7/")
    assert services.add(f"tgram://{TOKEN}/7:3/")
    assert [unquote(one.url()).partition("?")[0] for one in services] == [
        f"tgram://{TOKEN}/7/",
        f"tgram://{TOKEN}/7:3/",
    ]


def test_it_is_sent(service):
    assert alert([service.url], "Title", "one\ntwo *three*") == "sent"
    [got] = service.got
    assert (got["title"], got["message"]) == ("Title", "one\ntwo *three*")


def test_what_is_not_taken_is_said_without_the_address(service, caplog):
    service.status = 500
    with caplog.at_level(logging.INFO):
        found = alert([f"{service.url}secret-token"], "Title", "text")
    assert found == "not sent: the service did not take it, or cannot be reached"
    assert "secret-token" not in caplog.text


def test_what_is_no_address_is_said(service):
    assert alert(["nonsense"], "Title", "text").startswith("not sent: 1 of 1 addresses")
    assert alert(["nonsense", service.url], "Title", "text").startswith("sent, but 1 of 2")
    assert len(service.got) == 1


def test_without_an_address_or_apprise_it_says_so(monkeypatch):
    assert "nothing to send it by" in alert([], "Title", "text")
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert "pip install 'perpkit[alerts]'" in alert(["json://x"], "Title", "text")

"""Listen keys: an hour each, one an account."""

from __future__ import annotations

import pytest

from perpkit.durations import HOUR_MS
from perpkit.venue.errors import VenueError
from tests.venue.signed import Client

PATH = "/fapi/v1/listenKey"


def ask(client: Client, method: str, key: str = "key") -> tuple[int, dict]:
    answer = client.http.request(method, PATH, headers={"X-MBX-APIKEY": key})
    return answer.status_code, answer.json()


def test_a_key_lasts_an_hour_and_is_extended_by_post_and_put(client, clock):
    _, first = ask(client, "POST")
    assert len(first["listenKey"]) == 64
    for method in ("POST", "PUT"):
        clock.time += HOUR_MS - 1
        assert ask(client, method) == (200, first)
    clock.time += HOUR_MS
    assert ask(client, "PUT") == (
        400,
        {"code": -1125, "msg": "This listenKey does not exist."},
    )
    status, second = ask(client, "POST")
    assert status == 200
    assert second != first


def test_a_closed_key_is_gone(client):
    _, first = ask(client, "POST")
    assert ask(client, "DELETE") == (200, {})
    assert ask(client, "PUT")[1]["code"] == -1125
    assert ask(client, "POST")[1] != first


def test_each_account_has_its_own(client, exchange, clock):
    exchange.engine.add_account("other", "secret too", 5, clock.now())
    assert ask(client, "POST")[1] != ask(client, "POST", "other")[1]
    assert ask(client, "DELETE")[0] == 200
    assert ask(client, "PUT", "other")[0] == 200


@pytest.mark.parametrize(("key", "code"), [("", -2014), ("nobody's", -2015)])
def test_a_key_of_the_exchange_is_needed(client, key, code):
    for method in ("POST", "PUT", "DELETE"):
        status, answer = ask(client, method, key)
        assert (status, answer["code"]) == (401, code)


def test_the_key_cannot_be_guessed_from_the_account(exchange, clock):
    account = exchange.engine.account("key")
    first = exchange.listen_keys.open(account, clock.now())
    exchange.listen_keys.close(account)
    assert exchange.listen_keys.open(account, clock.now()) != first
    with pytest.raises(VenueError, match="1125"):
        exchange.listen_keys.extend(account, clock.now() + HOUR_MS)

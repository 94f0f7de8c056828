"""No entry without authority: schemathesis and floods against `perpkit webhook` over HTTP.

Entries are counted where they arrive, at a stand-in of Freqtrade's REST server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from limits import RateLimitItemPerMinute
from schemathesis import checks

from perpkit.ops.stop.rest import BotRest
from perpkit.ops.webhook.app import SIGNATURE, create_app
from perpkit.ops.webhook.authority import Addresses, networks, signature
from perpkit.ops.webhook.door import FAILURES, MOST_BYTES, Door
from perpkit.ops.webhook.orders import Orders
from tests.bench.recording_rest import RecordingRest, recording_rest
from tests.bench.web import served

SECRET = "correct horse battery"
ENTRIES = 5
BOUNDED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)
_senders = count(1)


@dataclass
class Webhook:
    """:param bot: where its orders arrive"""

    url: str
    bot: RecordingRest
    client: httpx.Client

    def post(self, content: Any, **headers: str) -> httpx.Response:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        sent = {"X-Forwarded-For": another_sender(), **headers}
        return self.client.post(f"{self.url}/alert", content=body, headers=sent)


def another_sender() -> str:
    """An address that has not failed yet: else the first ten requests would be all."""
    number = next(_senders)
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def alert(**given: Any) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat()
    return {"time": now, "symbol": "BTCUSDT.P", "action": "long", **given}


@contextmanager
def running(entries: int = ENTRIES) -> Iterator[Webhook]:
    addresses = Addresses(proxies=networks(["127.0.0.1"], "--proxy"))
    with recording_rest() as (bot, rest):
        door = Door(SECRET, addresses, entries=RateLimitItemPerMinute(entries))
        with served(create_app(door, Orders(rest))) as url, httpx.Client(timeout=30) as client:
            yield Webhook(url, bot, client)


@pytest.fixture(scope="module")
def webhook() -> Iterator[Webhook]:
    """Whose number of entries is no limit."""
    with running(100_000) as found:
        yield found


def described() -> dict[str, Any]:
    """The OpenAPI of an application that has no bot."""
    return create_app(Door(SECRET), Orders(BotRest("", "", ""))).openapi()


schema = schemathesis.openapi.from_dict(described())


@schema.parametrize()
@BOUNDED
def test_nothing_is_carried_out_without_the_secret(case, webhook):
    if isinstance(case.body, dict) and case.body.get("secret") == SECRET:
        case.body["secret"] = "another"
    headers = {"X-Forwarded-For": another_sender()}
    response = case.call_and_validate(base_url=webhook.url, headers=headers)
    assert webhook.bot.ordered == []
    if case.path == "/alert" and case.method == "POST":
        assert response.status_code in (403, 413, 422)


@schema.include(path="/alert").parametrize()
@BOUNDED
def test_with_the_secret_what_is_answered_is_what_was_ordered(case, webhook):
    if isinstance(case.body, dict):
        # What no generator finds; the rest is as it comes.
        case.body.update(secret=SECRET, time=datetime.now(UTC).isoformat())
        if isinstance(case.body.get("symbol"), str):
            case.body["symbol"] = "BTCUSDT.P"
        (case.headers or {}).pop(SIGNATURE, None)
    before = len(webhook.bot.entries)
    response = case.call_and_validate(
        base_url=webhook.url,
        headers={"X-Forwarded-For": another_sender()},
        # They know neither what was set here, nor which actions and positions go together.
        excluded_checks=[checks.negative_data_rejection, checks.positive_data_acceptance],
    )
    entered = response.status_code == 200 and response.json()["result"] == "entered"
    assert len(webhook.bot.entries) - before == entered


def text(**given: Any) -> bytes:
    return json.dumps(alert(**given)).encode()


def hours_away(number: int) -> str:
    return (datetime.now(UTC) + timedelta(hours=number)).isoformat()


# A body for each number of a request, made when it is sent; an alert is another one each time.
WITHOUT_AUTHORITY = {
    "no secret": lambda n: text(id=f"{n}"),
    "wrong secret": lambda n: text(id=f"{n}", secret="wrong horse battery"),
    "a part of it": lambda n: text(id=f"{n}", secret=SECRET[:-1]),
    "with more": lambda n: text(id=f"{n}", secret=f"{SECRET} "),
    "in a list": lambda n: text(id=f"{n}", secret=[SECRET]),
    "in another field": lambda n: text(id=f"{n} {SECRET}", tag=SECRET),
    "oversized": lambda n: text(id=f"{n}", secret=SECRET) + b" " * MOST_BYTES,
    "malformed": lambda n: text(id=f"{n}", secret=SECRET)[:-1],
    "twice": lambda n: text(id=f"{n}", secret=SECRET) * 2,
    "unknown field": lambda n: text(id=f"{n}", secret=SECRET, amount=1),
    "old": lambda n: text(id=f"{n}", secret=SECRET, time=hours_away(-1)),
    "ahead": lambda n: text(id=f"{n}", secret=SECRET, time=hours_away(1)),
    "no JSON": lambda _: b"\xff\xfe\x00",
    "empty": lambda _: b"",
    "deep": lambda _: b"[" * 4000,
}


@pytest.mark.parametrize("name", WITHOUT_AUTHORITY)
def test_a_flood_of_what_has_no_authority(name):
    with running() as web, ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda n: web.post(WITHOUT_AUTHORITY[name](n)), range(40))
        assert {answer.status_code for answer in answers} <= {403, 409, 413, 422}
        assert web.bot.ordered == []
        assert web.post(alert(secret=SECRET)).status_code == 200  # it still answers
        assert len(web.bot.entries) == 1


def test_a_flood_of_wrong_signatures():
    with running() as web, ThreadPoolExecutor(8) as pool:
        wrong = {SIGNATURE: "sha256=" + "0" * 64}
        answers = pool.map(lambda n: web.post(text(id=f"{n}", secret=SECRET), **wrong), range(40))
        assert {answer.status_code for answer in answers} == {403}
        assert web.bot.ordered == []


def test_a_flood_of_one_alert_enters_once():
    with running() as web, ThreadPoolExecutor(8) as pool:
        again = text(secret=SECRET)
        codes = sorted(r.status_code for r in pool.map(lambda _: web.post(again), range(100)))
        assert codes == [200, *[409] * 99]
        assert len(web.bot.entries) == 1


def test_a_signature_is_of_its_body():
    with running() as web:
        body, other = (text(id=name) for name in "ab")
        signed = {SIGNATURE: signature(SECRET, body)}
        assert web.post(other, **signed).status_code == 403
        assert web.post(body, **signed).status_code == 200
        assert web.post(body, **signed).status_code == 409
        assert len(web.bot.entries) == 1


def test_a_flood_of_entries_is_limited_and_exits_pass():
    with running() as web, ThreadPoolExecutor(8) as pool:

        def send(number: int) -> int:
            return web.post(alert(secret=SECRET, id=str(number))).status_code

        codes = sorted(pool.map(send, range(60)))
        assert codes == [*[200] * ENTRIES, *[429] * (60 - ENTRIES)]
        assert len(web.bot.entries) == ENTRIES
        web.bot.trades.append(
            {"trade_id": 7, "pair": "BTC/USDT:USDT", "is_short": False, "amount": 1.0}
        )
        left = web.post(alert(secret=SECRET, action="exit"))
        assert (left.status_code, left.json()["result"]) == (200, "exited")
        assert [each.body["tradeid"] for each in web.bot.ordered if each.what == "forceexit"] == [7]


def test_a_search_for_the_secret_is_stopped():
    with running() as web:
        codes = [
            web.post(alert(secret=f"guess {n}"), **{"X-Forwarded-For": "9.9.9.9"}).status_code
            for n in range(FAILURES.amount + 20)
        ]
        assert codes == [403] * FAILURES.amount + [429] * 20
        blocked = web.post(alert(secret=SECRET), **{"X-Forwarded-For": "9.9.9.9"})
        assert blocked.status_code == 429
        assert web.bot.ordered == []

"""No entry without authority, with any body; and the secret is in no answer and no log."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerMinute

from perpkit.ops.webhook.app import SIGNATURE, create_app
from perpkit.ops.webhook.authority import Addresses, networks, signature
from perpkit.ops.webhook.door import FAILURES, MOST_BYTES, Door
from perpkit.ops.webhook.orders import Outcome

SECRET = "correct horse battery"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
GOOD = {"time": NOW.isoformat(), "symbol": "BTCUSDT.P", "action": "long"}


class Taken:
    """Alerts that were carried out."""

    def __init__(self, outcome: Outcome | None = None) -> None:
        self.alerts = []
        self.outcome = outcome or Outcome("entered", "BTC/USDT:USDT long", (9,))

    def carry_out(self, alert):
        self.alerts.append(alert)
        return self.outcome


def client(taken: Taken, **given) -> TestClient:
    clock = given.pop("now", lambda: NOW)
    peer = given.pop("peer", "9.9.9.9")
    app = create_app(Door(SECRET, now=clock, **given), taken)
    return TestClient(app, client=(peer, 1234))


def post(to: TestClient, content, **headers):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return to.post("/alert", content=body, headers=headers)


def test_an_alert_with_the_secret_is_carried_out_once():
    taken = Taken()
    web = client(taken)
    answer = post(web, GOOD | {"secret": SECRET})
    assert (answer.status_code, answer.json()) == (
        200, {"result": "entered", "reason": "BTC/USDT:USDT long", "trades": [9]}
    )  # fmt: skip
    again = post(web, GOOD | {"secret": SECRET})
    assert (again.status_code, again.json()["result"]) == (409, "denied")
    assert post(web, GOOD | {"secret": SECRET, "id": "2"}).status_code == 200
    assert len(taken.alerts) == 2


def test_an_alert_with_a_signature_is_carried_out():
    taken, body = Taken(), json.dumps(GOOD).encode()
    assert post(client(taken), body, **{SIGNATURE: signature(SECRET, body)}).status_code == 200
    assert taken.alerts


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome("entered", "", (1,)), 200),
        (Outcome("exited", "", (1,)), 200),
        (Outcome("nothing", ""), 200),
        (Outcome("refused", "a breaker blocks"), 409),
        (Outcome("unknown", "no answer"), 502),
    ],
)
def test_the_outcome_is_the_answer(outcome, status):
    answer = post(client(Taken(outcome)), GOOD | {"secret": SECRET})
    assert answer.status_code == status
    assert (answer.json()["result"], answer.json()["reason"]) == (outcome.result, outcome.words)


WITH = GOOD | {"secret": SECRET}


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (GOOD, {}, 403),
        (GOOD | {"secret": ""}, {}, 403),
        (GOOD | {"secret": SECRET[1:]}, {}, 403),
        (GOOD | {"secret": [SECRET]}, {}, 403),
        (GOOD | {"secret": "\ud800"}, {}, 403),
        (GOOD | {"secret": None}, {}, 403),
        (WITH, {SIGNATURE: "sha256=0"}, 403),
        ([WITH], {}, 403),
        (b"", {}, 403),
        (b"{", {}, 403),
        (b"[" * 4000, {}, 403),
        (b"\xff\xfe", {}, 403),
        (b"null", {}, 403),
        (json.dumps(WITH).encode() + b" " * MOST_BYTES, {}, 413),
        (WITH | {"action": "hold"}, {}, 422),
        (WITH | {"more": 1}, {}, 422),
        (json.dumps(WITH | {"stake": 1}).replace("1}", "NaN}").encode(), {}, 422),
        (WITH | {"time": (NOW - timedelta(minutes=2)).isoformat()}, {}, 409),
        (WITH | {"time": (NOW + timedelta(minutes=2)).isoformat()}, {}, 409),
    ],
)
def test_what_is_denied(content, headers, status, caplog):
    taken = Taken()
    answer = post(client(taken), content, **headers)
    assert answer.status_code == status
    assert answer.json()["result"] == "denied"
    assert answer.json()["reason"]
    assert taken.alerts == []
    assert SECRET not in answer.text + caplog.text


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(
        st.sampled_from([*WITH, "stake", "position", "x"]), each, max_size=6
    ),
    max_leaves=10,
))  # fmt: skip
def test_without_the_secret_nothing_is_carried_out(content):
    taken = Taken()
    assert post(client(taken), content).status_code == 403
    assert taken.alerts == []


def test_a_search_for_the_secret_is_slowed_down():
    taken = Taken()
    web = client(taken)
    codes = [post(web, GOOD | {"secret": str(n)}).status_code for n in range(FAILURES.amount + 2)]
    assert codes == [403] * FAILURES.amount + [429] * 2
    assert post(web, WITH).status_code == 429
    assert taken.alerts == []


def test_entries_are_limited_and_exits_are_not():
    taken = Taken()
    web = client(taken, entries=RateLimitItemPerMinute(2))
    codes = [post(web, WITH | {"id": str(n)}).status_code for n in range(3)]
    exits = [post(web, WITH | {"id": str(n), "action": "exit"}).status_code for n in range(5)]
    assert (codes, exits) == ([200, 200, 429], [200] * 5)


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        ("9.9.9.9", None, 403),
        ("52.89.214.238", None, 200),
        ("9.9.9.9", "52.89.214.238", 403),
        ("10.0.0.1", "52.89.214.238", 200),
        ("10.0.0.1", "52.89.214.238, 9.9.9.9", 403),
    ],
)
def test_only_allowed_addresses_are_heard(peer, forwarded, status):
    addresses = Addresses(networks(["52.89.214.238"], ""), networks(["10.0.0.1"], ""))
    taken = Taken()
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    answer = post(client(taken, addresses=addresses, peer=peer), WITH, **headers)
    assert answer.status_code == status
    assert len(taken.alerts) == (status == 200)


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc", "/alert/", "/../alert"])
def test_there_is_nothing_else(path):
    assert client(Taken()).get(path, follow_redirects=False).status_code in (404, 405, 307)


def test_the_schema_names_the_fields_of_an_alert():
    schema = client(Taken()).get("/openapi.json").json()
    body = schema["paths"]["/alert"]["post"]["requestBody"]["content"]["application/json"]
    assert set(body["schema"]["required"]) == set(GOOD)
    assert body["schema"]["additionalProperties"] is False

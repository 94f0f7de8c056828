"""The control API and the request log."""

import json

import pytest
from fastapi.testclient import TestClient

from perpkit.durations import HOUR_MS, MINUTE_MS
from perpkit.venue.faults.faults import MAX_FAULTS, Fault, FaultKind
from perpkit.venue.http.app import create_app
from perpkit.venue.http.rate_limits import Limiter
from perpkit.venue.http.request_log import LoggedRequest, RequestLog
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from tests.venue.command import get, running
from tests.venue.conftest import NOW

HERE = ("127.0.0.1", 50_000)


@pytest.fixture
def still_market(history):
    return Market(history, VirtualClock(NOW), seed=7)


@pytest.fixture
def control(still_market):
    return TestClient(create_app(still_market), base_url="http://x/control", client=HERE)


def exchange(still_market, **parts) -> TestClient:
    return TestClient(create_app(still_market, **parts), client=HERE)


# Who may


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("127.0.0.1", True), ("::1", True), ("127.9.9.9", True), ("10.0.0.1", False), ("x", False)],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "state"), ("GET", "log"), ("POST", "clock/advance"), ("DELETE", "faults")],
)
def test_only_this_machine_may_control(still_market, address, allowed, method, path):
    client = TestClient(create_app(still_market), client=(address, 1))
    answer = client.request(method, f"/control/{path}", json={"ms": 1})
    assert (answer.status_code == 200) is allowed
    if not allowed:
        assert answer.status_code == 403
        assert answer.json() == {"error": f"control is for this machine only, not for '{address}'"}
        assert still_market.now() == NOW


# What is refused


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("clock/advance", {"ms": 1, "hours": 2}, "unknown field 'hours'"),
        ("clock/advance", {}, "ms must be given"),
        ("clock/advance", {"ms": 0}, "ms: Input should be greater than 0, got 0"),
        ("clock/advance", {"ms": -5}, "ms: Input should be greater than 0, got -5"),
        ("clock/advance", {"ms": "soon"}, "ms: Input should be a valid integer"),
        ("faults", {"kind": "reset", "pattern": "*"}, "unknown field 'pattern'"),
        ("faults", {}, "kind must be given"),
        ("faults", {"kind": "earthquake"}, "kind: Input should be 'latency', 'timeout'"),
        ("faults", {"kind": "reset", "probability": 2}, "probability must be above 0"),
        ("faults", {"kind": "latency", "parameters": {"s": 1}}, "parameters of latency are ms"),
        ("faults", {"kind": "reset", "symbol": "FOO"}, "symbol must be one of BTCUSDT, ETHUSDT"),
        ("faults", {"kind": "price_gap", "since": NOW - 1}, "since must not lie in the past"),
        ("faults", {"kind": "flash_crash"}, "until must be given for flash_crash"),
        ("faults/random", {"seed": 1, "days": 1, "kinds": []}, "kinds: List should have at least"),
        (
            "faults/random",
            {"seed": 1, "days": 1, "kinds": ["reset"], "intensity": 0},
            "intensity must be above 0",
        ),
        ("market/price", {"symbol": "BTCUSDT", "change": -1}, "change must be -0.99 to 10"),
        ("market/price", {"symbol": "FOO", "change": 0.1}, "symbol must be one of BTCUSDT"),
        ("market/price", {"symbol": "BTCUSDT", "to": 5}, "change must be given"),
    ],
)
def test_a_bad_body_is_one_sentence_that_names_the_field(control, still_market, path, body, error):
    answer = control.post(path, json=body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}
    assert answer.json()["error"].startswith(error)
    assert len(still_market.faults) == 0
    assert still_market.now() == NOW


def test_a_body_that_is_not_json_is_refused(control):
    answer = control.post("faults", content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (400, {"error": "body must be JSON"})


def test_a_path_that_is_not_there_is_refused_in_the_same_shape(control):
    answer = control.get("nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "Not Found"})


# Clock


def test_the_clock_is_advanced(control, still_market):
    assert control.post("clock/advance", json={"ms": 1234}).json() == {"now": NOW + 1234}
    assert still_market.now() == NOW + 1234


def test_a_clock_that_runs_by_itself_is_not(market):
    client = TestClient(create_app(market), client=HERE)
    answer = client.post("/control/clock/advance", json={"ms": 1})
    assert answer.status_code == 409
    assert answer.json()["error"] == "the clock is the machine's: start with --clock virtual"


# Faults


def test_a_fault_is_added_strikes_and_is_removed(still_market):
    client = exchange(still_market)
    body = {"kind": "rate_limited", "endpoint": "*/ping", "parameters": {"retry_after_s": 3}}
    added = client.post("/control/faults", json=body).json()
    assert added == {
        "id": "f1", "kind": "rate_limited", "endpoint": "*/ping", "symbol": None, "since": NOW,
        "until": None, "probability": 1.0, "times": None, "parameters": {"retry_after_s": 3},
        "active": True, "strikes": 0,
    }  # fmt: skip
    assert client.get("/fapi/v1/ping").headers["Retry-After"] == "3"
    [fault] = client.get("/control/state").json()["faults"]
    assert fault == {**added, "strikes": 1}
    assert client.delete("/control/faults/f1").json() == fault
    assert client.get("/fapi/v1/ping").status_code == 200
    gone = client.delete("/control/faults/f1")
    assert (gone.status_code, gone.json()) == (404, {"error": "no fault 'f1'"})


def test_a_seeded_plan_is_added_and_can_be_taken_back(control, still_market):
    body = {"seed": 4, "days": 2, "kinds": ["latency", "flash_crash"], "intensity": 6.0,
            "symbols": ["BTCUSDT"]}  # fmt: skip
    added = control.post("faults/random", json=body).json()
    assert len(added) > 5
    assert {fault["kind"] for fault in added} == {"latency", "flash_crash"}
    assert all(NOW < fault["since"] < NOW + 48 * HOUR_MS for fault in added)
    removed = control.delete("faults").json()
    assert removed == {"removed": [fault["id"] for fault in added], "kept": []}
    assert len(still_market.faults) == 0


def test_what_has_moved_prices_cannot_be_taken_back(control, still_market):
    gap = control.post("market/price", json={"symbol": "BTCUSDT", "change": 0.1}).json()["id"]
    other = control.post("faults", json={"kind": "reset"}).json()["id"]
    ahead = control.post("faults", json={"kind": "price_gap", "since": NOW + 1}).json()["id"]
    assert control.delete(f"faults/{gap}").status_code == 409
    assert control.delete("faults").json() == {"removed": [other, ahead], "kept": [gap]}


# Prices


def test_a_gap_is_injected(control, still_market):
    before = still_market.price("BTCUSDT")
    control.post("market/price", json={"symbol": "BTCUSDT", "change": -0.25})
    assert still_market.price("BTCUSDT") == pytest.approx(before * 0.75, rel=1e-5)


def test_a_flash_crash_is_injected(control, still_market):
    before = still_market.price("ETHUSDT")
    body = {"symbol": "ETHUSDT", "change": -0.3, "within_ms": 10 * MINUTE_MS, "recovery": 1.0}
    added = control.post("market/price", json=body).json()
    assert (added["kind"], added["until"]) == ("flash_crash", NOW + 10 * MINUTE_MS)
    assert still_market.price("ETHUSDT") == pytest.approx(before, rel=1e-5)
    control.post("clock/advance", json={"ms": 3 * MINUTE_MS})
    assert still_market.price("ETHUSDT") < 0.75 * before
    control.post("clock/advance", json={"ms": 7 * MINUTE_MS})
    assert still_market.price("ETHUSDT") > 0.95 * before


# State


def test_the_state_tells_clock_symbols_requests_and_limits(still_market):
    client = exchange(still_market, limiter=Limiter())
    client.get("/fapi/v1/ping")
    client.get("/fapi/v1/nothing")
    state = client.get("/control/state").json()
    assert state["clock"] == {"now": NOW, "server_time": NOW, "virtual": True}
    assert state["symbols"]["SOLUSDT"]["price"] == still_market.price("SOLUSDT")
    assert state["symbols"]["SOLUSDT"]["status"] == "TRADING"
    assert state["requests"] == {
        "total": 2, "by_status": {"200": 1, "404": 1}, "by_fault": {},
    }  # fmt: skip
    assert state["rate_limits"]["enforced"] is True
    assert state["rate_limits"]["weight_1m"] == 2400


# The log


def test_the_log_has_no_signature_and_no_key(still_market):
    client = exchange(still_market)
    client.get(
        "/fapi/v1/klines",
        params={"symbol": "BTCUSDT", "interval": "1h", "limit": 100, "signature": "s3cret"},
        headers={"X-MBX-APIKEY": "k3y"},
    )
    secret = {"signature": "s3cret", "Signature": "s3cret", "LISTENKEY": "s3cret"}
    client.post("/fapi/v1/order", data={"symbol": "BTCUSDT", **secret})
    text = client.get("/control/log").text
    assert "s3cret" not in text
    assert "k3y" not in text
    first, second = json.loads(text)
    assert first.pop("ms") >= 0
    assert first == {
        "number": 1, "time": NOW, "method": "GET", "path": "/fapi/v1/klines",
        "parameters": {"symbol": "BTCUSDT", "interval": "1h", "limit": "100"},
        "status": 200, "executed": 200, "weight": 2, "faults": [],
    }  # fmt: skip
    assert (second["method"], second["parameters"]) == ("POST", {"symbol": "BTCUSDT"})


def test_the_log_is_read_on_from_a_number(still_market):
    client = exchange(still_market, log=RequestLog(kept=5))
    for _ in range(8):
        client.get("/fapi/v1/ping")

    def numbers(query: str) -> list[int]:
        return [entry["number"] for entry in client.get(f"/control/log?{query}").json()]

    assert numbers("") == [4, 5, 6, 7, 8]
    assert numbers("after=6") == [7, 8]
    assert numbers("after=4&limit=2") == [5, 6]
    assert numbers("after=8") == numbers("after=99") == []


def test_the_log_is_appended_to_a_file_line_by_line(tmp_path):
    path = tmp_path / "requests.jsonl"
    for status in (200, None):
        log = RequestLog(file=path)
        log.add(LoggedRequest(NOW, "GET", "/fapi/v1/ping", {}, status=status))
        # Whoever follows the file has it at once.
        last = json.loads(path.read_text().splitlines()[-1])
        assert (last["path"], last["status"]) == ("/fapi/v1/ping", status)
        log.close()
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("content", ["{}", '{"exchange": 1}', "SQLite format 3\0", "time,open\n"])
def test_a_file_that_is_no_log_is_not_appended_to(tmp_path, content):
    path = tmp_path / "mine"
    path.write_text(content)
    with pytest.raises(ValueError, match="log must be a new file or an earlier one, got"):
        RequestLog(file=path)
    assert path.read_text() == content
    path.write_text("")
    RequestLog(file=path).close()


def test_the_command_writes_the_log_and_enforces_limits_when_told(tmp_path):
    path = tmp_path / "requests.jsonl"
    options = ("--days", 3, "--pairs", "BTC/USDT:USDT", "--log", path, "--rate-limits")
    with running(*options) as (_, url):
        get(f"{url}/fapi/v1/ping")
        assert get(f"{url}/control/state")["rate_limits"]["enforced"] is True
        [line] = path.read_text().splitlines()
    assert json.loads(line)["path"] == "/fapi/v1/ping"


# Bounds: none of these may be carried out, hang, or leave something behind


YEAR_2100 = 4_102_444_800_000
RANDOM = {"seed": 1, "days": 1, "kinds": ["reset"], "intensity": 1}


@pytest.mark.parametrize(
    ("path", "body", "error"),
    [
        ("clock/advance", {"ms": 31 * 24 * HOUR_MS + 1}, "ms: Input should be less than or equal"),
        ("clock/advance", {"ms": 10**300}, "ms: "),
        ("faults/random", {**RANDOM, "days": 1e9}, "days: Input should be less than or equal to"),
        ("faults/random", {**RANDOM, "days": 3000}, "days x intensity x kinds must be at most"),
        ("faults/random", {**RANDOM, "intensity": 1440}, "days x intensity x kinds must be at"),
        ("faults/random", {**RANDOM, "intensity": 1e300}, "intensity must be above 0 and at most"),
        ("faults/random", {**RANDOM, "kinds": ["reset"] * 1000}, "kinds: List should have at most"),
        ("faults/random", {**RANDOM, "symbols": ["BTCUSDT"] * 1001}, "symbols: List should have"),
        ("faults/random", {**RANDOM, "seed": 10**400}, "seed: Input should be less than"),
        (
            "faults/random",
            {**RANDOM, "days": 100, "kinds": ["stale_book"], "symbols": ["BTCUSDT", "FOO"]},
            "symbol must be one of BTCUSDT",
        ),
        (
            "faults/random",
            {**RANDOM, "days": 100, "intensity": 5, "kinds": ["price_gap"]},
            "a plan moves prices at most 200 times, not ",
        ),
        (
            "faults",
            {"kind": "reset", "endpoint": "*" * 201},
            "endpoint: String should have at most",
        ),
        ("faults", {"kind": "reset", "times": 10**7}, "times must be at most 1000000"),
        ("faults", {"kind": "reset", "since": 10**18}, f"since must be at most {YEAR_2100}"),
        ("faults", {"kind": "reset", "until": 10**18}, f"until must be at most {YEAR_2100}"),
        ("faults", {"kind": "reset", "symbol": "X" * 201}, "symbol: String should have at most"),
        ("faults", {"kind": "latency", "parameters": {"ms": 1e300}}, "ms must be 0 to 120000"),
        (
            "faults",
            {"kind": "reset", "parameters": {f"p{n}": 1 for n in range(21)}},
            "parameters: ",
        ),
        ("faults", {"kind": "refused", "parameters": {"code": 5}}, "code must be -9999 to -1000"),
        (
            "faults",
            {"kind": "refused", "parameters": {"code": -1.5e3 - 0.5}},
            "code must be a whole",
        ),
        ("faults", {"kind": "refused", "parameters": {"msg": "x" * 201}}, "parameters.msg"),
        (
            "faults",
            {"kind": "refused", "parameters": {"msg": "a\nb"}},
            "msg must be text of at most",
        ),
        ("faults", {"kind": "refused", "parameters": {"status": 200}}, "status must be 400 to 599"),
        ("market/price", {"symbol": "BTCUSDT", "change": 1e300}, "change must be -0.99 to 10"),
        (
            "market/price",
            {"symbol": "BTCUSDT", "change": 0.1, "within_ms": 10**15},
            "within_ms: Input should be less than or equal to",
        ),
    ],
)
def test_what_would_be_too_much_is_refused(control, still_market, path, body, error):
    answer = control.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(error)
    assert len(answer.json()["error"]) < 1500
    assert len(still_market.faults) == 0
    assert still_market.now() == NOW


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1e-999999"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults/random", '{{"seed": 1, "days": {}, "kinds": ["reset"], "intensity": 1}}'),
        ("faults/random", '{{"seed": 1, "days": 1, "kinds": ["reset"], "intensity": {}}}'),
        ("faults", '{{"kind": "reset", "probability": {}}}'),
        ("faults", '{{"kind": "wide_spread", "parameters": {{"factor": {}}}}}'),
        ("clock/advance", '{{"ms": {}}}'),
    ],
)
def test_a_number_is_a_number(control, still_market, path, body, number):
    headers = {"Content-Type": "application/json"}
    answer = control.post(path, content=body.format(number), headers=headers)
    assert answer.status_code == 400
    assert len(still_market.faults) == 0


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 20_000, b"1" * 5000, b'"\\ud800"'])
def test_whatever_is_not_a_json_object_is_one_sentence(control, body):
    answer = control.post("faults", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"].isprintable()


def test_a_full_plan_takes_no_more_and_gives_room_again(control, still_market):
    reset = Fault(FaultKind.RESET, "POST /nothing")
    still_market.faults.add_all([reset] * (MAX_FAULTS - 1))
    body = {**RANDOM, "days": 100, "intensity": 5}
    answer = control.post("faults/random", json=body)
    assert answer.json()["error"].startswith(f"a plan holds at most {MAX_FAULTS} faults, not 1")
    assert len(still_market.faults) == MAX_FAULTS - 1
    assert control.post("faults", json={"kind": "reset"}).status_code == 200
    assert control.post("faults", json={"kind": "reset"}).status_code == 400
    control.delete("faults")
    assert control.post("faults", json={"kind": "reset"}).status_code == 200


def test_time_has_an_end(history):
    market = Market(history, VirtualClock(NOW), seed=7)
    market.clock.advance(YEAR_2100 - NOW - 5)
    client = exchange(market)
    answer = client.post("/control/clock/advance", json={"ms": 6})
    assert (answer.status_code, answer.json()) == (
        400, {"error": "ms: the time must stay before 2100-01-01"},
    )  # fmt: skip
    assert client.post("/control/clock/advance", json={"ms": 5}).status_code == 200
    assert client.get("/control/state").status_code == 200


def test_a_hundred_gaps_leave_a_price_that_can_be_computed_with(control, still_market):
    before = still_market.price("BTCUSDT")
    for change in (10, -0.99):
        for _ in range(90):
            body = {"symbol": "BTCUSDT", "change": change}
            assert control.post("market/price", json=body).status_code == 200
        assert before / 10_001 < still_market.price("BTCUSDT") < before * 10_001
        assert exchange(still_market).get("/fapi/v1/ticker/24hr").status_code == 200


def test_the_log_keeps_no_more_of_a_request_than_a_person_reads(still_market):
    client = exchange(still_market)
    many = "&".join(f"{'n' * 60}{number}=1" for number in range(90))
    client.get(f"/fapi/v1/ping?symbol={'x' * 1500}&{many}")
    (entry,) = client.get("/control/log").json()
    assert len(entry["parameters"]) <= 40
    assert len(entry["parameters"]["symbol"]) == 200


def test_a_failure_of_the_venue_itself_is_a_500_and_is_logged_once(
    still_market, monkeypatch, caplog
):
    monkeypatch.setattr(still_market, "book", lambda *_: 1 / 0)
    client = exchange(still_market)
    answer = client.get("/fapi/v1/depth?symbol=BTCUSDT")
    assert (answer.status_code, answer.json()["code"]) == (500, -1000)
    (record,) = [r for r in caplog.records if r.exc_info]
    assert record.exc_info[0] is ZeroDivisionError
    (entry,) = client.get("/control/log").json()
    assert entry["status"] == 500

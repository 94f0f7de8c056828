"""DVOL from a server on the loopback: what arrives, what is kept, and what a bad answer does."""

import json
import logging
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest

from perpkit.bot.watching.dvol import Dvol
from perpkit.market.volatility import hour_of
from tests.factories import START

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NOW = START + timedelta(days=100, minutes=20)
PAGE = 1000


class Deribit(ThreadingHTTPServer):
    """Answers as Deribit's documentation says: pages of rows, the newest page first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, str]] = []
        self.answer = self.rows
        self.trickles = False
        self.release = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @staticmethod
    def level(hour: int) -> float:
        return 50 + hour % 40

    def rows(self, query: dict[str, str]) -> tuple[int, object]:
        first, last = int(query["start_timestamp"]), int(query["end_timestamp"])
        hours = range(-(-first // 3_600_000), last // 3_600_000 + 1)
        page = hours[-PAGE:]
        data = [[h * 3_600_000, 0.0, 0.0, 0.0, self.level(h)] for h in page]
        more = len(hours) > PAGE
        continuation = (page[0] - 1) * 3_600_000 if more else None
        return 200, {"jsonrpc": "2.0", "result": {"data": data, "continuation": continuation}}


class Handler(BaseHTTPRequestHandler):
    server: Deribit

    def do_GET(self) -> None:
        url = urlparse(self.path)
        query = {key: value[0] for key, value in parse_qs(url.query).items()}
        assert url.path == "/api/v2/public/get_volatility_index_data"
        self.server.asked.append(query)
        if self.server.trickles:
            self.trickle()
            return
        status, answer = self.server.answer(query)
        body = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            pass  # the client did not wait

    def trickle(self) -> None:
        """Headers without end: no read times out, and no answer comes."""
        self.send_response(200)
        self.flush_headers()
        while not self.server.release.wait(0.02):
            self.wfile.write(b"X: x\r\n")
        self.close_connection = True

    def log_message(self, *args) -> None: ...


@pytest.fixture
def deribit():
    server = Deribit()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.release.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def dvol(deribit):
    made = []

    def make(days=30, timeout_seconds=5.0):
        made.append(
            Dvol("BTC", timedelta(days=days), url=deribit.url, timeout_seconds=timeout_seconds)
        )
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_closed_hours_come_as_fractions(deribit, dvol):
    index = dvol().index(NOW)
    hours = [hour_of(time) for time in index.open_times]
    # The present hour is not over, and the warm-up begins within one.
    assert hours == list(range(hour_of(NOW) - 30 * 24 + 1, hour_of(NOW)))
    assert index.vol_annual.tolist() == [deribit.level(hour) / 100 for hour in hours]
    [query] = deribit.asked
    assert (query["currency"], query["resolution"]) == ("BTC", "3600")


def test_a_long_history_comes_page_by_page(deribit, dvol):
    subject = dvol(days=100)
    assert [subject.index(NOW) is None for _ in range(3)] == [True, True, False]
    assert len(deribit.asked) == 3
    index = subject.index(NOW)
    assert len(index.vol_annual) == 100 * 24 - 1
    assert np.isfinite(index.vol_annual).all()


def test_it_is_asked_once_in_five_minutes_and_then_only_for_what_is_new(deribit, dvol):
    subject = dvol()
    held = subject.index(NOW)
    assert subject.index(NOW + 4.9 * MINUTE) is held
    assert len(deribit.asked) == 1
    assert subject.index(NOW + 5 * MINUTE) is held  # no hour has closed since
    assert len(deribit.asked) == 2
    assert subject.index(NOW + 41 * MINUTE).open_times[-1] == NOW.replace(minute=0)
    newest = (hour_of(NOW) - 1) * 3_600_000
    assert [int(query["start_timestamp"]) for query in deribit.asked[1:]] == [newest, newest]


@pytest.mark.parametrize(
    "answer",
    [
        (503, {}),
        (200, {"error": {"code": 10028, "message": "too_many_requests"}}),
        (200, []),
        (200, {"result": None}),
        (200, {"result": {"data": [["x", 1]]}}),
        (200, {"result": {"data": [], "continuation": None}}),
        (200, {"result": {"data": [[1, 1, 1, 1, -5.0]], "continuation": "?"}}),
    ],
)
def test_a_bad_answer_gives_nothing_and_is_forgotten(deribit, dvol, answer):
    deribit.answer = lambda _: answer
    subject = dvol()
    assert subject.index(NOW) is None
    assert subject.index(NOW + MINUTE) is None
    assert len(deribit.asked) == 1
    deribit.answer = deribit.rows
    assert subject.index(NOW + 5 * MINUTE) is not None


def test_failures_are_said_once_in_a_row(deribit, dvol, caplog):
    caplog.set_level(logging.WARNING, "perpkit.bot.watching.dvol")
    deribit.answer = lambda _: (503, {})
    subject = dvol()
    for turn in range(4):
        subject.index(NOW + 5 * turn * MINUTE)
    assert len(deribit.asked) == 4
    [record] = caplog.records
    assert record.getMessage().startswith("No DVOL of BTC from Deribit: ExchangeNotAvailable")


def test_what_is_known_serves_until_it_is_stale(deribit, dvol):
    subject = dvol()
    held = subject.index(NOW)
    deribit.answer = lambda _: (503, {})
    closed = held.open_times[-1].to_pydatetime() + HOUR
    assert subject.index(closed + 2 * HOUR + 5 * MINUTE) is held
    assert subject.index(closed + 2 * HOUR + 6 * MINUTE) is None


def hang(deribit):
    def answer(query):
        deribit.release.wait()
        return deribit.rows(query)

    deribit.answer = answer


def trickle(deribit):
    deribit.trickles = True


@pytest.mark.parametrize("fault", [hang, trickle])
def test_a_server_that_does_not_answer_costs_one_timeout(deribit, dvol, fault):
    fault(deribit)
    subject = dvol(timeout_seconds=0.3)
    began = time.monotonic()
    for _ in range(20):
        assert subject.index(NOW) is None
    assert time.monotonic() - began < 20 * 0.3  # if every call waited
    assert len(deribit.asked) == 1


def test_a_continuation_that_leads_nowhere_is_not_followed(deribit, dvol):
    def stuck(query):
        status, answer = deribit.rows(query)
        answer["result"]["continuation"] = hour_of(NOW) * 3_600_000
        return status, answer

    deribit.answer = stuck
    subject = dvol()
    for _ in range(5):
        subject.index(NOW)
    assert len(deribit.asked) == 2


def test_only_currencies_that_have_an_index():
    with pytest.raises(ValueError, match="dvol must be of BTC or ETH, got XRP"):
        Dvol("XRP", timedelta(days=30))

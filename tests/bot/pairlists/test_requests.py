"""Requests of pairlists: when they are made, how long they may take, what stands meanwhile."""

import asyncio
from datetime import UTC, datetime, timedelta
from threading import Lock
from types import SimpleNamespace

import pytest

from perpkit.bot.pairlists.requests import PairRequests, Schedule

START = datetime(2023, 3, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def exchange():
    loop = asyncio.new_event_loop()
    yield SimpleNamespace(loop=loop, _loop_lock=Lock())
    assert not asyncio.all_tasks(loop)  # nothing is left running
    loop.close()


class Endpoint:
    def __init__(self):
        self.asked = []
        self.failing = set()
        self.silent = set()

    async def ask(self, pair):
        self.asked.append(pair)
        if pair in self.silent:
            await asyncio.get_running_loop().create_future()
        if pair in self.failing:
            raise OSError("cable cut")
        return f"{pair}{self.asked.count(pair)}"


@pytest.fixture
def endpoint():
    return Endpoint()


def requests(exchange, endpoint, period=10 * MINUTE, patience=0.05):
    return PairRequests(exchange, endpoint.ask, period, patience)


def test_each_pair_is_asked_for_once_a_period(exchange, endpoint):
    paced = requests(exchange, endpoint)
    assert paced.latest("A", START) is None
    for minutes, pairs in [(0, "A"), (5, "AB"), (9, "AB"), (10, "AB"), (14, "AB"), (15, "AB")]:
        assert paced.refresh(pairs, START + minutes * MINUTE) == {}
    assert endpoint.asked == ["A", "B", "A", "B"]
    assert paced.latest("A", START + 15 * MINUTE) == "A2"


def test_a_failure_is_told_and_tried_again_a_minute_later(exchange, endpoint):
    paced = requests(exchange, endpoint)
    endpoint.failing = {"A"}
    assert paced.refresh("AB", START) == {"A": "OSError: cable cut"}
    assert paced.refresh("AB", START + MINUTE / 2) == {}
    endpoint.failing = set()
    assert paced.refresh("AB", START + MINUTE) == {}
    assert endpoint.asked == ["A", "B", "A"]
    assert paced.latest("A", START + MINUTE) == "A2"


def test_who_is_silent_is_not_waited_for(exchange, endpoint):
    paced = requests(exchange, endpoint)
    endpoint.silent = {"A"}
    assert paced.refresh("AB", START) == {"A": "TimeoutError: no answer within 0.05 s"}
    assert paced.latest("A", START) is None
    assert paced.latest("B", START) == "B1"


@pytest.mark.parametrize(("minutes", "stands"), [(10, True), (20, True), (20.1, False)])
def test_the_last_answer_stands_for_two_periods(exchange, endpoint, minutes, stands):
    paced = requests(exchange, endpoint)
    paced.refresh("A", START)
    endpoint.failing = {"A"}
    now = START + minutes * MINUTE
    paced.refresh("A", now)
    assert (paced.latest("A", now) == "A1") is stands


def test_nobody_is_asked_more_than_once_a_minute(exchange, endpoint):
    paced = requests(exchange, endpoint, period=timedelta(seconds=1))
    for seconds in range(0, 121, 5):
        paced.refresh("A", START + timedelta(seconds=seconds))
    assert len(endpoint.asked) == 3


def test_who_waited_longest_comes_first():
    schedule = Schedule()
    schedule.next("C", START)
    schedule.next("B", START - MINUTE)
    schedule.next("D", START + MINUTE)
    assert schedule.due("ABCDA", START) == ["A", "B", "C"]

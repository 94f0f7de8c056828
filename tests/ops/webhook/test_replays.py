from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.ops.webhook.replays import AHEAD, Replays

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
WINDOW = timedelta(seconds=60)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("made", "now", "words"),
    [
        (100, 100, ""),
        (40, 100, ""),
        (39, 100, "older than 60 s"),
        (105, 100, ""),
        (106, 100, "from the future"),
        (-1, 10, "from before the start"),
        (0, 10, ""),
    ],
)
def test_an_alert_is_taken_within_its_window(made, now, words):
    refusal = Replays(WINDOW, START).refusal(b"", after(made), after(now))
    assert words in refusal
    assert bool(refusal) is bool(words)


def test_one_that_came_before_is_refused_until_it_is_too_old():
    replays = Replays(WINDOW, START)
    made = after(100) + AHEAD
    assert replays.refusal(b"a", made, after(100)) == ""
    for seconds in range(100, 260):
        assert replays.refusal(b"a", made, after(seconds)) != ""
        assert replays.refusal(f"b {seconds}".encode(), after(seconds), after(seconds)) == ""


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 20), st.integers(-70, 10))))
def test_no_body_is_taken_twice(sent):
    """Whatever comes when, dated as its sender likes: a body holds its date."""
    replays, now, taken = Replays(WINDOW, START), 100.0, []
    for what, wait, ago in sent:
        now += wait
        body = f"{what} {ago}".encode()
        if not replays.refusal(body, after(100 + ago), after(now)):
            taken.append(body)
    assert len(taken) == len(set(taken))


def test_memory_is_bounded_and_a_full_one_refuses():
    replays = Replays(WINDOW, START, most=2)
    assert replays.refusal(b"a", after(1), after(1)) == ""
    assert replays.refusal(b"b", after(1), after(1)) == ""
    assert "too many" in replays.refusal(b"c", after(1), after(1))
    assert replays.refusal(b"c", after(70), after(70)) == ""

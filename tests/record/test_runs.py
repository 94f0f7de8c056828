"""How the runs of a bot ended, and which of them are a crash loop."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.record.runs import End, Run, Runs, RunsError, crash_loop, read, write

NOW = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
CLEAN, KILLED, ERROR = End.CLEAN, None, End.ERROR


def run(minutes_ago: float, ended: End | None = KILLED, process: str = "") -> Run:
    return Run(
        process=process or f"p{minutes_ago}",
        pid=1,
        started_at=NOW - timedelta(minutes=minutes_ago),
        ended=ended,
        error="KeyError: 'x'" if ended is ERROR else "",
    )


@pytest.mark.parametrize(
    ("ends", "loop"),
    [
        ([], False),
        ([(3, KILLED)], False),
        ([(3, KILLED), (2, KILLED)], False),
        ([(3, KILLED), (2, KILLED), (1, KILLED)], True),
        ([(3, ERROR), (2, KILLED), (1, ERROR)], True),
        ([(3, ERROR), (2, ERROR), (1, ERROR)], True),
        ([(60, ERROR), (2, ERROR), (1, ERROR)], True),
        ([(61, ERROR), (2, ERROR), (1, ERROR)], False),
        # a clean stop in between, or at the end
        ([(3, CLEAN), (2, KILLED), (1, KILLED)], False),
        ([(3, KILLED), (2, CLEAN), (1, KILLED)], False),
        ([(3, KILLED), (2, KILLED), (1, CLEAN)], False),
        # only the last three count
        ([(4, CLEAN), (3, KILLED), (2, KILLED), (1, KILLED)], True),
        ([(5, ERROR), (4, ERROR), (3, ERROR), (2, CLEAN), (1, ERROR)], False),
        # a clock that was set back
        ([(-5, KILLED), (-4, KILLED), (-3, KILLED)], True),
    ],
)
def test_three_in_a_row_within_an_hour_are_a_crash_loop(ends, loop):
    runs = [run(minutes, ended) for minutes, ended in ends]
    assert (crash_loop(runs, NOW) is not None) is loop


@pytest.mark.parametrize(
    ("last", "words"), [(ERROR, "the last one with KeyError: 'x'"), (KILLED, "the last one killed")]
)
def test_it_names_how_the_last_one_ended(last, words):
    reason = crash_loop([run(30), run(20), run(10, last)], NOW)
    assert words in reason
    assert "begun since 09:30 UTC" in reason


def test_a_run_begins_ends_and_is_forgotten():
    first, second = run(2, process="a"), run(1, process="b")
    runs = Runs().begin(first, None).begin(second, "held")
    assert runs.runs == (first, second)
    assert runs.held == "held"
    ended = runs.end("b", NOW, "KeyError: 'x'")
    assert [each.ended for each in ended.runs] == [None, ERROR]
    assert ended.held == "held"
    assert ended.end("b", NOW) == ended  # the first end counts
    assert runs.end("a", NOW) == runs  # of one that is over, nothing is known
    assert [each.ended for each in runs.end("b", NOW).runs] == [None, CLEAN]
    assert ended.forget("b") == Runs(runs=ended.runs[1:])


def test_a_run_that_reads_its_configuration_again_is_one_run():
    runs = Runs().begin(run(2, process="a"), None)
    assert runs.goes_on("a")
    assert runs.begin(run(1, process="a"), None) == runs
    assert not runs.goes_on("b")
    assert not runs.end("a", NOW).goes_on("a")
    assert len(runs.end("a", NOW).begin(run(0, process="a"), None).runs) == 2


@given(st.lists(st.sampled_from([CLEAN, KILLED, ERROR]), max_size=30))
def test_it_keeps_the_newest(ends):
    runs = Runs()
    for number, ended in enumerate(ends):
        runs = runs.begin(run(0, process=str(number)), None)
        if ended is not KILLED:
            runs = runs.end(str(number), NOW, "E" * 1000 if ended is ERROR else "")
    expected = [(str(number), ended) for number, ended in enumerate(ends)][-20:]
    assert [(each.process, each.ended) for each in runs.runs] == expected
    assert all(len(each.error) <= 150 for each in runs.runs)


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "folder" / "trades.runs.json"
    assert read(path) == Runs()
    runs = Runs(runs=(run(2, ERROR), run(1, CLEAN), run(0)), held="why")
    write(path, runs)
    assert read(path) == runs


@pytest.mark.parametrize(
    "content",
    [b"", b"\0" * 100, b"[]", b"null", b'{"runs": 5}', b'{"runs": [{}]}', b'{"held": 5}', b"\xff"],
)
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "trades.runs.json"
    path.write_bytes(content)
    with pytest.raises(RunsError, match=r"record of runs .*trades\.runs\.json is damaged"):
        read(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(RunsError, match="cannot be read"):
        read(tmp_path)

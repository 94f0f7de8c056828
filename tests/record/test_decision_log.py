"""The decision log: repeats are one row with a count, files are bounded, and damage is survived."""

from __future__ import annotations

import fcntl
import multiprocessing
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perpkit.record.decision_log import REPEATS, RETURNS, DecisionLog, older
from perpkit.record.decisions import Kind, as_line, from_line
from perpkit.record.decisions_read import read
from tests.cases import cases
from tests.factories import START as NOW
from tests.record.decided import BTC, ETH, SECOND, decision


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def log(tmp_path, said) -> DecisionLog:
    return DecisionLog(tmp_path / "bot" / "trades.decisions.jsonl", said.append)


def rows(log: DecisionLog) -> list[tuple[float, str, int]]:
    """(seconds, text, count) of each, as they are in the newest file."""
    lines = log.path.read_bytes().splitlines()
    found = [from_line(line) for line in lines]
    return [((row.at - NOW).total_seconds(), row.text, row.count) for row in found]


def test_the_same_in_every_loop_is_a_row_and_a_count(log):
    for number in range(100):
        log.add(decision(number * 5 * SECOND, f"open positions {number} of 3"))
    assert rows(log) == [(0, "open positions 0 of 3", 1)]
    log.close()
    assert rows(log)[1:] == [(495, "open positions 99 of 3", 99)]


def test_what_lasts_is_written_every_quarter_of_an_hour(log):
    for number in range(12 * 60):
        log.add(decision(number * 5 * SECOND))
    log.close()
    assert sum(count for *_, count in rows(log)) == 12 * 60
    assert len(rows(log)) == 5
    assert [seconds for seconds, *_ in rows(log)] == [0, 905, 1810, 2715, 3595]


def test_what_is_long_past_is_not_remembered(log):
    for day in range(10):
        for number in range(10):
            log.add(decision(timedelta(days=day), reason=f"{day} {number}"))
        log.flush(NOW + timedelta(days=day, hours=1))
    assert len(log._known) <= 20


def test_what_comes_again_after_a_pause_is_a_new_row(log):
    for after in (0 * SECOND, REPEATS, 2 * REPEATS + SECOND):
        log.add(decision(after))
    assert [count for *_, count in rows(log)] == [1, 1, 1]


@pytest.mark.parametrize(
    "other",
    [
        {"kind": Kind.SCALED},
        {"pair": ETH},
        {"side": "short"},
        {"reason": "book"},
        {"text": "open risk 3 of 3"},
    ],
    ids=str,
)
def test_what_differs_is_a_row_of_its_own(log, other):
    log.add(decision())
    log.add(decision(SECOND, **other))
    assert len(rows(log)) == 2


def test_every_fill_is_a_row(log):
    for number in range(3):
        log.add(decision(number * SECOND, f"{number} at 100", kind=Kind.ADDED))
    assert [text for _, text, _ in rows(log)] == ["0 at 100", "1 at 100", "2 at 100"]


def test_repeats_come_before_what_follows_them(log):
    """Of two reasons in turn, the newest row is the newest reason."""
    for number in range(4):
        log.add(decision(number * SECOND))
    log.add(decision(4 * SECOND, "spread 3"))
    assert rows(log) == [
        (0, "open positions 3 of 3", 1),
        (3, "open positions 3 of 3", 3),
        (4, "spread 3", 1),
    ]


def test_repeats_of_a_pair_that_is_quiet_are_written_by_the_loop(log):
    log.add(decision())
    log.add(decision(SECOND))
    log.flush(NOW + REPEATS)
    assert len(rows(log)) == 1
    log.flush(NOW + SECOND + REPEATS)
    assert rows(log)[1:] == [(1, "open positions 3 of 3", 1)]


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 2_000), st.sampled_from("ABC"), st.sampled_from([BTC, ETH])),
        max_size=60,
    )
)
@cases(60)
def test_every_decision_is_counted_once(steps, tmp_path_factory):
    log = DecisionLog(tmp_path_factory.mktemp("log") / "x.jsonl", print)
    after, asked = 0, Counter()
    for seconds, text, pair in steps:
        after += seconds
        asked[text, pair] += 1
        log.add(decision(after * SECOND, text, pair))
    log.close()
    found = Counter()
    for row in read(log.path).decisions if steps else ():
        found[row.text, row.pair] += row.count
        assert row.begins <= row.at <= NOW + after * SECOND
    assert found == asked


@given(steps=st.lists(st.tuples(st.integers(0, 200), st.sampled_from("ABC")), max_size=60))
@cases(60)
def test_the_newest_row_is_what_was_decided_last_or_was_a_minute_ago(steps, tmp_path_factory):
    log = DecisionLog(tmp_path_factory.mktemp("log") / "x.jsonl", print)
    after = 0
    for seconds, text in steps:
        after += seconds
        log.add(decision(after * SECOND, text))
        found = rows(log)
        recent = {words for at, words, _ in found if at >= after - RETURNS.total_seconds()}
        assert found[-1][1] == text or text in recent


@pytest.mark.parametrize("kind", [Kind.REFUSED, Kind.ENTERED])
def test_a_reason_that_returns_is_a_row_at_once(log, kind):
    log.add(decision())
    log.add(decision(SECOND))
    log.add(decision(RETURNS, "in between", kind=kind))
    log.add(decision(RETURNS + SECOND))
    assert rows(log) == [
        (0, "open positions 3 of 3", 1),
        (1, "open positions 3 of 3", 1),
        (60, "in between", 1),
        (61, "open positions 3 of 3", 1),
    ]


# Files


def test_files_are_bounded_and_the_oldest_rows_go(tmp_path, said):
    log = DecisionLog(tmp_path / "x.jsonl", said.append, size=1_000, kept=2)
    for number in range(200):
        log.add(decision(number * timedelta(days=1), f"row {number}"))
    files = sorted(path.name for path in tmp_path.glob("x.jsonl*") if path.suffix != ".lock")
    assert files == ["x.jsonl.1", "x.jsonl.2"] or files == ["x.jsonl", "x.jsonl.1", "x.jsonl.2"]
    assert all(path.stat().st_size < 1_300 for path in tmp_path.iterdir())
    kept = [row.text for row in read(log.path, kept=2).decisions]
    assert kept == [f"row {number}" for number in range(200 - len(kept), 200)]
    assert len(kept) > 8
    assert said == []


@pytest.mark.parametrize("left", [1, 60, -1])
def test_a_line_that_a_kill_cut_short_costs_itself_only(log, left):
    log.add(decision())
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + as_line(decision(SECOND, "cut"))[:left])
    DecisionLog(log.path, print).add(decision(2 * SECOND, "after it"))
    found = read(log.path)
    cut_after_the_brace = left == -1  # only the end of the line was missing
    texts = [row.text for row in found.decisions]
    assert texts == ["open positions 3 of 3", *["cut"] * cut_after_the_brace, "after it"]
    assert found.damaged == (not cut_after_the_brace)


def _add_many(path: Path, pair: str, count: int) -> None:
    log = DecisionLog(path, print, size=20_000, kept=9)
    for number in range(count):
        log.add(decision(number * timedelta(days=1), f"row {number}", pair))


def test_two_processes_write_into_one_log(tmp_path):
    path = tmp_path / "x.jsonl"
    context = multiprocessing.get_context("fork")
    pairs = [BTC, ETH]
    writers = [context.Process(target=_add_many, args=(path, pair, 300)) for pair in pairs]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    found = read(path, kept=9)
    assert found.damaged == 0
    assert Counter(row.pair for row in found.decisions) == {BTC: 300, ETH: 300}
    assert older(path, 1).is_file()


def test_another_process_that_rotates_and_hangs_is_not_waited_for(tmp_path):
    path = tmp_path / "x.jsonl"
    log = DecisionLog(path, print, size=300, kept=1)
    with path.with_name("x.jsonl.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for number in range(5):
            log.add(decision(number * timedelta(days=1), f"row {number}"))
        assert not older(path, 1).exists()
    log.add(decision(timedelta(days=9), "row 9"))
    assert older(path, 1).is_file()
    assert len(read(path).decisions) == 6


def test_a_log_that_cannot_be_written_is_said_once(tmp_path, said):
    path = tmp_path / "x.jsonl"
    path.mkdir()
    log = DecisionLog(path, said.append)
    for number in range(3):
        log.add(decision(number * timedelta(days=1)))
    log.flush(NOW)
    assert said == [f"The decision log {path} cannot be written: Is a directory. Trading goes on."]
    path.rmdir()
    log.add(decision(timedelta(days=9)))
    assert said[1:] == ["The decision log can be written again."]
    assert len(read(path).decisions) == 1


def test_a_backtest_begins_with_an_empty_log(log):
    log.add(decision())
    older(log.path, 1).write_bytes(as_line(decision()))
    log.begin()
    log.add(decision(SECOND))
    assert len(read(log.path).decisions) == 1

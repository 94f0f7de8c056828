"""A decision log is read with all of its files; damage is counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from perpkit.record import decisions_read
from perpkit.record.decision_log import DecisionLog
from perpkit.record.decisions_read import DecisionsError, _lines, by_reason, newest, read
from tests.factories import START as NOW
from tests.record.decided import BTC, ETH, MINUTE, SECOND, decision

LASTING = decision(10 * MINUTE, "lasts", since=NOW + MINUTE, count=50)
FIRST, LATER = decision(text="first"), decision(12 * MINUTE, "later")
BETWEEN = decision(5 * MINUTE, "between")


def test_damaged_lines_are_counted(tmp_path):
    log = DecisionLog(tmp_path / "x.jsonl", print)
    for number in range(3):
        log.add(decision(number * SECOND, "ABC"[number]))
    damaged = log.path.read_bytes().splitlines(keepends=True)
    damaged[1:2] = [b"\0" * 200 + b"\n", b"\n", b"x" * 200_000 + b"\n", b"{}\n"]
    log.path.write_bytes(b"".join(damaged))
    found = read(log.path)
    assert [row.text for row in found.decisions] == ["A", "C"]
    assert found.damaged >= 3


def test_a_reader_loses_no_row_to_files_that_are_moved_meanwhile(tmp_path, monkeypatch):
    """Between any two files that it reads, so much is written that they are moved. Of that, some
    may be there; of what was there before, all of it, once."""
    log = DecisionLog(tmp_path / "x.jsonl", print, size=2_000, kept=50)
    written = 0

    def write(count: int) -> None:
        nonlocal written
        for _ in range(count):
            log.add(decision(written * timedelta(days=1), f"row {written}"))
            written += 1

    def lines_meanwhile(file):
        found = list(_lines(file))
        write(25)
        return iter(found)

    write(100)
    monkeypatch.setattr(decisions_read, "_lines", lines_meanwhile)
    found = read(log.path, kept=50)
    numbers = [int(row.text.split()[1]) for row in found.decisions]
    assert numbers[:100] == list(range(100))
    assert numbers == sorted(set(numbers))
    assert found.damaged == 0


def test_without_a_log_the_file_is_named(tmp_path):
    with pytest.raises(DecisionsError, match=r"there is no decision log .*x\.jsonl"):
        read(tmp_path / "x.jsonl")


@pytest.mark.parametrize(
    ("minutes", "text"),
    [
        (-1, None),
        (0, "first"),
        (3, "lasts"),
        (5, "lasts"),  # as new as the one between
        (11, "lasts"),
        (12, "later"),
        (99, "later"),
    ],
)
def test_the_newest_at_a_time(minutes, text):
    found = newest([FIRST, BETWEEN, LASTING, LATER], NOW + minutes * MINUTE, lambda _: True)
    assert (found.text if found else None) == text


def test_reasons_are_counted_whatever_their_figures():
    table = by_reason(
        [
            decision(text="open positions 3 of 3"),
            decision(MINUTE, "open positions 4 of 4", ETH, count=9),
            decision(MINUTE, "open risk 3% of 3%"),
        ]
    )
    assert [(row.count, row.pairs, row.newest.text) for row in table] == [
        (10, (BTC, ETH), "open positions 4 of 4"),
        (1, (BTC,), "open risk 3% of 3%"),
    ]

"""The calendar follows its file, and does not trust a broken one."""

from __future__ import annotations

import json

import pytest

from perpkit.bot.watching.calendar_file import CalendarFile
from perpkit.files.errors import FileError

ONE = {"from": "2026-03-02T06:00:00Z", "until": "2026-03-02T08:00:00Z"}
TWO = {"from": "2026-04-02T06:00:00Z", "until": "2026-04-02T08:00:00Z", "note": "second"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "maintenance.json"
    path.write_text(json.dumps([ONE]))
    return path


def test_it_is_read_again_when_it_changes(path):
    calendar = CalendarFile(path)
    first = calendar.windows
    assert calendar.refresh() is None
    assert calendar.windows is first
    path.write_text(json.dumps([ONE, TWO]))
    assert calendar.refresh() is None
    assert [window.note for window in calendar.windows] == ["", "second"]


@pytest.mark.parametrize("broken", ["[{", '[{"from": 1}]', None])
def test_a_broken_file_leaves_the_last_good_one_and_is_told_once(path, broken):
    calendar = CalendarFile(path)
    good = calendar.windows
    path.unlink() if broken is None else path.write_text(broken)
    complaint = calendar.refresh()
    assert str(path) in complaint
    assert "last good calendar (1 windows) stays in force" in complaint
    assert calendar.refresh() is None
    assert calendar.windows == good
    path.write_text(json.dumps([ONE, TWO]))
    assert calendar.refresh() is None
    assert len(calendar.windows) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[3]", "maintenance.json: entry 1 must be an object"),
        (None, "maintenance.json: No such file"),
        ("[" * 100_000, "maintenance.json: not JSON: maximum recursion depth"),
        (" " * 2**20 + "[]", "maintenance.json: must have at most 1,048,576 bytes, has more"),
        ("[3]\udcff", r"maintenance.json: line 1: not text in UTF-8 \(byte 3\)"),
    ],
)
def test_a_file_that_is_bad_from_the_start_is_refused(path, content, message):
    path.unlink() if content is None else path.write_text(content, errors="surrogateescape")
    with pytest.raises(FileError, match=message):
        CalendarFile(path)


def test_a_byte_order_mark_is_taken(path):
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(CalendarFile(path).windows) == 1

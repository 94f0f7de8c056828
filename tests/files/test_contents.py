"""Text and JSON from files: UTF-8 with or without a mark in front, bounded, one error."""

from __future__ import annotations

import codecs

import pytest

from perpkit.files.contents import content_of, json_of, text_of
from perpkit.files.errors import FileError, one_line


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_a_byte_order_mark_is_left_out(mark):
    assert text_of(mark + "币安人生".encode(), "x") == "币安人生"
    assert json_of(mark + b'{"a": 1}', "x") == {"a": 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfea\0", r"line 1: not text in UTF-8 \(byte 0\)"),
        (b"a\nb\xff", r"line 2: not text in UTF-8 \(byte 3\)"),
        (codecs.BOM_UTF8 + b"a\nb\xff", r"line 2: not text in UTF-8 \(byte 6\)"),
        (b"", "not JSON: Expecting value"),
        (b"{", "not JSON: Expecting property name"),
        (b"[" * 200_000, "not JSON: nested too deep"),
        (b"1" * 5000, "not JSON: Exceeds the limit"),
    ],
)
def test_what_is_wrong_is_named(content, message):
    with pytest.raises(FileError, match=f"^x: {message}"):
        json_of(content, "x")


def test_no_more_is_read_than_there_can_be(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert content_of(path, 5) == b"12345"
    with pytest.raises(FileError, match=r"x: must have at most 4 bytes, has more$"):
        content_of(path, 4)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain [red] ?", "plain [red] ?"),
        ("two\nlines\r", r"two\nlines\r"),
        ("币安\x1b[31m", r"币安\x1b[31m"),
        ("\u2028\udcff", r"\u2028\udcff"),
    ],
)
def test_names_are_one_printable_line(text, shown):
    assert one_line(text) == shown
    assert str(FileError(text)) == shown

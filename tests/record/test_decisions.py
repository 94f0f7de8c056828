"""A row of the decision log is read as it was written, or refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from perpkit.record.decisions import as_line, from_line, words_of
from tests.factories import START as NOW
from tests.record.decided import MINUTE, decision


@pytest.mark.parametrize(
    "made",
    [
        decision(),
        decision(figures={"stake": 12.5}, tag="dip", since=NOW - MINUTE, count=7),
        decision(text='a "quoted"\nline, “Ω” \ud800'.encode(errors="replace").decode()),
    ],
    ids=["least", "all", "signs"],
)
def test_a_row_is_read_as_it_was_written(made):
    line = as_line(made)
    assert line.count(b"\n") == 1
    read_back = from_line(line)
    assert read_back == replace(made, since=made.since)


def test_what_is_no_number_is_left_out():
    line = as_line(decision(figures={"stake": float("nan"), "rate": 1.0}))
    assert json.loads(line)["figures"] == {"rate": 1.0}


@pytest.mark.parametrize(
    "line",
    [
        *(b"", b"{", b"7", b"[]", b"null", b'{"at": 7}', b"\xff\xfe"),
        as_line(decision())[:-40],
        as_line(decision()).replace(b"refused", b"gone"),
        as_line(decision()).replace(b"+00:00", b""),
    ],
)
def test_what_is_no_row_is_refused(line):
    with pytest.raises(ValueError, match="not a decision"):
        from_line(line)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("open positions 3 of 3", "open positions # of #"),
        ("spread 21.3 bps, above 20", "spread # bps, above #"),
        ("until 2026-03-02 10:00 UTC", "until #-#-# # UTC"),
        ("price moved +3.09% since", "price moved # since"),
    ],
)
def test_the_words_of_a_text_have_no_figures(text, words):
    assert words_of(text) == words_of(text.replace("3", "4"))
    assert "#" in words_of(text)
    assert not [sign for sign in words_of(text) if sign.isdigit()]

"""What is said of a stop, and its exit code."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from perpkit.ops.stop.report import Report, message, shown
from perpkit.ops.stop.several import exit_code

WELL = Report("main", "live", latch=["/x/main.live.json"], latched=True, bot="dead", flat=True)


@pytest.mark.parametrize(
    ("changes", "code", "headline"),
    [
        ({}, 0, "main (live): flat, latched, in 0.0 s"),
        ({"flat": False}, 1, "main (live): NOT FLAT, latched, in 0.0 s"),
        ({"flat": None}, 1, "main (live): not known whether it is flat, latched, in 0.0 s"),
        ({"latched": False}, 1, "main (live): flat, NOT LATCHED, in 0.0 s"),
        ({"problems": ["x"]}, 1, "main (live): flat, latched, in 0.0 s"),
        ({"notes": ["x"]}, 0, "main (live): flat, latched, in 0.0 s"),
        ({"mode": "dry-run"}, 0, "main (dry-run): latched, nothing is at the exchange, in 0.0 s"),
        (
            {"preview": True, "latched": False, "flat": False},
            0,
            "main (live): a preview, nothing was sent or written",
        ),
        ({"preview": True, "problems": ["x"]}, 1, None),
        ({"preview": True, "left": ["The positions could not be seen: no time"]}, 1, None),
        ({"mistake": "no such file"}, 2, "main (live): no such file"),
    ],
)
def test_exit_code_and_headline(changes, code, headline):
    report = replace(WELL, **changes)
    assert report.exit_code == code
    if headline is not None:
        assert report.headline == headline


def test_another_process_says_the_same():
    report = replace(WELL, closed=["a"], left=["b"], seconds=1.25, notes=["n"], requests=3)
    content = json.loads(json.dumps(report.as_dict()))
    assert (content["exit_code"], content["closed"]) == (1 - 1, ["a"])
    assert Report.of({**content, "added later": 1}) == replace(report, seconds=1.2)


def test_all_of_it_is_shown():
    report = replace(
        WELL, bot_why="no process", closed=["c"], cancelled=["o"], left=["l"], problems=["p"],
        notes=["n"], requests=3, alert="sent", log="/x/log.jsonl",
    )  # fmt: skip
    rows = list(shown(report))
    assert rows[1:] == [
        ("stop latch", "/x/main.live.json: HALTED"),
        ("bot", "dead: no process"),
        ("closed", "c"),
        ("cancelled", "o"),
        ("LEFT", "l"),
        ("PROBLEM", "p"),
        ("note", "n"),
        ("requests", "3 to the exchange"),
        ("message", "sent"),
        ("log", "/x/log.jsonl"),
    ]
    assert "LEFT: l\n" in message(report)
    assert "sent" not in message(report)


@pytest.mark.parametrize(
    ("codes", "expected"), [([0, 0], 0), ([0, 1], 1), ([2, 2], 2), ([0, 2], 1), ([1, 2], 1)]
)
def test_of_several_accounts_the_worst_is_not_hidden(codes, expected):
    of = {0: WELL, 1: replace(WELL, flat=False), 2: replace(WELL, mistake="x")}
    assert exit_code([of[code] for code in codes]) == expected

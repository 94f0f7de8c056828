"""`make compat`: which cells there are, what a cell that fails shows, and when a run has passed."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from packaging.specifiers import SpecifierSet

from perpkit import __version__
from perpkit.ops import passed as record
from perpkit.ops.passed import last_passed
from tests.compat import running
from tests.compat.__main__ import earlier, passed
from tests.compat.cells import PYTHONS, Cell, cells
from tests.compat.contracts import read
from tests.compat.environments import InstallError, MissingPythonError
from tests.compat.running import Outcome
from tests.compat.table import table

FLOOR = SpecifierSet(">=2026.6,<2027")


@pytest.mark.parametrize(
    ("versions", "releases"),
    [
        (["2026.7", "2026.6", "2026.5.1"], ["2026.7", "2026.6"]),
        # By number, not by letters; a release that was mended counts as it was mended.
        (["2026.9", "2026.10", "2026.10.1"], ["2026.10.1", "2026.9"]),
        (["2026.9", "2026.10.dev0", "2026.9.dev0"], ["2026.9", "2026.10.dev0"]),
        (["2026.9", "2026.10.dev0", "2026.10rc1", "2027.1"], ["2026.9", "2026.10rc1"]),
        (["2026.5"], []),
    ],
)
def test_the_matrix(versions, releases):
    found = cells(versions, FLOOR)
    assert [cell.freqtrade for cell in found if cell.python == PYTHONS[0]] == releases
    newest = [cell.python for cell in found if cell.freqtrade == (releases or [""])[0]]
    assert tuple(newest) == (PYTHONS if releases else ())
    assert [c.freqtrade for c in found if c.may_fail] == [
        r for r in releases if "dev" in r or "rc" in r
    ]


TESTS = """
import pytest
from perpkit.bot import seams

def test_that_it_is_there(): pass
def test_skipped(): pytest.skip("not here")
@pytest.mark.parametrize("call", [("Worker.nowhere", ("x",)), ("Worker.exit", ("nothing",))])
def test_what_is_called(call): assert seams.missing_call(*call) is None
"""


def test_seams_that_moved_are_named(tmp_path):
    (tmp_path / "test_live_seams.py").write_text(TESTS)
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    subprocess.run(
        [*command, f"--rootdir={tmp_path}", f"--junitxml={report}", str(tmp_path)], check=False
    )
    found = read(report)
    assert found.hold == 1
    first, second = found.moved
    assert first.startswith("live_seams: what is called[call0]: ")
    assert "there is no Worker.nowhere" in first
    assert "Worker.exit no longer has 'nothing' where it was" in second
    outcome = Outcome(Cell("2026.9", "3.11"), "3.11.7", "4.5.90", hold=1, moved=[*found.moved])
    shown = table([outcome])
    assert "| 2026.9 | 3.11.7 | 4.5.90 | 1 of 3 |" in shown
    assert "there is no Worker.nowhere" in shown
    assert "Traceback" not in shown


def good(cell: Cell, **more) -> Outcome:
    return Outcome(cell, f"{cell.python}.1", "4.5.90", steps=9, hold=200, **more)


MATRIX = cells(["2026.8", "2026.9", "2026.10.dev0"], FLOOR)
ALL = {cell: good(cell) for cell in MATRIX}
NEWEST, OLDEST, UNRELEASED = MATRIX[0], MATRIX[3], MATRIX[4]


def test_what_has_passed_is_written_down():
    assert passed(MATRIX, ALL, "2026-11-30") == {
        "perpkit": __version__,
        "at": "2026-11-30",
        "freqtrade": "2026.9",
        "ccxt": "4.5.90",
        "releases": ["2026.8", "2026.9"],
        "pythons": ["3.11.1", "3.12.1", "3.13.1"],
    }


@pytest.mark.parametrize(
    ("changed", "pythons"),
    [
        ({NEWEST: good(NEWEST, wrong=["rehearsal: the bot ended"])}, None),
        ({OLDEST: good(OLDEST, moved=["live_seams: there is no Worker.exit"])}, None),
        ({OLDEST: Outcome(OLDEST)}, None),
        ({OLDEST: Outcome(OLDEST, missing="not here")}, None),
        ({MATRIX[2]: Outcome(MATRIX[2], wrong=["install: they exclude each other"])}, None),
        # A Python that is not here is named as missing, not as passed.
        ({MATRIX[2]: Outcome(MATRIX[2], missing="not here")}, ["3.11.1", "3.12.1"]),
        ({UNRELEASED: good(UNRELEASED, moved=["x"])}, ["3.11.1", "3.12.1", "3.13.1"]),
    ],
)
def test_what_must_pass(changed, pythons):
    found = passed(MATRIX, {**ALL, **changed}, "2026-11-30")
    assert found.get("pythons") == pythons


def test_an_outcome_is_read_as_it_was_written():
    outcome = good(NEWEST, wrong=["x"])
    assert Outcome.of_json(outcome.as_json()) == outcome
    assert "missing" in table([Outcome(NEWEST, missing="not here")])


@pytest.mark.parametrize(
    ("error", "missing", "wrong"),
    [
        (InstallError("they exclude each other"), "", ["install: they exclude each other"]),
        (MissingPythonError("Python 3.13 is not here"), "Python 3.13 is not here", []),
    ],
)
def test_only_a_python_can_be_missing(error, missing, wrong, tmp_path, monkeypatch):
    def make(folder, python):
        raise error

    monkeypatch.setattr(running, "make", make)
    found = running.run(NEWEST, tmp_path, plugin=False)
    assert (found.missing, found.wrong) == (missing, wrong)
    assert not found.passed
    assert passed(MATRIX, {**ALL, MATRIX[2]: found}, "2026-11-30").get("releases") == (
        ["2026.8", "2026.9"] if missing else None
    )


def test_outcomes_of_another_perpkit_do_not_count(tmp_path):
    path = tmp_path / "compat.json"
    outcomes = [good(NEWEST, perpkit=__version__), good(OLDEST, perpkit="0.0.9")]
    path.write_text(json.dumps([each.as_json() for each in outcomes]))
    assert [*earlier(path)] == [NEWEST]


def test_what_last_passed_is_of_this_perpkit(tmp_path, monkeypatch):
    assert record.FILE.is_file()
    monkeypatch.setattr(record, "FILE", tmp_path / "passed.json")
    written = passed(MATRIX, ALL, "2026-11-30")
    for content, found in (
        (None, None),
        ({**written, "perpkit": "0.0.9"}, None),
        (written, ("2026.8", "2026.9")),
    ):
        record.FILE.write_text(json.dumps(content))
        last = last_passed()
        assert (last and last.releases) == found

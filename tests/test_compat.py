"""`make compat`: which cells there are, what a cell that fails shows, and when a run has passed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from perpkit import __version__
from perpkit.ops import passed as record
from perpkit.ops.doctor.finding import Finding
from perpkit.ops.level import Level
from perpkit.ops.passed import last_passed
from tests.compat import __main__ as matrix_run
from tests.compat import running
from tests.compat.__main__ import earlier, passed
from tests.compat.beside import PACKAGE
from tests.compat.cells import PYTHONS, Cell, cells
from tests.compat.contracts import Contracts, read
from tests.compat.environments import InstallError, MissingPythonError
from tests.compat.running import Outcome
from tests.compat.table import table
from tests.conftest import REPOSITORY

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


def written(path: Path, *outcomes: Outcome) -> Path:
    path.write_text(json.dumps([each.as_json() for each in outcomes]))
    return path


@pytest.mark.parametrize(
    ("perpkit", "commit", "here", "counts"),
    [
        (__version__, "a1", "a1", True),
        (__version__, "a1", "b2", False),
        ("0.0.9", "a1", "a1", False),
        # Of files that differ from their commit, nothing is known.
        (__version__, "", "", False),
        (__version__, "a1", "", False),
    ],
)
def test_only_outcomes_of_this_commit_count(perpkit, commit, here, counts, tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_run, "commit_of_checkout", lambda: here)
    path = written(tmp_path / "compat.json", good(NEWEST, perpkit=perpkit, commit=commit))
    assert [*earlier(path)] == ([NEWEST] if counts else [])


def test_a_checkout_with_changes_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(running, "REPOSITORY", tmp_path)
    assert running.commit_of_checkout() == ""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for more in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "a"]):
        subprocess.run([*git, *more], check=True)
    assert re.fullmatch("[0-9a-f]{40}", running.commit_of_checkout())
    # A whole matrix that has passed writes it, and the next one must be able to go on.
    (tmp_path / "perpkit/ops").mkdir(parents=True)
    (tmp_path / "perpkit/ops/passed.json").write_text("{}")
    assert re.fullmatch("[0-9a-f]{40}", running.commit_of_checkout())
    (tmp_path / "a.py").write_text("changed")
    assert running.commit_of_checkout() == ""


def test_going_on_tries_again_what_has_not_passed(tmp_path, monkeypatch):
    """Else one lost connection to the registry would stay for good."""
    given = {"perpkit": __version__, "commit": "a1"}
    failed = Outcome(OLDEST, wrong=["install: connection reset"], **given)
    tried = []

    def run(cell, folder, plugin):
        tried.append(cell)
        return good(cell, **given)

    monkeypatch.setattr(matrix_run, "commit_of_checkout", lambda: "a1")
    monkeypatch.setattr(matrix_run, "published", lambda: ["2026.8", "2026.9"])
    monkeypatch.setattr(matrix_run, "run", run)
    monkeypatch.setattr(matrix_run, "FILE", tmp_path / "passed.json")
    others = [good(cell, **given) for cell in MATRIX[:3]]
    written(tmp_path / "compat.json", *others, failed)
    assert matrix_run.main(["--continue", "--out", str(tmp_path)]) == 0
    assert tried == [OLDEST]
    assert json.loads((tmp_path / "passed.json").read_text())["releases"] == ["2026.8", "2026.9"]


@pytest.mark.parametrize("here", ["b2", ""])
def test_what_was_tried_of_other_commits_stays_and_does_not_count(here, tmp_path, monkeypatch):
    monkeypatch.setattr(matrix_run, "commit_of_checkout", lambda: here)
    monkeypatch.setattr(matrix_run, "published", lambda: ["2026.8", "2026.9"])
    given = {"perpkit": __version__, "commit": here}
    monkeypatch.setattr(matrix_run, "run", lambda cell, *_, **__: good(cell, **given))
    monkeypatch.setattr(matrix_run, "FILE", tmp_path / "passed.json")
    others = [good(cell, perpkit=__version__, commit="a1") for cell in MATRIX[:4]]
    path = written(tmp_path / "compat.json", *others)
    assert matrix_run.main(["--only", str(OLDEST), "--out", str(tmp_path)]) == 0
    commits = [each["commit"] for each in json.loads(path.read_text())]
    assert commits == ["a1", "a1", "a1", here]
    assert (tmp_path / "compat.md").read_text().count("passed, a1 |") == 3
    assert not (tmp_path / "passed.json").exists()


def test_some_cells_that_have_passed_are_still_fine(tmp_path, monkeypatch):
    given = {"perpkit": __version__, "commit": "a1"}
    monkeypatch.setattr(matrix_run, "commit_of_checkout", lambda: "a1")
    monkeypatch.setattr(matrix_run, "published", lambda: ["2026.8", "2026.9"])
    monkeypatch.setattr(matrix_run, "FILE", tmp_path / "passed.json")
    written(tmp_path / "compat.json", good(OLDEST, **given))
    one = ["--only", str(OLDEST), "--continue", "--out", str(tmp_path)]
    assert matrix_run.main(one) == 0


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (good(OLDEST), 0),
        (Outcome(OLDEST, missing="not here"), 1),
        (good(OLDEST, moved=["x"]), 1),
        (Outcome(OLDEST), 1),
        (good(OLDEST, wrong=["rehearsal: the bot ended"]), 1),
    ],
)
def test_some_cells_end_as_they_were_found(outcome, code, tmp_path, monkeypatch, capsys):
    """Nothing counts as the whole matrix."""
    monkeypatch.setattr(matrix_run, "commit_of_checkout", lambda: "b2")
    monkeypatch.setattr(matrix_run, "published", lambda: ["2026.8", "2026.9"])
    monkeypatch.setattr(matrix_run, "run", lambda *_, **__: outcome)
    monkeypatch.setattr(matrix_run, "FILE", tmp_path / "passed.json")
    assert matrix_run.main(["--only", str(OLDEST), "--out", str(tmp_path)]) == code
    assert not (tmp_path / "passed.json").exists()
    assert ("goes by the last whole run" in capsys.readouterr().out) is (code == 0)


def test_without_the_registry_there_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "")
    assert matrix_run.main(["--out", str(tmp_path)]) == 2
    assert re.fullmatch("the releases of Freqtrade cannot be listed: .+\n", capsys.readouterr().err)
    assert [*tmp_path.iterdir()] == []


def test_a_plugin_of_others_that_cannot_be_installed_fails_nothing(tmp_path, monkeypatch):
    def install(python, *requirements):
        if PACKAGE in requirements:
            raise InstallError("it was yanked")

    for name in ("make", "wheel", "version", "of_python"):
        monkeypatch.setattr(running, name, lambda *_: "1")
    monkeypatch.setattr(running, "install", install)
    monkeypatch.setattr(running, "trial", lambda *_: [Finding(Level.OK, "in order")])
    monkeypatch.setattr(running, "contracts", lambda *_: Contracts(7, ()))
    found = running.run(NEWEST, tmp_path, plugin=True)
    assert (found.hold, found.wrong, found.beside) == (7, [], "")
    assert found.passed
    shown = table([found])
    assert f"- {PACKAGE} cannot be installed: it was yanked" in shown
    assert "both are found" not in shown


def test_a_run_that_is_ended_leaves_no_environment(tmp_path, monkeypatch):
    """SIGTERM would end Python at once, and leave the bot of the trial with it."""
    left = []

    def run(cell, folder, plugin):
        left.append(folder)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(matrix_run, "published", lambda: ["2026.9"])
    monkeypatch.setattr(matrix_run, "run", run)
    with pytest.raises(SystemExit, match="143"):
        matrix_run.main(["--out", str(tmp_path)])
    assert not left[0].exists()


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


def test_the_page_says_whether_this_perpkit_has_passed():
    page = " ".join((REPOSITORY / "docs" / "compatibility.md").read_text().split())
    says_no = f"as is the case for {__version__} so far" in page
    assert says_no is (last_passed() is None)

"""`make release-check`: what it calls wrong with versions, metadata and contents."""

from __future__ import annotations

import ast
import copy
import os
import signal
import time
import zipfile
from pathlib import Path

import pytest

from perpkit import __version__
from perpkit.ops.passed import Passed
from tests.bench.source_trees import tree_of
from tests.conftest import REPOSITORY
from tests.release import __main__ as checking
from tests.release.contents import committed, differences, of_sdist, of_wheel, project
from tests.release.words import wrong_metadata, wrong_versions

CHANGES = (REPOSITORY / "CHANGELOG.md").read_text()
PASSED = Passed(__version__, "2026-11-30", "2026.9", "4.5.90", ("2026.6", "2026.9"), ("3.11.7",))


def test_the_checkout_has_one_version():
    assert [*wrong_versions(project(), CHANGES, PASSED)] == []


def test_a_version_that_no_matrix_has_passed_is_wrong():
    assert [*wrong_versions(project(), CHANGES, None)] == [
        f"make compat has not been run for Perpkit {__version__}"
    ]


def other(**settings):
    declared = copy.deepcopy(project())
    declared["project"].update(settings)
    return declared


@pytest.mark.parametrize(
    ("declared", "changes", "words"),
    [
        (other(version="0.2.0"), CHANGES, "perpkit.__version__ is 0.1.0"),
        (other(version="0.2.0"), CHANGES, "its newest release is 0.1.0"),
        (other(version="0.1.0-rc1"), "## 0.1.0-rc1\n", "must be written as 0.1.0rc1"),
        (project(), "# Changelog\n", "its newest release is none"),
        (
            other(**{"optional-dependencies": {"tested": ["freqtrade>=2030.1"]}}),
            CHANGES,
            "what last passed, freqtrade",
        ),
    ],
)
def test_versions_that_differ(declared, changes, words):
    assert words in str([*wrong_versions(declared, changes, PASSED)])


def test_what_is_missing_and_what_is_too_much():
    names = committed()
    wheel = of_wheel(names, project())
    assert {
        "00_perpkit.pth",
        "perpkit/plugins/strategies/RsiSmaSwing.py",
        "perpkit/plugins/freqaimodels/Ensemble.py",
        "perpkit/ops/passed.json",
        "perpkit/research/research-log.toml",
        "perpkit-0.1.0.dist-info/METADATA",
    } <= wheel
    assert not [name for name in wheel if name.startswith(("tests", "docs", "strategies"))]
    found = wheel - {"perpkit/cli.py"} | {"perpkit/keys.age"}
    assert [*differences("wheel", wheel, found)] == [
        "the wheel lacks perpkit/cli.py",
        "the wheel has perpkit/keys.age, which is not committed for it",
    ]
    assert {"PKG-INFO", "tests/test_release.py", "Makefile"} <= of_sdist(
        names | {"tests/test_release.py"}
    )


METADATA = """Metadata-Version: 2.4
Name: perpkit
Version: {version}
Requires-Python: >=3.11
License-Expression: GPL-3.0-only
{more}

{description}
"""


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ""),
        ({"version": "0.0.9"}, "Version of the wheel must be 0.1.0, got 0.0.9"),
        ({"more": "Provides-Extra: none"}, "extras of the wheel"),
        ({"description": ""}, "the wheel has no description"),
    ],
)
def test_metadata_that_differ(given, words, tmp_path):
    declared = project()
    extras = declared["project"]["optional-dependencies"]
    more = [f"Requires-Dist: {each}" for each in declared["project"]["dependencies"]]
    more += [f"Provides-Extra: {name}" for name in extras]
    content = {"version": "0.1.0", "more": "\n".join(more), "description": "words", **given}
    path = tmp_path / "a.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("perpkit-0.1.0.dist-info/METADATA", METADATA.format(**content))
    found = [*wrong_metadata(path, declared)]
    assert words in str(found)
    assert bool(found) is bool(words)


def needs_the_checkout(source: str) -> bool:
    """Whether a module names the repository or its own place, and a folder that the wheel has."""
    nodes = [*ast.walk(tree_of(source))]
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    texts = {node.value for node in nodes if isinstance(node, ast.Constant)}
    return bool(names & {"REPOSITORY", "__file__"}) and not texts.isdisjoint(checking.PACKAGE)


@pytest.mark.parametrize(
    ("source", "needs"),
    [
        ('for path in (REPOSITORY / "perpkit").rglob("*.py"): look(path)', True),
        ('ROOT = Path(__file__).parents[2]\nfor each in ("strategies",): ROOT / each', True),
        ('REPOSITORY.parent / "shared" / "data"', False),
        ('config["user_data"]', False),
    ],
)
def test_a_scan_of_sources_would_be_found(source, needs):
    assert needs_the_checkout(source) is needs


def test_what_is_run_with_the_wheel_reads_no_sources():
    """`tried` takes them away, so that nothing stands in for the wheel."""
    places = [REPOSITORY / "tests" / name for name in checking.TESTS]
    found = [
        path for place in places for path in ([place] if place.is_file() else place.rglob("*.py"))
    ]
    assert len(found) > 50
    assert [path.name for path in found if needs_the_checkout(path.read_text())] == []


def test_the_wheel_is_tried_though_it_looks_wrong(monkeypatch, capsys):
    """Else what is wrong with its tests shows only after half an hour of `make compat`."""
    monkeypatch.setattr(checking, "build", lambda: (Path("a.tar.gz"), Path("a.whl")))
    monkeypatch.setattr(checking, "looked_at", lambda *_: iter(["no matrix has passed"]))
    monkeypatch.setattr(checking, "tried", lambda *_: iter(["tests fail"]))
    assert checking.main() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == ["wrong: no matrix has passed", "wrong: tests fail", "2 wrong"]


def test_a_check_that_is_ended_leaves_no_environment(monkeypatch):
    left = []

    def tried(_sdist, _wheel, folder):
        left.append(folder)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr(checking, "build", lambda: (Path("a.tar.gz"), Path("a.whl")))
    monkeypatch.setattr(checking, "looked_at", lambda *_: iter([]))
    monkeypatch.setattr(checking, "tried", tried)
    with pytest.raises(SystemExit, match="143"):
        checking.main()
    assert not left[0].exists()


def test_a_build_that_fails_says_why(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(checking, "OUT", tmp_path / "dist")
    monkeypatch.setattr(checking, "REPOSITORY", tmp_path / "nothing")
    assert checking.main() == 1
    *said, last = capsys.readouterr().out.splitlines()
    assert "build" in "".join(said)
    assert last == "wrong: there is no wheel"

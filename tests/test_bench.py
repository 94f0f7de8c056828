"""`python -m benchmarks.bench` keeps the figures of earlier runs."""

from __future__ import annotations

import json
import sys

import pytest

from benchmarks import bench
from benchmarks.measured import Table

AT = "2026-11-30T12:00:00+00:00"


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Runs made-up benchmarks `limits` and `layer`, whose figures count the runs; the tables."""
    file = tmp_path / "bench" / "bench.json"
    runs = []

    def measure(scale):
        runs.append(scale)
        return Table("Made up", [{"run": len(runs)}])

    monkeypatch.setattr(bench, "BENCHMARKS", {"limits": measure, "layer": measure})
    monkeypatch.setattr(bench, "candles", dict)

    def ran(*arguments):
        monkeypatch.setattr(sys, "argv", ["bench", *arguments, "--json", str(file)])
        bench.main()
        tables = json.loads(file.read_text())["tables"]
        return {
            name: (table["rows"][0]["run"], table["about"].get("scale"))
            for name, table in tables.items()
        }

    ran.file = file
    return ran


def scale(rounds, quick=False):
    return {"rounds": rounds, "quick": quick}


def test_a_run_replaces_its_own_tables_only(run):
    assert run() == {"limits": (1, scale(3)), "layer": (2, scale(3))}
    assert run("layer", "--rounds=5") == {"limits": (1, scale(3)), "layer": (3, scale(5))}


def test_quick_figures_replace_no_others(run):
    run("limits")
    quick = {"limits, quick": (2, scale(1, True)), "layer, quick": (3, scale(1, True))}
    assert run("--quick") == {"limits": (1, scale(3)), **quick}


def test_a_file_with_one_description_of_all_tables_is_kept(run):
    run.file.parent.mkdir()
    table = {"title": "", "rows": [{"run": 9}], "note": "", "raw": {}}
    run.file.write_text(json.dumps({"at": AT, "scale": scale(7), "tables": {"limits": table}}))
    assert run("layer") == {"limits": (9, scale(7)), "layer": (1, scale(3))}
    assert json.loads(run.file.read_text())["tables"]["limits"]["about"]["at"] == AT


@pytest.mark.parametrize("written", ["", "[]", "{}", '{"tables": []}', '{"tables": {"limits": 1}}'])
def test_a_file_of_something_else_is_refused_and_kept(run, written, capsys):
    run.file.parent.mkdir()
    run.file.write_text(written)
    with pytest.raises(SystemExit):
        run("limits")
    assert f"--json must be a new file, or one that bench has written, got {run.file}" in (
        capsys.readouterr().err
    )
    assert run.file.read_text() == written

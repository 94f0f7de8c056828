"""`perpkit compare`: two results, and the verdict in words."""

from __future__ import annotations

import json
import sys
from datetime import timedelta

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from tests.report.conftest import START, document, write

LONG = {"backtest_end": f"{START + timedelta(days=40):%F %T}"}


@pytest.fixture
def run(tmp_path, datadir, three_trades):
    def run(*options, left: int = 3, **content) -> tuple[int, str, str]:
        """:param left: how many of the trades the second run has"""
        first = write(tmp_path / "first.json", document(*three_trades, **content))
        second = write(tmp_path / "second.json", document(*three_trades[:left], **content))
        arguments = ["compare", str(first), str(second), "--datadir", str(datadir), *options]
        result = CliRunner().invoke(app, arguments)
        return result.exit_code, result.stdout, " ".join(result.stderr.split())

    return run


def test_two_equal_runs(run):
    code, out, _ = run(**LONG)
    assert code == 0
    assert "No difference: first and second made the same on each of 40 days." in out


def test_two_that_differ_by_one_trade(run):
    code, out, _ = run(left=2, **LONG)
    assert code == 0
    (row,) = [line.split() for line in out.splitlines() if line.startswith("Sharpe ratio")]
    first, second, difference, low, _, high = row[2:]
    assert float(difference) == pytest.approx(float(first) - float(second), abs=0.02)
    assert float(low) <= float(difference) <= float(high)
    assert "No difference is shown in 40 days" in out


def test_as_json(run):
    code, out, _ = run("--json", left=2, **LONG)
    assert code == 0
    found = json.loads(out)
    assert found["runs"] == ["first", "second"]
    assert found["verdict"] == "no difference shown"
    assert len(found["sharpe_difference"]) == 2


def test_too_few_days_are_refused(run):
    code, out, err = run()
    assert (code, out) == (2, "")
    assert "the runs must have 30 days in common, got 10" in err


def test_without_its_extra_it_says_what_to_install(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "arch", None)
    code, _, err = run(left=2, **LONG)
    assert code == 2
    assert "pip install 'perpkit[research]'" in err


def test_a_file_that_is_no_result_is_named(run, tmp_path):
    (tmp_path / "wrong.json").write_text("{}")
    arguments = ["compare", str(tmp_path / "wrong.json"), str(tmp_path / "wrong.json")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "wrong.json" in result.stderr.replace("\n", "")


def reported(tmp_path, datadir, *options) -> dict:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    given = ["report", first, "--with", second, "--datadir", datadir, "--json", *options]
    result = CliRunner().invoke(app, [str(each) for each in given])
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_report_of_both_says_the_same(run, tmp_path, datadir):
    found = json.loads(run("--json", left=2, **LONG)[1])
    page = tmp_path / "page.html"
    beside = reported(tmp_path, datadir, "--out", page)["comparison"]
    assert beside == {name: found[name] for name in beside}
    assert beside["days"] == 40
    shown = page.read_text()
    assert 'id="comparison"' in shown
    assert "No difference is shown in 40 days" in shown
    assert 'id="twins"' not in shown


def test_the_report_of_too_few_days_says_so(run, tmp_path, datadir):
    run()
    found = reported(tmp_path, datadir)
    assert found["comparison"] is None
    said = "Comparison of both runs: the runs must have 30 days in common, got 10"
    assert [why for why in found["left_out"] if why.startswith(said)]

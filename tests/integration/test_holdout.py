"""Sealed days at the command line: refused before anything runs, looked at once, and judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from perpkit.cli import app
from perpkit.walkforward.holdout import identity, place, read_seals
from perpkit.walkforward.run_directory import read_run
from perpkit.walkforward.stitching import stitched_equity
from tests.cases import SLOW
from tests.conftest import REPOSITORY

pytestmark = pytest.mark.integration

OWN = REPOSITORY / "tests/bench/strategies"


def perpkit(*arguments: str | Path) -> str:
    found = CliRunner().invoke(app, [str(each) for each in arguments])
    assert found.exit_code == 0, found.output
    return found.stdout


@SLOW
def test_sealed_days_are_looked_at_once(bot):
    def walk(*arguments: str | Path):
        given = bot.arguments(
            "walkforward", f"--datadir={bot.datadir}", "--strategy=Scribbler",
            f"--strategy-path={OWN}", "--test=20d", "--jobs=1", *arguments,
        )  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "perpkit.cli", *map(str, given)],
            capture_output=True, text=True, timeout=240, cwd=REPOSITORY, check=False,
        )  # fmt: skip

    userdir = f"--userdir={bot.userdir}"
    perpkit("holdout", "seal", "20250221-20250313", userdir)
    out = bot.userdir.parent / "run"
    refused = walk("--timerange=20250201-20250313", f"--out={out}")
    assert refused.returncode == 2
    assert "must leave out the sealed days 2025-02-21 to 2025-03-13" in refused.stderr
    assert not out.exists()

    looked = walk("--timerange=20250221-20250313", "--look", f"--out={out}")
    assert looked.returncode == 0, looked.stderr
    [sealed] = read_seals(place(bot.userdir))
    assert sealed.look.of == identity(read_run(out).request)

    judged = json.loads(perpkit("verdict", out, userdir, "--json"))
    assert judged["word"] == "too short to judge"
    # The report draws the account from the trades; the run has it from its tests.
    shown = perpkit("report", out, f"--datadir={bot.datadir}", "--json")
    [account] = json.loads(shown)["runs"]
    equity = stitched_equity(read_run(out).results)
    assert account["final_equity"] == pytest.approx(float(equity.iloc[-1]))
    assert account["figures"]["max_drawdown"] == pytest.approx(
        float((1 - equity / equity.cummax()).max()), rel=0.02
    )

"""`make bench`: each benchmark is measured at its smallest scale."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.bench import BENCHMARKS

REPOSITORY = Path(__file__).parents[2]
pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_it_prints_a_table_and_writes_it(real_datadir, tmp_path, name):
    file = tmp_path / "bench" / "bench.json"
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench", name, "--quick", "--json", file],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    table = json.loads(file.read_text())["tables"][f"{name}, quick"]
    assert table["title"] in ran.stdout
    assert table["rows"]


def test_a_name_that_does_not_exist_is_refused_with_those_that_do(tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.bench", "grwth"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 2
    assert "NAME must be one of start_up, acceleration" in ran.stderr
    assert "got grwth" in ran.stderr

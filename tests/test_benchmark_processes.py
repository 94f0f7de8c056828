"""What `benchmarks.processes` says that a command used is the command's own."""

from __future__ import annotations

import sys

import pytest

from benchmarks.processes import Usage, run

MB = 1_000_000
HOLDS = "held = b'1' * {mb}_000_000"


def used(script: str, cwd, **environment: str) -> Usage:
    return run([sys.executable, "-I", "-S", "-c", script], cwd, environment)


def test_memory_of_who_starts_a_command_is_not_the_commands(tmp_path):
    held = b"1" * (100 * MB)
    assert used(HOLDS.format(mb=5), tmp_path).peak_mb < 30
    assert len(held) == 100 * MB  # to the end


def test_memory_and_cpu_of_a_command_and_its_children_are_counted(tmp_path):
    child = f"{HOLDS.format(mb=150)}; sum(range(10_000_000))"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {child!r}])"
    found = used(script, tmp_path)
    assert 140 < found.peak_mb < 190
    assert found.user_s > 2 * used("import subprocess", tmp_path).user_s


@pytest.mark.parametrize(
    ("end", "code"), [("pass", 0), ("sys.exit(3)", 3), ("os.kill(os.getpid(), 9)", -9)]
)
def test_how_a_command_ends_and_all_it_prints_is_kept(tmp_path, end, code):
    script = f"import os, sys; print(os.environ['MINE'], os.getcwd(), flush=True); {end}"
    found = used(script, tmp_path, MINE="set")
    assert (found.code, found.output) == (code, f"set {tmp_path}\n")


def test_a_command_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(RuntimeError, match="absent"):
        run([str(tmp_path / "absent")], tmp_path)

"""A database is read, and every file in its folder stays as it is."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from perpkit.record.looking import look

KILLED = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.executescript(sys.argv[2])
os._exit(9)
"""
ANOTHER = "INSERT INTO t VALUES (2);"
# So much that SQLite has written some of it into the database before the process ends.
HALF_A_TRANSACTION = (
    "PRAGMA cache_size = 1; BEGIN; INSERT INTO t WITH RECURSIVE n(x) AS "
    "(SELECT 3 UNION ALL SELECT x + 1 FROM n WHERE x < 20000) SELECT x FROM n;"
)


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {f.name: (f.read_bytes(), f.stat().st_mtime_ns) for f in sorted(folder.iterdir())}


@pytest.fixture(params=["delete", "wal"])
def path(request, tmp_path) -> Path:
    path = tmp_path / "a#b.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(
            f"PRAGMA journal_mode = {request.param}; CREATE TABLE t (x); INSERT INTO t VALUES (1);"
        )
    return path


def killed_while(path: Path, script: str) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(path), script], check=False)


def numbers(path: Path) -> list[int]:
    with closing(look(path)) as database:
        return [x for (x,) in database.execute("SELECT x FROM t ORDER BY x")]


def test_a_closed_one_is_read(path):
    before = state(path.parent)
    assert numbers(path) == [1]
    assert state(path.parent) == before


@pytest.mark.parametrize(("script", "seen"), [(ANOTHER, [1, 2]), (HALF_A_TRANSACTION, [1])])
def test_what_a_killed_process_left_is_understood_and_left(path, script, seen):
    killed_while(path, script)
    before = state(path.parent)
    assert numbers(path) == seen
    assert state(path.parent) == before


def test_one_that_is_in_use_is_read_as_it_is_now(path):
    with in_use(path):
        content = path.read_bytes()
        assert numbers(path) == [1, 2]
        assert path.read_bytes() == content


def test_it_cannot_be_written(path):
    with closing(look(path)) as database, pytest.raises(sqlite3.OperationalError):
        database.execute("INSERT INTO t VALUES (3)")


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100])
def test_what_is_no_database_is_an_error_of_sqlite(tmp_path, content):
    path = tmp_path / "a.sqlite"
    path.write_bytes(content)
    with pytest.raises(sqlite3.Error), closing(look(path)) as database:
        database.execute("SELECT x FROM t")
    assert path.read_bytes() == content


@contextmanager
def in_use(path: Path):
    """By another process, which has just written."""
    script = KILLED.replace("os._exit(9)", "print(flush=True); sys.stdin.read()")
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path), ANOTHER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ,
    )
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield
    finally:
        process.communicate()

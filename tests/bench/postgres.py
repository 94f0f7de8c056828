"""A PostgreSQL of its own, below /tmp, on a port of the loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.planted import DB_PASSWORD

# Debian has its programs here, and not in the path.
_DEBIAN = Path("/usr/lib/postgresql")
_USER = "postgres"  # whom Debian's package makes; the server refuses to run as root


def programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, the newest; None where there is none."""
    found = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    in_path = shutil.which("initdb")
    return None if in_path is None else Path(in_path).parent


def missing() -> str:
    """What is not installed; empty where all is there."""
    if programs() is None:
        return "PostgreSQL is not installed (Debian: postgresql)"
    if find_spec("psycopg") is None:
        return "psycopg is not installed (perpkit[postgres])"
    return ""


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database, as Freqtrade's `db_url`; it ends with the block."""
    binaries = programs()
    assert binaries is not None
    with TemporaryDirectory(prefix="perpkit-postgres-", dir="/tmp") as folder:
        given = Path(folder)
        (given / "password").write_text(DB_PASSWORD)
        as_user = None
        if os.geteuid() == 0:
            as_user = _USER
            for path in (given, given / "password"):
                shutil.chown(path, _USER, _USER)

        def do(program: str, *arguments: str) -> None:
            command = [str(binaries / program), "-D", str(given / "data"), *arguments]
            # Not a pipe: the server would keep it open.
            with (given / "output").open("w") as output:
                done = subprocess.run(
                    command, stdout=output, stderr=output, user=as_user, cwd=given, timeout=120
                )
            if done.returncode:
                raise RuntimeError(f"{program}: {(given / 'output').read_text()[-2000:]}")

        do("initdb", "-U", "bot", "-A", "scram-sha-256", f"--pwfile={given / 'password'}", "-N")
        (given / "password").unlink()
        port = _free_port()
        options = f"-h 127.0.0.1 -p {port} -k {given} -c fsync=off -c max_connections=30"
        do("pg_ctl", "start", "-w", "-o", options, "-l", str(given / "log"))
        try:
            yield f"postgresql+psycopg://bot:{DB_PASSWORD}@127.0.0.1:{port}/postgres"
        finally:
            do("pg_ctl", "stop", "-m", "immediate")


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port

"""The command `perpkit venue`, in this process and in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from typer.testing import CliRunner

from perpkit.cli import app


def venue(*arguments: object):
    return CliRunner().invoke(app, ["venue", *map(str, arguments)])


@contextmanager
def running(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and its URL once it has said that it listens."""
    process = subprocess.Popen(
        [sys.executable, "-c", "from perpkit.cli import main; main()", "venue", "--port", "0"]
        + [str(a) for a in arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        if not line.startswith("venue listening on "):
            raise AssertionError(f"{line!r} {process.communicate(timeout=10)}")
        yield process, line.removeprefix("venue listening on ").strip()
    finally:
        process.kill()
        process.communicate(timeout=10)


def get(url: str):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)

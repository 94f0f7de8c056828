"""A process that the system shows as `freqtrade trade`, with files of a bot open."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPT = """
import argparse, signal
from filelock import FileLock

parser = argparse.ArgumentParser()
parser.add_argument("command")
parser.add_argument("--open", nargs="*", default=[])
parser.add_argument("--lock")
parser.add_argument("--deaf", action="store_true")
given = parser.parse_args()
# A shell that starts a job in the background has it ignore SIGINT.
signal.signal(signal.SIGINT, signal.SIG_IGN if given.deaf else signal.default_int_handler)
files = [open(path, "a") for path in given.open]
if given.lock:
    lock = FileLock(given.lock)
    lock.acquire()
try:
    print("ready", flush=True)
    signal.pause()
except KeyboardInterrupt:
    pass
"""


@contextmanager
def freqtrade_like(
    folder: Path,
    *files: Path,
    lock: Path | None = None,
    command: str = "trade",
    name: str = "freqtrade",
    deaf: bool = False,
) -> Iterator[subprocess.Popen[str]]:
    """
    :param folder: for its script
    :param files: that it has open
    :param lock: that it holds as a bot does
    :param deaf: to SIGINT
    """
    script = folder / name
    script.write_text(SCRIPT)
    options = ["--open", *map(str, files)] + (["--lock", str(lock)] if lock else [])
    process = subprocess.Popen(
        [sys.executable, str(script), command, *options, *(["--deaf"] if deaf else [])],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()

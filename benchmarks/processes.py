"""Whole processes: what they use, as the kernel counts it for each of them and its children."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

# Freqtrade without the start-up hook of Perpkit, as where it is not installed.
STOCK = {"PERPKIT_PLUGINS": "0"}
# Isolated and without packages, which keeps it below 15 MB.
_STARTER = [sys.executable, "-I", "-S", str(Path(__file__).with_name("started.py"))]


@dataclass(frozen=True)
class Usage:
    """
    :param user_s: user CPU
    :param peak_mb: largest resident memory of one process
    :param output: standard output and error
    """

    code: int
    user_s: float
    peak_mb: float
    output: str


def run(command: list[str], cwd: Path, environment: Mapping[str, str] | None = None) -> Usage:
    """Runs a command to its end.

    :param environment: variables on top of those of this process
    :raises RuntimeError: if it cannot be started
    """
    with TemporaryFile() as output:
        started = subprocess.run(
            [*_STARTER, *command],
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=output,
            check=False,
        )
        output.seek(0)
        text = output.read().decode(errors="replace")
    if started.returncode:
        raise RuntimeError(text)
    code, user_s, peak_kb = started.stdout.split()
    return Usage(int(code), float(user_s), int(peak_kb) / 1024, text)

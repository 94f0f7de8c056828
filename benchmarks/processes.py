"""Whole processes: what they use, as the kernel counts it for each of them and its children."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

# Freqtrade without the start-up hook of Perpkit, as where it is not installed.
STOCK = {"PERPKIT_PLUGINS": "0"}


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
    """
    with TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=output,
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)  # it has been waited for
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Usage(process.returncode, used.ru_utime, used.ru_maxrss / 1024, text)

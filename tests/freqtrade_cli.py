"""Running stock Freqtrade commands as a user would: in a subprocess of this environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def run_freqtrade(
    args: Sequence[str | Path], timeout: float = 120, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """`freqtrade ARGS` with its output captured (stderr in stdout, as on a terminal).

    :param timeout: seconds, after which the command is killed
    :raises subprocess.TimeoutExpired: with the output so far
    """
    return subprocess.run(
        [sys.executable, "-m", "freqtrade", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        cwd=cwd,
        # Wide enough that no line of a log is broken.
        env={**os.environ, "COLUMNS": "2000"},
        check=False,
    )

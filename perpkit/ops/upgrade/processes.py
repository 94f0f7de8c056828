"""Commands in a bare environment, which leave no process behind, whatever ends them."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

# Settings of Freqtrade and Perpkit, keys among them.
_SETTINGS = ("FREQTRADE__", "PERPKIT_")
# With these, pip would install elsewhere than in the environment whose Python it is.
_ELSEWHERE = ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER")
_LOOPBACK = "127.0.0.1,localhost"
_ENDING = (signal.SIGTERM, signal.SIGHUP)


def bare_environment() -> dict[str, str]:
    """Returns the environment without settings of Freqtrade and Perpkit, keys among them.

    The loopback is reached without a proxy, and pip installs where its Python is.
    """
    left_out = (*_SETTINGS, *_ELSEWHERE)
    found = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    direct = found.get("no_proxy") or found.get("NO_PROXY")
    direct = f"{direct},{_LOOPBACK}" if direct else _LOOPBACK
    return {**found, "no_proxy": direct, "NO_PROXY": direct}


def run(command: Sequence[str], folder: Path, within: float) -> subprocess.CompletedProcess[str]:
    """Runs a command; when this returns or raises, no process of its group is left.

    :param folder: where it runs, and for its temporary files
    :param within: seconds
    :raises subprocess.TimeoutExpired: if it takes longer
    """
    with subprocess.Popen(  # noqa: S603
        command,
        cwd=folder,
        env={**bare_environment(), "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",  # compilers have words of any encoding
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=within)
        finally:
            # What it has started is in its group, such as a bot.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """In the block, SIGTERM and SIGHUP raise SystemExit, so that `finally` clauses are done."""

    def end(number: int, _frame: FrameType | None) -> None:
        for each in default:
            signal.signal(each, signal.SIG_IGN)
        raise SystemExit(128 + number)

    # What is ignored, as SIGHUP by nohup, goes on being ignored.
    default = [each for each in _ENDING if signal.getsignal(each) is signal.SIG_DFL]
    for each in default:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in default:
            signal.signal(each, signal.SIG_DFL)

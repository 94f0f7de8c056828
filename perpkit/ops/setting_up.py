"""`make setup`: pip's hundred packages on one line that moves, in place of minutes of silence.

It runs before anything is installed, and so uses the standard library only.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import deque
from collections.abc import Iterable

_STEP = re.compile(r"\s*(Collecting|Downloading|Building|Installing) (.*)")
_OPTIONS = ("--disable-pip-version-check", "--progress-bar=off")
_SHOWN, _KEPT = 79, 40


def main(arguments: list[str]) -> int:
    """Runs `pip install ARGUMENTS`.

    :return: pip's exit code, 130 after Ctrl-C
    """
    command = [sys.executable, "-m", "pip", "install", *_OPTIONS, *arguments]
    out = sys.stdout
    try:
        with subprocess.Popen(  # noqa: S603
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as pip:
            tail = followed(pip.stdout or (), shown=out.isatty())
    except KeyboardInterrupt:
        print(
            "\r\x1b[KStopped. The same command goes on from here." if out.isatty() else "Stopped."
        )
        return 130
    if pip.returncode:
        print("".join(tail), end="")
    return pip.returncode


def followed(lines: Iterable[str], *, shown: bool) -> deque[str]:
    """Shows where pip is and returns the last lines that it printed.

    :param shown: whether to show it, as on a terminal
    """
    tail, packages = deque[str](maxlen=_KEPT), 0
    for line in lines:
        tail.append(line)
        if shown and (step := _STEP.match(line)):
            packages += step[1] == "Collecting"
            print(
                f"\r\x1b[K{f'{packages} packages: {step[0].strip()}'[:_SHOWN]}", end="", flush=True
            )
    if shown:
        print("\r\x1b[K", end="", flush=True)
    return tail


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

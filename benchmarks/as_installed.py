"""Runs a command as if the checkout on PYTHONPATH were installed, without the network.

`PYTHONPATH=DIR PERPKIT_PLUGINS=0 python -P benchmarks/as_installed.py freqtrade ...`, or
`perpkit ...`. The start-up hook and the console script in the environment belong to the checkout
that was installed there, and may name modules that another checkout has elsewhere. So both are
taken from the checkout on PYTHONPATH. Freqtrade's markets come from `benchmarks.offline` of the
checkout that this file is in.
"""

from __future__ import annotations

import os
import pkgutil
import runpy
import sys
import tomllib
from pathlib import Path

import perpkit

OURS = Path(__file__).resolve().parents[1]
PACKAGE = Path(perpkit.__file__).resolve().parent
NETWORK = {"socket.connect", "socket.getaddrinfo"}


def refuse_network(event: str, args: tuple[object, ...]) -> None:
    if event in NETWORK:
        raise PermissionError(
            f"a command that is compared must not use the network: {event} {args}"
        )


def start_hook() -> None:
    """Runs the checkout's .pth, as Python does at its start where that checkout is installed."""
    # The environment's own hook has already run, and did nothing because of this variable.
    os.environ.pop("PERPKIT_PLUGINS", None)
    (pth,) = PACKAGE.rglob("perpkit.pth")
    exec(pth.read_text(), {})


def main() -> None:
    sys.addaudithook(refuse_network)
    start_hook()
    command = sys.argv.pop(1)
    if command == "freqtrade":
        # `perpkit` is imported already, so that this path only provides `benchmarks` and `tests`.
        sys.path.insert(0, str(OURS))
        runpy.run_module("benchmarks.offline", run_name="__main__")
    else:
        project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
        sys.argv[0] = command
        pkgutil.resolve_name(project["scripts"][command])()


if __name__ == "__main__":
    main()

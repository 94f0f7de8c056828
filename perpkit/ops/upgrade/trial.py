"""What is looked at in the environment with the other Freqtrade: `python -m` this module, there.

It writes the findings as JSON, which `perpkit.ops.upgrade.trying` reads.
"""

from __future__ import annotations

import json
import logging
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from perpkit.ops.doctor import discovery, seams
from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok
from perpkit.ops.doctor.registry import Check
from perpkit.ops.doctor.run import run
from perpkit.ops.passed import passed_or_why
from perpkit.ops.upgrade.environment import STAY


def installed(_context: Context) -> Iterator[Finding]:
    passed, last = passed_or_why()
    versions = {name: metadata.version(name) for name in ("freqtrade", "ccxt", "perpkit")}
    if passed is not None:
        last = (
            f"contracts and rehearsal last passed with Freqtrade {passed.freqtrade} and ccxt "
            f"{passed.ccxt}"
        )
    yield ok(
        f"Freqtrade {versions['freqtrade']}, ccxt {versions['ccxt']}, Perpkit "
        f"{versions['perpkit']} and Python {platform.python_version()}; {last}"
    )


def rehearsed(_context: Context) -> Iterator[Finding]:
    from perpkit.ops.upgrade.rehearsal import RehearsalFailedError, rehearsal

    # What a bot leaves goes with the environment.
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        try:
            for step in rehearsal(Path(folder)):
                yield ok(step)
        except RehearsalFailedError as error:
            yield fail(str(error), STAY)


CHECKS = (
    Check("installed", installed),
    Check("discovery", discovery.check),
    Check("contracts", seams.check),
    Check("rehearsal", rehearsed),
)


def main(out: Path) -> None:
    """:param out: written at the end, a list of findings"""
    logging.disable(logging.CRITICAL)
    context = Context(datetime.now(UTC), [], "no configuration is read")
    out.write_text(json.dumps([asdict(each) for each in run(CHECKS, context)]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

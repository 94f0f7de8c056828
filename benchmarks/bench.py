"""`make bench`: what runs cost, as tables and JSON.

    python -m benchmarks.bench [NAME...] [--rounds N] [--quick] [--json FILE]

Figures are user CPU. Ratios are those of medians of one run, whose rounds run all variants in turn.
Real candles of `../shared/data`. Without names, all benchmarks run. FILE keeps the tables of
earlier runs but those that run again; what `--quick` measures takes the place of no other figure.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.backtests import candles
from benchmarks.growth import GROWING, growth
from benchmarks.limits import limits
from benchmarks.measured import Scale, Table
from benchmarks.running import live_cycle, start_up
from benchmarks.webhook import webhook
from benchmarks.whole_backtests import acceleration, full_stack, hyperopt, layer

BENCHMARKS: dict[str, Callable[[Scale], Table]] = {
    "start_up": start_up,
    "acceleration": acceleration,
    "layer": layer,
    "full_stack": full_stack,
    "hyperopt": hyperopt,
    **{f"growth_{what}": partial(growth, what) for what in GROWING},
    "limits": limits,
    "live_cycle": live_cycle,
    "webhook": webhook,
}
# Names of several.
TOGETHER = {"growth": tuple(f"growth_{what}" for what in GROWING)}
NAMES = (*BENCHMARKS, *TOGETHER)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="one round, short ranges")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in NAMES]:
        parser.error(f"NAME must be one of {', '.join(NAMES)}, got {unknown[0]}")
    if given.rounds < 1:
        parser.error(f"--rounds must be at least 1, got {given.rounds}")
    try:
        found = earlier(given.json)
    except ValueError as error:
        parser.error(str(error))
    candles()  # or it says what is missing
    scale = Scale(1, quick=True) if given.quick else Scale(given.rounds)
    for name in chosen(given.names):
        began = time.monotonic()
        table = BENCHMARKS[name](scale)
        print(f"\n{table}", flush=True)
        print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        found[f"{name}, quick" if scale.quick else name] = {"about": about(scale), **asdict(table)}
        if given.json:  # after each: a long run may be interrupted
            given.json.parent.mkdir(parents=True, exist_ok=True)
            given.json.write_text(json.dumps({"tables": found}, indent=1))


def chosen(names: Sequence[str]) -> list[str]:
    """The benchmarks of these names, each once; all without names."""
    each = [one for name in names for one in TOGETHER.get(name, (name,))]
    return list(dict.fromkeys(each)) or list(BENCHMARKS)


def earlier(file: Path | None) -> dict[str, dict[str, Any]]:
    """The tables that a file has already, by name, each with what it is about.

    :raises ValueError: naming the file, if it is none of this module's
    """
    if file is None or not file.exists():
        return {}
    try:
        written = json.loads(file.read_text())
        tables: dict[str, dict[str, Any]] = written.pop("tables")
        # Files once had one `about` for all of their tables.
        return {name: {"about": written, **table} for name, table in tables.items()}
    except (ValueError, AttributeError, KeyError, TypeError, OSError) as error:
        raise ValueError(
            f"--json must be a new file, or one that bench has written, got {file} ({error!r})"
        ) from error


def about(scale: Scale) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": asdict(scale),
        "python": platform.python_version(),
        "freqtrade": version("freqtrade"),
        "machine": platform.machine(),
    }


if __name__ == "__main__":
    main()

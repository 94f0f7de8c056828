"""Days of a live bot at the venue, in virtual time, with seeded faults of every kind: memory, files
and log must not grow, positions keep their stops, and the books stay equal."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.endurance.report import as_json, table, troubles
from tests.endurance.run import Asked, run

# The bot writes its files in every cycle; no disk has to wait for each.
_MEMORY = Path("/dev/shm")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("--days", type=float, default=10, help="virtual ones, 0.05 to 365")
    parser.add_argument("--throttle", type=float, default=5, help="seconds between cycles, 1 to 60")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="end after so many of real time")
    parser.add_argument("--sampled", type=float, default=12, help="virtual hours between samples")
    parser.add_argument("--db-url", help="of an empty database in place of SQLite")
    parser.add_argument("--out", type=Path, default=Path("soak/endurance"))
    given = parser.parse_args()
    for name, least, most in (("days", 0.05, 365), ("throttle", 1, 60), ("sampled", 0.1, 240)):
        if not least <= getattr(given, name) <= most:
            parser.error(f"--{name} must be {least} to {most}, got {getattr(given, name):g}")
    if given.minutes is not None and not given.minutes > 0:
        parser.error(f"--minutes must be above 0, got {given.minutes:g}")
    asked = Asked(
        given.seed,
        given.days,
        given.throttle,
        timedelta(hours=given.sampled),
        given.minutes,
        given.db_url,
    )
    given.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(
        prefix="endurance-", dir=_MEMORY if _MEMORY.is_dir() else None
    ) as folder:
        found = run(asked, Path(folder), _say)
    name = f"{given.throttle:g}s-{given.seed}"
    (given.out / f"{name}.json").write_text(json.dumps(as_json(found), indent=1) + "\n")
    (given.out / f"{name}.md").write_text(table(found))
    print(table(found))
    wrong = troubles(found)
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Days of a live bot at the venue, in virtual time, with seeded faults of every kind: memory, files
and log must not grow, positions keep their stops, and the books stay equal."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from perpkit.files.whole_file import put
from tests.endurance.report import as_json, table, troubles
from tests.endurance.run import Asked, Run, run

# The bot writes its files in every cycle; no disk has to wait for each.
_MEMORY = Path("/dev/shm")


@contextmanager
def _ended_by_a_signal() -> Iterator[Event]:
    """SIGTERM and SIGHUP set it; a second one ends the process."""
    enough, ending = Event(), (signal.SIGTERM, signal.SIGHUP)
    # What is ignored, as SIGHUP by nohup, goes on being ignored.
    default = [each for each in ending if signal.getsignal(each) is signal.SIG_DFL]

    def end(*_: object) -> None:
        for each in default:
            signal.signal(each, signal.SIG_DFL)
        enough.set()

    for each in default:
        signal.signal(each, end)
    try:
        yield enough
    finally:
        for each in default:
            signal.signal(each, signal.SIG_DFL)


def main(arguments: Sequence[str]) -> int:
    """0 when the run has shown that all is well."""
    parser = argparse.ArgumentParser(prog="python -m tests.endurance", description=__doc__)
    parser.add_argument("--days", type=float, default=10, help="virtual ones, 0.05 to 365")
    parser.add_argument("--throttle", type=float, default=5, help="seconds between cycles, 1 to 60")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="end after so many of real time")
    parser.add_argument("--sampled", type=float, default=12, help="virtual hours between samples")
    parser.add_argument("--db-url", help="of an empty database in place of SQLite")
    parser.add_argument("--out", type=Path, default=Path("soak/endurance"))
    given = parser.parse_args(arguments)
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
    name = f"{given.throttle:g}s-{given.seed}"

    def keep(found: Run) -> None:
        put(given.out / f"{name}.json", f"{json.dumps(as_json(found), indent=1)}\n".encode())

    def look(found: Run) -> None:
        """A run that is cut short leaves what it had found."""
        keep(found)
        with suppress(OSError):  # the terminal may have gone, with SIGHUP
            print(*found.samples[-1:], *found.unread, sep="\n", file=sys.stderr, flush=True)

    memory = _MEMORY if _MEMORY.is_dir() else None
    with (
        _ended_by_a_signal() as enough,
        TemporaryDirectory(prefix="endurance-", dir=memory) as folder,
    ):
        found = run(asked, Path(folder), look, enough)
    keep(found)
    put(given.out / f"{name}.md", table(found).encode())
    print(table(found))
    wrong = troubles(found)
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

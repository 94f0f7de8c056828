"""What a wide market costs: `python benchmarks/venue_wide.py [COUNT]` (200).

Starts `perpkit venue --days 90` with five contracts and with COUNT, each in a process of its own,
and prints the time until it listens, its memory, and the time of requests that concern all symbols.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import sysconf
from pathlib import Path
from statistics import median

import httpx

ALL_SYMBOLS = (
    "/fapi/v1/exchangeInfo",
    "/fapi/v1/ticker/24hr",
    "/fapi/v1/ticker/price",
    "/fapi/v1/ticker/bookTicker",
    "/fapi/v1/premiumIndex",
    "/fapi/v1/fundingRate?limit=1000",
    "/fapi/v1/fundingInfo",
)
EACH_SYMBOL = (
    "/fapi/v1/klines?symbol={}&interval=5m&limit=499",
    "/fapi/v1/klines?symbol={}&interval=1h&limit=499",
    "/fapi/v1/markPriceKlines?symbol={}&interval=1h&limit=499",
    "/fapi/v1/fundingRate?symbol={}&limit=1000",
    "/fapi/v1/depth?symbol={}&limit=100",
    "/futures/data/globalLongShortAccountRatio?symbol={}&period=1h&limit=500",
    "/futures/data/openInterestHist?symbol={}&period=1h&limit=500",
)
REPEATS = 5


def memory_mb(pid: int, field: str) -> float:
    """Memory of a process, MB.

    :param field: VmRSS for the current size, VmHWM for the peak
    """
    text = Path(f"/proc/{pid}/status").read_text()
    found = re.search(rf"{field}:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else 0.0


@contextmanager
def venue(*options: str) -> Iterator[tuple[int, str, float]]:
    """Runs `perpkit venue`; yields its process id, its URL and the seconds until it listened."""
    began = time.perf_counter()
    command = [sys.executable, "-c", "from perpkit.cli import main; main()", "venue", "--port", "0"]
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line.startswith("venue listening on "):
            raise RuntimeError(f"the venue has not started: {line!r}")
        yield process.pid, line.split()[-1], time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(timeout=30)


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / sysconf("SC_CLK_TCK")


def milliseconds(work: Callable[[], None]) -> tuple[float, float]:
    """Duration of the first call of `work`, and the median of the later ones."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        times.append((time.perf_counter() - began) * 1000)
    return times[0], median(times[1:])


def measured(count: int) -> dict[str, tuple[float, float]]:
    with (
        venue("--count", str(count), "--days", "90") as (pid, url, start),
        httpx.Client(base_url=url, timeout=60) as client,
    ):

        def ask(target: str) -> list[dict[str, str]]:
            answer = client.get(target)
            answer.raise_for_status()
            found: list[dict[str, str]] = answer.json()
            return found

        cpu, peak = cpu_seconds(pid), memory_mb(pid, "VmHWM")
        figures = {"start, s": (start, start), "start, s of CPU": (cpu, cpu)}
        figures |= {"peak memory at start, MB": (peak, peak)}
        symbols = [row["symbol"] for row in ask("/fapi/v1/ticker/price")]
        figures["symbols with a price"] = (len(symbols), len(symbols))
        for target in ALL_SYMBOLS:
            figures[target] = milliseconds(lambda target=target: ask(target))

        def each(target: str) -> None:
            for symbol in symbols:
                ask(target.format(symbol))

        for target in EACH_SYMBOL:
            figures[target] = milliseconds(lambda target=target: each(target))
        peak = memory_mb(pid, "VmHWM")
        figures["peak memory, MB"] = (peak, peak)
        return figures


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    few, many = measured(5), measured(count)
    print("Milliseconds of the first request and of later ones; with {}: one for each symbol.\n")
    print(f"{'':72} {'5 contracts':>15} {f'{count} contracts':>17} {'ratio':>6}")
    for name, (first, later) in many.items():
        small, usual = few[name]
        shown = f"{name:72} {small:7.0f} {usual:7.0f} {first:9.0f} {later:7.0f}"
        print(f"{shown} {later / usual:6.1f}")


if __name__ == "__main__":
    main()

"""Checks each contract with the installed Freqtrade on the spot: see `perpkit.bot.seams`."""

from __future__ import annotations

from collections.abc import Iterator

from perpkit.ops.doctor.context import Context
from perpkit.ops.doctor.finding import Finding, fail, ok


def check(_context: Context) -> Iterator[Finding]:
    from importlib import metadata

    from perpkit.bot import seams

    version = metadata.version("freqtrade")
    broken = list(seams.broken())
    for wrong in broken:
        yield fail(
            f"Freqtrade {version} is not what Perpkit is written for: {wrong}",
            "install a tested Freqtrade: pip install 'perpkit[tested]'; until then no live trading",
        )
    if not broken:
        yield ok(f"{seams.count()} contracts hold with Freqtrade {version}")

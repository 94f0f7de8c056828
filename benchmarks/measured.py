"""What the benchmarks of `make bench` measure, and the tables that they return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import median
from typing import Any


@dataclass(frozen=True)
class Measured:
    """
    :param user_s: user CPU
    :param work: how much was done: trades, or epochs
    :param peak_mb: of memory, where a whole process was measured
    """

    user_s: float
    work: int = 0
    peak_mb: float = 0.0


@dataclass(frozen=True)
class Scale:
    """How much is measured.

    :param rounds: each runs all variants of a comparison, in turn
    :param quick: short ranges, to see that it works
    """

    rounds: int = 3
    quick: bool = False


@dataclass
class Table:
    """
    :param rows: cells by column; numbers are kept as they are for JSON
    :param raw: every measurement, by name
    """

    title: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""
    raw: dict[str, list[Any]] = field(default_factory=dict)

    def __str__(self) -> str:
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        lines = [
            f"### {self.title}\n",
            f"| {' | '.join(columns)} |",
            "|---|" + "---:|" * (len(columns) - 1),
            *(f"| {' | '.join(shown(row.get(name, '')) for name in columns)} |"
              for row in self.rows),
        ]  # fmt: skip
        return "\n".join([*lines, f"\n{self.note}"] if self.note else lines)


def shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:.0f}"
    return str(value)


@dataclass(frozen=True)
class Found:
    """Medians of the rounds."""

    user_s: float
    work: int
    peak_mb: float


def interleaved(
    table: Table, label: str, runs: Mapping[str, Callable[[], Measured]], rounds: int
) -> dict[str, Found]:
    """Runs all variants in turn, `rounds` times; the raw measurements go to the table."""
    measured: dict[str, list[Measured]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            measured[name].append(run())
    for name, several in measured.items():
        table.raw[f"{label}, {name}"] = [vars(one) for one in several]
    return {
        name: Found(
            median(one.user_s for one in several), several[0].work,
            max(one.peak_mb for one in several),
        )
        for name, several in measured.items()
    }  # fmt: skip

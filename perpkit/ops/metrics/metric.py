"""How a metric is declared: its name, its labels, and how its values follow from a state file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from perpkit.record.state import State

# Values by labels; None for one that the bot does not know.
Values = Iterable[tuple[tuple[str, ...], float | None]]


@dataclass(frozen=True)
class Metric:
    """A metric of one bot.

    :param name: as Prometheus has it, with its unit, and with `_total` for a counter
    :param text: what it says, for `# HELP`
    :param values: of a state at a time; a label has one value each
    :param part: the part of the state that it reads; it has no values while that part is null
    :param labels: besides `bot`
    """

    name: str
    text: str
    values: Callable[[State, datetime], Values]
    part: str = ""
    labels: tuple[str, ...] = ()

    @property
    def is_counter(self) -> bool:
        return self.name.endswith("_total")

    def of(self, state: State, now: datetime) -> dict[tuple[str, ...], float | None]:
        """Returns the values by labels, of which there is one each."""
        if self.part and getattr(state, self.part) is None:
            return {}
        return dict(self.values(state, now))


def one(value: float | None) -> Values:
    """A metric without labels."""
    return [((), value)]


def by(counts: Mapping[str, float]) -> Values:
    """A metric with one label."""
    return [((label,), value) for label, value in counts.items()]


def which(value: str, among: Iterable[str]) -> Values:
    """A state: 1 for the present one, 0 for each other."""
    return [((each,), float(each == value)) for each in dict.fromkeys((*among, value))]


def seconds(moment: datetime | None) -> float | None:
    """Since 1970 UTC."""
    return None if moment is None else moment.timestamp()

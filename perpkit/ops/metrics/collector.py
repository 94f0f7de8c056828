"""Prometheus' collector over state files, which are read at each scrape.

A figure is exported only while its bot writes: of a file that is old, missing or damaged there is
that it is so, and nothing of what it once said. A bot whose file cannot be read takes nothing from
the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from perpkit.ops.metrics import of_account, of_bot, of_exchange
from perpkit.ops.metrics.metric import Metric
from perpkit.record.state import State
from perpkit.record.state_file import (
    DamagedStateError,
    MissingStateError,
    NewerSchemaError,
    StaleStateError,
    StateFileError,
    read_fresh,
)

logger = logging.getLogger(__name__)

METRICS: tuple[Metric, ...] = (
    *of_bot.METRICS,
    *of_exchange.METRICS,
    *of_account.METRICS,
)
# Parts of a state file that can be null, `passive` of which says something by that.
PARTS = tuple(
    name
    for name, field in State.model_fields.items()
    if not field.is_required() and field.default is None and name != "passive"
)
UP, AGE, ERROR = "perpkit_state_up", "perpkit_state_age_seconds", "perpkit_state_error"
PART_MISSING, UNKNOWN = "perpkit_state_part_missing", "perpkit_unknown_values"
# What is exported besides, by name, with its labels and what it says.
OF_FILE: dict[str, tuple[tuple[str, ...], str]] = {
    UP: ((), "1 if the bot's state file is fresh; of another there are no figures."),
    AGE: ((), "Since the file was written; none where it cannot be read."),
    ERROR: (("reason",), "1 for what is wrong with the file."),
    PART_MISSING: (("part",), "1 for a part that the file does not have at present."),
    UNKNOWN: (("metric",), "How many values of the metric the bot does not know at present."),
}
_REASONS: dict[type[StateFileError], str] = {
    MissingStateError: "missing",
    StaleStateError: "stale",
    NewerSchemaError: "newer",
    DamagedStateError: "damaged",
}
_OTHER = "unreadable"

_Family = GaugeMetricFamily | CounterMetricFamily


class Bot(NamedTuple):
    """
    :param name: its label
    :param state: its state file
    """

    name: str
    state: Path


class _Sample(NamedTuple):
    """
    :param name: of the metric
    """

    name: str
    labels: list[str]
    value: float


class StateCollector(Collector):
    """
    :param bots: with different names
    """

    def __init__(
        self, bots: Sequence[Bot], now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._bots = tuple(bots)
        self._now = now

    def describe(self) -> list[_Family]:
        """Nothing is read when the collector is registered."""
        return []

    def collect(self) -> Iterator[_Family]:
        families = {
            metric.name: _family(metric.name, metric.text, metric.labels) for metric in METRICS
        } | {name: _family(name, text, labels) for name, (labels, text) in OF_FILE.items()}
        for bot in self._bots:
            self._add(bot, families)
        yield from families.values()

    def _add(self, bot: Bot, families: dict[str, _Family]) -> None:
        now, wrong = self._now(), ""
        samples: list[_Sample] = []
        try:
            samples += _samples(bot.name, read_fresh(bot.state, now), now)
        except StaleStateError as error:
            families[AGE].add_metric([bot.name], error.state.age_seconds(now))
            wrong = _REASONS[StaleStateError]
        except StateFileError as error:
            wrong = _REASONS.get(type(error), _OTHER)
        except Exception:  # of this file only
            logger.exception(f"The state file of {bot.name} cannot be read.")
            wrong = _OTHER
        families[UP].add_metric([bot.name], float(not wrong))
        for reason in (*_REASONS.values(), _OTHER):
            families[ERROR].add_metric([bot.name, reason], float(reason == wrong))
        for sample in samples:
            families[sample.name].add_metric(sample.labels, sample.value)


def _samples(bot: str, state: State, now: datetime) -> list[_Sample]:
    found = [_Sample(AGE, [bot], state.age_seconds(now))]
    for part in PARTS:
        found.append(_Sample(PART_MISSING, [bot, part], float(getattr(state, part) is None)))
    for metric in METRICS:
        values = metric.of(state, now)
        found += [
            _Sample(metric.name, [bot, *labels], float(value))
            for labels, value in values.items()
            if value is not None
        ]
        unknown = sum(value is None for value in values.values())
        found.append(_Sample(UNKNOWN, [bot, metric.name], unknown))
    return found


def _family(name: str, text: str, labels: Sequence[str]) -> _Family:
    kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
    return kind(name, text, labels=["bot", *labels])


def registry(bots: Sequence[Bot]) -> CollectorRegistry:
    """Returns a registry that has these bots and nothing else."""
    found = CollectorRegistry(auto_describe=False)
    found.register(StateCollector(bots))
    return found

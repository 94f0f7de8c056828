"""Says in the log what makes the cycles of a bot slow, once an hour at most.

What each function of the strategy takes is measured in all cycles (`strategy_cost`). After a slow
one, the next analysis of the pair that took longest is measured statement by statement
(`column_cost`), which names the columns.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

from freqtrade.exchange import timeframe_to_seconds

from perpkit.bot.decided import Guard
from perpkit.bot.live.column_cost import ColumnCost, Statement, files_of
from perpkit.bot.live.replaced import around
from perpkit.bot.live.strategy_cost import PAIR, Cost, Costs, StrategyCost

logger = logging.getLogger(__name__)

SHARE = 0.1
EVERY = timedelta(hours=1)
# Functions and statements that a line names, the slowest first; others below this part of all.
NAMED = 6
LEAST = 0.01
NOT_MEASURED = "What makes cycles slow could not be measured. Trading goes on."
# Freqtrade's default of process_throttle_secs.
_THROTTLE_SECONDS = 5.0


def name_slow_cycles(bot: Any) -> None:
    """Measures the cycles of a bot that is being started; its first one completes the strategy."""
    guarded, slow, began = Guard(NOT_MEASURED), None, False

    def cycle(process: Callable[[], None]) -> None:
        nonlocal slow, began
        if not began:
            began = True
            with guarded():
                slow = SlowCycles(bot.config, bot.strategy)
        try:
            process()
        finally:
            if slow is not None:
                slow.end(datetime.now(UTC))

    around(bot, "bot.process", cycle)


class SlowCycles:
    """
    :param config: of the bot
    :param strategy: whose functions are measured from now on
    :param clock: in seconds
    """

    def __init__(
        self, config: dict[str, Any], strategy: Any, clock: Callable[[], float] = perf_counter
    ) -> None:
        throttle = config.get("internals", {}).get("process_throttle_secs", _THROTTLE_SECONDS)
        frame = timeframe_to_seconds(strategy.timeframe)
        paced = 0 < throttle <= frame  # 0 is a bot that never waits
        seconds, what = (throttle, "throttle") if paced else (frame, "timeframe")
        self._limit = SHARE * seconds
        self._than = f"{SHARE:.0%} of the {what} ({seconds:g} s)"
        self._strategy, self._clock = strategy, clock
        self._cost = StrategyCost(strategy, clock)
        self._said: datetime | None = None
        # The first cycle loads what the later ones have.
        self._first = True
        # The pair whose next analysis is measured by statement.
        self._pair: str | None = None
        self._columns: ColumnCost | None = None
        self._guarded = Guard(NOT_MEASURED)
        self._analyse = strategy.analyze_ticker
        strategy.analyze_ticker = self._analyze_ticker

    def end(self, now: datetime) -> None:
        """At the end of a cycle. Never raises."""
        with self._guarded():
            costs = self._cost.taken()
            self._say_columns()
            if self._first:
                self._first = False
            elif costs.analysis + costs.callbacks > self._limit and self._is_due(now):
                self._said = now
                logger.warning(slow_line(costs, self._than))
                slowest = costs.of.get(PAIR)
                self._pair = slowest.pair if slowest else None

    def _is_due(self, now: datetime) -> bool:
        return self._said is None or now - self._said >= EVERY

    def _analyze_ticker(self, dataframe: Any, metadata: dict[str, Any]) -> Any:
        if self._pair is None or metadata.get("pair") != self._pair:
            return self._analyse(dataframe, metadata)
        self._pair = None
        self._columns = ColumnCost(files_of(type(self._strategy)), self._clock)
        with self._columns.measured():
            return self._analyse(dataframe, metadata)

    def _say_columns(self) -> None:
        columns, self._columns = self._columns, None
        if columns is not None and (statements := columns.slowest()):
            logger.warning(columns_line(statements))


def slow_line(costs: Costs, than: str) -> str:
    """The line of a slow cycle.

    :param than: what it is compared with
    """
    pairs = costs.of.get(PAIR, Cost()).calls
    named = ", ".join(_functions(costs))
    return (
        f"Slow cycle: the analysis of {pairs} pairs took {costs.analysis:.3f} s and the callbacks "
        f"{costs.callbacks:.3f} s, more than {than}. It was spent in {named}."
    )


def _functions(costs: Costs) -> Iterator[str]:
    least = LEAST * (costs.analysis + costs.callbacks)
    for name, each in sorted(costs.named().items(), key=lambda item: -item[1].seconds)[:NAMED]:
        if each.seconds >= least:
            yield f"{name} {each.seconds:.3f} s{_calls(each)}"


def _calls(cost: Cost) -> str:
    if cost.calls < 2:
        return f" ({cost.pair})" if cost.pair else ""
    slowest = f", at most {cost.slowest:.3f} s for {cost.pair}" if cost.pair else ""
    return f" ({cost.calls} calls{slowest})"


def columns_line(statements: list[Statement]) -> str:
    """The line of the columns: the statements of one analysis, the slowest first."""
    total = sum(each.seconds for each in statements)
    named = ", ".join(
        f"{_columns(each)}{each.seconds * 1000:.1f} ms ({each.file}:{each.line})"
        for each in statements[:NAMED]
        if each.seconds >= LEAST * total
    )
    return f"Columns that take longest in an analysis of {total * 1000:.1f} ms: {named}."


def _columns(statement: Statement) -> str:
    names = statement.columns
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{', '.join(names[:3])}{more} " if names else "(no new column) "

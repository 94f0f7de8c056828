"""What a running bot knows of itself, as the state file has it: `state_file` writes and reads it.

docs/state_file.md has every field. A field that is added keeps the schema's number, for readers
skip what they do not know; one that changes its meaning, or goes, raises it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime

from perpkit.record.state_holdings import Account, Position, Waiting
from perpkit.record.state_part import StatePart
from perpkit.record.state_running import (
    Candles,
    FailedCallback,
    Failing,
    Journal,
    Loop,
    Model,
    Requests,
    Slippage,
    Versions,
)
from perpkit.record.state_trading import (
    Latch,
    Lock,
    Reconciliation,
    Refusals,
    Trading,
)

SCHEMA = 1
# How many cycles may be missing before a file is stale, and how long Freqtrade waits after one that
# failed.
_CYCLES = 3
_PAUSE_SECONDS = 30.0


class State(StatePart):
    """The whole file. A part that is null is not there in this bot, or is named in `missing`.

    :param schema_number: of this table
    :param written_at: when the file was written
    :param pid: of the process, inside its container
    :param started_at: when the bot was made, or its configuration read again
    :param strategy: its name
    :param mode: `dry-run` or `live`
    :param bot_state: `running`, `paused`, `stopped` or `reload_config`
    :param passive: why it opens, moves and cancels nothing at all; null where it acts
    :param throttle_seconds: how far apart cycles begin
    :param versions: of what runs
    :param loop: how the cycles go; null before the first has ended
    :param trading: what the bot may do, and why not more
    :param locks: of Freqtrade, as `/locks` shows them
    :param latch: the operator's stop latch
    :param positions: open trades that hold something, and their stops
    :param entries: entry orders that are open
    :param account: what the bot has, holds and risks
    :param requests: limits of the exchange, and orders that failed; null at another exchange
    :param candles: how new the analysed candles are
    :param slippage: what entries cost against the estimate
    :param failed_callbacks: by name
    :param failing: what the guard cannot do at present
    :param refusals: entries that were refused
    :param reconciliation: the database and the exchange compared
    :param parts_off: which parts are off, and why
    :param journal: of orders
    :param model: the learned model; null where the strategy has none
    :param missing: parts that could not be collected, and why
    """

    schema_number: int = SCHEMA
    written_at: AwareDatetime
    pid: int
    started_at: AwareDatetime
    strategy: str
    mode: Literal["dry-run", "live"]
    bot_state: str
    passive: str | None = None
    throttle_seconds: float
    versions: Versions
    loop: Loop | None = None
    trading: Trading | None = None
    locks: tuple[Lock, ...] | None = None
    latch: Latch | None = None
    positions: tuple[Position, ...] | None = None
    entries: tuple[Waiting, ...] | None = None
    account: Account | None = None
    requests: Requests | None = None
    candles: Candles | None = None
    slippage: Slippage | None = None
    failed_callbacks: dict[str, FailedCallback] | None = None
    failing: tuple[Failing, ...] | None = None
    refusals: Refusals | None = None
    reconciliation: Reconciliation | None = None
    parts_off: tuple[str, ...] | None = None
    journal: Journal | None = None
    model: Model | None = None
    missing: dict[str, str] = {}

    def age_seconds(self, now: datetime) -> float:
        return (now - self.written_at).total_seconds()

    @property
    def stops_missing(self) -> int | None:
        """How many positions are not covered by their stops; None where that is not known."""
        if self.positions is None:
            return None
        return sum(not position.covered for position in self.positions)

    @property
    def stale_after_seconds(self) -> float:
        """A few cycles, as long as they have been, and the pause after one that failed."""
        longest = self.loop.max_seconds if self.loop else 0.0
        return _CYCLES * max(self.throttle_seconds, longest) + _PAUSE_SECONDS

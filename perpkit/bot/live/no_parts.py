"""The parts of a running bot where there is none: in backtests, hyperopt and plots.

They are apart from `perpkit.bot.live.running_parts`, because importing that takes a backtest a
quarter of a second.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from typing import TYPE_CHECKING, Any

from freqtrade.persistence import Order, Trade

from perpkit.bot.candles.candle_columns import CandleColumns
from perpkit.bot.refusals import Why
from perpkit.bot.watching.watch import Watch

if TYPE_CHECKING:  # of a running bot only
    from perpkit.bot.live.obstacles import Obstacles
    from perpkit.bot.live.state_writer import Report


class NoParts:
    """Every method returns what Freqtrade would do without the parts."""

    def __init__(self) -> None:
        self.lock: AbstractContextManager[Any] = nullcontext()
        self.obstacles: Obstacles | None = None
        self.guarded = False
        # Name of the exchange if the guard and the memory of orders do not support it.
        self.unknown_exchange: str | None = None
        # What was switched off, one message each.
        self.parts_off: tuple[str, ...] = ()

    def close(self) -> None:
        """Releases files when the bot ends or is created again; records an error that ends it."""

    def report(self, name: str, report: Report) -> None:
        """Adds a part to the state file of a running bot."""

    def follow(self, watch: Watch, now: datetime) -> None:
        """Starts restricting the watch by the stop latch and by crash loops."""

    def latched(self) -> Why | None:
        """Returns why the operator has stopped all entries; None if the stop latch is clear."""
        return None

    def awaits_positioning(self, pair: str) -> bool:
        """Whether the pair's readings are still to be asked for, for the first time."""
        return False

    def step(self, now: datetime) -> None:
        """Runs the parts that work once per loop."""

    def refusal(
        self, pair: str, side: str, amount: float, now: datetime, columns: CandleColumns | None
    ) -> Why | None:
        """Returns why this entry must not be made now, or None.

        :param columns: analysed candles of the pair, with `close` and `vol_1h`
        """
        return None

    def entry_price(self, pair: str, proposed: float, tag: str | None) -> float:
        """Returns the price of an entry, for `custom_entry_price`."""
        return proposed

    def entry_timed_out(
        self, trade: Trade, order: Order, now: datetime, blocked: str | None
    ) -> bool:
        """Whether the order must end and its fills be kept, for `check_entry_timeout`.

        :param blocked: why entries are blocked, or None
        """
        return blocked is not None

    def rest_stake(
        self, trade: Trade, now: datetime, min_stake: float | None
    ) -> tuple[float, str] | None:
        """Returns the order for the rest of a nearly filled entry, for `adjust_trade_position`."""
        return None

    def order_filled(self, trade: Trade, order: Order) -> None:
        """Remembers what a filled order was compared with."""

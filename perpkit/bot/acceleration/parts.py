"""The parts of the acceleration, in the order in which they are switched on."""

from __future__ import annotations

from perpkit.bot.acceleration.analyzed_frames import FRAMES
from perpkit.bot.acceleration.callback_wrappers import CALLBACKS
from perpkit.bot.acceleration.candle_loop import CANDLES
from perpkit.bot.acceleration.candle_rows import ROWS
from perpkit.bot.acceleration.closed_trades import CLOSED_TRADES
from perpkit.bot.acceleration.drawdown import DRAWDOWNS
from perpkit.bot.acceleration.funding import FUNDING
from perpkit.bot.acceleration.lock_index import LOCKS
from perpkit.bot.acceleration.part import Part
from perpkit.bot.acceleration.period_stats import PERIODS
from perpkit.bot.acceleration.profits import PROFITS
from perpkit.bot.acceleration.ticks import TICKS
from perpkit.bot.acceleration.trade_copies import COPIES

PARTS: tuple[Part, ...] = (
    FUNDING,
    PROFITS,
    TICKS,
    ROWS,
    CANDLES,
    CALLBACKS,
    COPIES,
    LOCKS,
    CLOSED_TRADES,
    DRAWDOWNS,
    FRAMES,
    PERIODS,
)

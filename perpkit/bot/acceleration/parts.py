"""The parts of the acceleration, in the order in which they are switched on."""

from __future__ import annotations

from perpkit.bot.acceleration import (
    analyzed_frames,
    closed_trades,
    drawdown,
    lock_index,
    trade_copies,
)
from perpkit.bot.acceleration.part import Part

PARTS: tuple[Part, ...] = (
    trade_copies.PART,
    lock_index.PART,
    closed_trades.PART,
    drawdown.PART,
    analyzed_frames.PART,
)

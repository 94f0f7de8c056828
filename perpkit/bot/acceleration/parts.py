"""The parts of the acceleration, in the order in which they are switched on."""

from __future__ import annotations

from perpkit.bot.acceleration.candle_loop import CANDLES
from perpkit.bot.acceleration.funding import FUNDING
from perpkit.bot.acceleration.part import Part
from perpkit.bot.acceleration.profits import PROFITS
from perpkit.bot.acceleration.ticks import TICKS

PARTS: tuple[Part, ...] = (FUNDING, PROFITS, TICKS, CANDLES)

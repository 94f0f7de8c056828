"""The parts of the acceleration, in the order in which they are switched on."""

from __future__ import annotations

from perpkit.bot.acceleration.funding import FUNDING
from perpkit.bot.acceleration.part import Part
from perpkit.bot.acceleration.profits import PROFITS

PARTS: tuple[Part, ...] = (FUNDING, PROFITS)

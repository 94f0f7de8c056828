"""The parts of the acceleration, in the order in which they are switched on."""

from __future__ import annotations

from perpkit.bot.acceleration.part import Part

PARTS: tuple[Part, ...] = ()

from PlainSteep import PlainSteep

from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.perp_risk import PerpRisk


class MySteep(PerpRisk, PlainSteep):
    """The same with two parts, named in code."""

    perpkit_parts = frozenset({Part.LEVERAGE, Part.SIZING})

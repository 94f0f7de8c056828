from PlainAveraging import PlainAveraging

from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.perp_risk import PerpRisk


class LimitedAveraging(PerpRisk, PlainAveraging):
    """The same with the limits of the configuration, named by the class."""

    perpkit_parts = frozenset({Part.LIMITS})

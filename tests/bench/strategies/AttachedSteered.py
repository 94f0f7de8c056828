from Steered import Steered

from perpkit.bot.layer.parts import Part
from perpkit.bot.layer.perp_risk import PerpRisk


class AttachedSteered(PerpRisk, Steered):
    """The same with the guard attached, and without breakers."""

    perpkit_parts = frozenset({Part.GUARD})

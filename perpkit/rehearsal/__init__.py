"""Keeps rehearsals at a simulated venue separate from trading at the exchange."""


class RehearsalError(ValueError):
    """Raised when the two would mix; the message names what would mix and how to avoid it."""

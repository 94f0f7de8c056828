"""What keeps rehearsal at a simulated venue apart from trading at the exchange."""


class RehearsalError(ValueError):
    """The two would mix: one sentence that names what, and the way out."""

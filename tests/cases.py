"""How many cases a property is tried with."""

from __future__ import annotations

import os

from hypothesis import settings

# `make soak` looks further.
FACTOR = int(os.environ.get("CASES_FACTOR", "1"))


def cases(count: int) -> settings:
    """For a property whose cases cost little, or much: other properties have Hypothesis' 100."""
    return settings(max_examples=count * FACTOR, deadline=None)

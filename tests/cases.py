"""How much of a test every `make test` runs, and how much only `make soak`."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# A variant of a test that costs seconds, whose fellow is in `make test`.
SLOW = pytest.mark.slow
# `make soak` tries more cases of every property, `make mutants` fewer: see the profile in
# conftest.py for most of them.
FACTOR = float(os.environ.get("CASES_FACTOR", "1"))


# Set by the make targets that are for something which other runs do without.
_REQUIRED = "REQUIRED"


def needs(missing: str) -> pytest.MarkDecorator:
    """Skips where something is not installed; the make target that is for it ends in one line.

    :param missing: what is not installed, and its package; empty where it is there
    """
    if missing and os.environ.get(_REQUIRED):
        pytest.exit(missing, returncode=1)
    return pytest.mark.skipif(bool(missing), reason=missing)


def scaled(count: int) -> int:
    return max(round(count * FACTOR), 1)


def cases(count: int) -> settings:
    """For a property whose cases cost little, or much; others have 60."""
    return settings(max_examples=scaled(count))

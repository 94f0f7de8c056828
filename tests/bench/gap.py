"""Tests of gaps that are there without Perpkit and closed with it."""

from __future__ import annotations

import pytest

from tests.cases import SLOW


def gap(reason: str) -> pytest.MarkDecorator:
    """The test, with `strategy`, fails for Freqtrade alone; it passes with the base strategy, and
    with the guard attached to the same one.

    :param reason: why it fails
    """
    alone = pytest.param("Steered", marks=pytest.mark.xfail(strict=True, reason=reason))
    # The base class takes the same live parts, and most other tests of a live bot are made with it.
    based = pytest.param("GuardedSteered", marks=SLOW)
    return pytest.mark.parametrize("strategy", [alone, based, "AttachedSteered"])

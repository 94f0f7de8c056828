"""Tests of gaps that are there without Perpkit and closed with it."""

from __future__ import annotations

import pytest


def gap(reason: str) -> pytest.MarkDecorator:
    """The test, with `strategy`, fails for Freqtrade alone; it passes with the base strategy, and
    with the guard attached to the same one.

    :param reason: why it fails
    """
    alone = pytest.param("Steered", marks=pytest.mark.xfail(strict=True, reason=reason))
    return pytest.mark.parametrize("strategy", [alone, "GuardedSteered", "AttachedSteered"])

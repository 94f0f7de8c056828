"""Tests of gaps that are there without Perpkit and closed with it."""

from __future__ import annotations

import pytest


def gap(reason: str) -> pytest.MarkDecorator:
    """The test, with `strategy`, fails for Freqtrade alone and passes with the base strategy.

    :param reason: why it fails
    """
    alone = pytest.param("Steered", marks=pytest.mark.xfail(strict=True, reason=reason))
    return pytest.mark.parametrize("strategy", [alone, "GuardedSteered"])

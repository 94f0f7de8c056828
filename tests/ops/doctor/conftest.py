"""Fixtures of the doctor's tests."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench.doctor import SetUp


@pytest.fixture
def set_up(tmp_path, monkeypatch) -> Callable[..., SetUp]:
    """Makes it, in the working directory."""
    monkeypatch.chdir(tmp_path)

    def make(**how: bool) -> SetUp:
        return SetUp(tmp_path, **how)

    return make


@pytest.fixture
def sound(set_up) -> SetUp:
    return set_up()

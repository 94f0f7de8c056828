"""Fixtures of the doctor's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.bench.desk import Desk, Traded, desk, trade
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


@pytest.fixture(scope="session")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Traded:
    return trade(tmp_path_factory.mktemp("desk"))


@pytest.fixture(name="desk")
def own_desk(traded: Traded) -> Iterator[Desk]:
    with desk(traded) as made:
        yield made

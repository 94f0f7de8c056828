"""What the doctor looks at: the files of a bot that has traded, and its exchange."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bench.desk import Desk, Traded, desk, trade


@pytest.fixture(scope="session")
def traded(tmp_path_factory: pytest.TempPathFactory) -> Traded:
    return trade(tmp_path_factory.mktemp("desk"))


@pytest.fixture(name="desk")
def own_desk(traded: Traded) -> Iterator[Desk]:
    with desk(traded) as made:
        yield made

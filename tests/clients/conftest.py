"""One venue for each client; each check has an account of its own there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.desk import Desk, open_desk


@pytest.fixture(scope="module")
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A module with TLS = True talks to it over TLS."""
    with open_desk(tls=getattr(request.module, "TLS", False)) as desk:
        yield desk

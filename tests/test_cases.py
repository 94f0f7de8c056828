"""A make target for something that is not installed fails; other runs skip its tests."""

from __future__ import annotations

import pytest

from tests.cases import needs
from tests.conftest import REPOSITORY

MISSING = "PostgreSQL is not installed (Debian: postgresql)"


def test_what_is_missing_is_skipped_but_by_its_own_target(monkeypatch):
    monkeypatch.delenv("REQUIRED", raising=False)
    assert needs(MISSING).args == (True,)
    assert needs("").args == (False,)
    monkeypatch.setenv("REQUIRED", "1")
    assert needs("").args == (False,)
    with pytest.raises(pytest.exit.Exception, match="Debian: postgresql") as ended:
        needs(MISSING)
    assert ended.value.returncode == 1


@pytest.mark.parametrize("target", ["postgres", "prometheus"])
def test_these_targets_do_not_skip(target):
    lines = (REPOSITORY / "Makefile").read_text().splitlines()
    [line] = [line for line in lines if line.endswith(f"pytest -n 0 tests/{target}")]
    assert line.startswith("\tREQUIRED=1 ")

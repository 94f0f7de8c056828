"""A machine of its own for a test: a key that no other test has."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpkit.record.machine_key import VARIABLE


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the key of this machine, which is not made yet."""
    path = tmp_path / "machine" / "machine.key"
    monkeypatch.setenv(VARIABLE, str(path))
    return path

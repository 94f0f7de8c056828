"""Fixtures of the journal's tests."""

from __future__ import annotations

import pytest

from tests.bench.files import Files, files_of_a_bot


@pytest.fixture
def files(tmp_path) -> Files:
    return files_of_a_bot(tmp_path / "bot")

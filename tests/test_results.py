"""Where the runners of seeded episodes write, in a checkout that has no such folder yet."""

from __future__ import annotations

import sys

import pytest

from tests.emergency.__main__ import main as emergency
from tests.targets.__main__ import main as targets


@pytest.mark.parametrize(("main", "none"), [(emergency, "--runs"), (targets, "--episodes")])
def test_the_folder_of_the_results_is_made(main, none, tmp_path, monkeypatch):
    out = tmp_path / "soak" / "results.jsonl"
    monkeypatch.setattr(sys, "argv", ["it", none, "0", "--out", str(out)])
    assert main() == 0
    assert out.read_text() == ""

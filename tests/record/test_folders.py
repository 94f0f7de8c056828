"""Folders that options name."""

from __future__ import annotations

from pathlib import Path

import pytest

from perpkit.record.folders import folder_option


@pytest.mark.parametrize("given", ["/srv/x", "x", "../x", "~/x"])
def test_a_path_is_a_folder(given):
    assert folder_option("perpkit.x", given) == Path(given).expanduser()


@pytest.mark.parametrize("given", [None, 1, "", "  ", "a\0b", ["a"], "~nosuch/x"])
def test_anything_else_is_refused_by_name(given):
    with pytest.raises(ValueError, match=r"perpkit\.x must be the path of a folder") as refused:
        folder_option("perpkit.x", given)
    assert f"got {given!r}" in str(refused.value)

"""Replacing a file: whole, private where asked, on disk with its name, and in one place."""

from __future__ import annotations

import os
import re

import pytest

from perpkit.files.whole_file import append_line, put, put_new
from tests.conftest import REPOSITORY


@pytest.mark.parametrize("write", [put, put_new])
def test_file_and_name_are_on_disk_before_it_returns(tmp_path, monkeypatch, write):
    """The content before it gets its name, then the folder, which holds the name."""
    done: list[str] = []

    def fsync(handle: int) -> None:
        folder = os.path.isdir(f"/proc/self/fd/{handle}")
        done.append("folder" if folder else "content")

    def noted(real):
        def call(old, new):
            done.append("name")
            real(old, new)

        return call

    monkeypatch.setattr(os, "fsync", fsync)
    for name in ("replace", "link"):
        monkeypatch.setattr(os, name, noted(getattr(os, name)))
    write(tmp_path / "x", b"1")
    assert done == ["content", "name", "folder"]


def test_a_refused_content_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "new folder" / "x"
    put(path, b"old")

    def refuse(content: bytes) -> None:
        assert content == b"new"
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        put(path, b"new", verify=refuse)
    assert path.read_bytes() == b"old"
    assert [p.name for p in path.parent.iterdir()] == ["x"]


def test_a_file_that_is_there_is_not_made_again(tmp_path):
    put_new(tmp_path / "x", b"old")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
    for name in ("x", "link"):
        with pytest.raises(FileExistsError):
            put_new(tmp_path / name, b"new")
    assert (tmp_path / "x").read_bytes() == b"old"
    assert {p.name for p in tmp_path.iterdir()} == {"x", "link"}


def test_a_private_file_is_the_owners(tmp_path):
    put(tmp_path / "x", b"1", private=True)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o600
    mask = os.umask(0o022)
    try:
        put(tmp_path / "y", b"1")
    finally:
        os.umask(mask)
    assert (tmp_path / "y").stat().st_mode & 0o777 == 0o644


def test_a_line_goes_on_a_line_of_its_own(tmp_path):
    path = tmp_path / "x"
    append_line(path, b"one")
    path.write_bytes(path.read_bytes() + b"cut sh")
    append_line(path, b"two")
    assert path.read_bytes() == b"one\ncut sh\ntwo\n"


def test_files_are_replaced_in_one_place():
    replacing = re.compile(r"\bos\.(replace|renames?)\(|shutil\.move\(|\.replace\([^,=()]+\)")
    found = {
        str(path.relative_to(REPOSITORY))
        for folder in ("perpkit", "strategies", "protections", "pairlists")
        for path in (REPOSITORY / folder).rglob("*.py")
        if replacing.search(path.read_text())
    }
    # The decision log moves whole files when it begins another one, and a damaged file of FreqAI is
    # set aside under another name.
    assert found == {
        "perpkit/files/whole_file.py",
        "perpkit/record/decision_log.py",
        "perpkit/bot/hybrid/damaged_files.py",
    }

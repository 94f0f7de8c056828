"""The files below a folder, as a run ships and digests them."""

from __future__ import annotations

import stat

import pytest

from perpkit.walkforward.shipping import (
    digest_of_all,
    digests,
    files_below,
    private_folder,
    unpacked_once,
)


@pytest.fixture
def folder(tmp_path):
    """Beside it is another one, in which there is a file."""
    for name in ("here/a/one.txt", "here/b.txt", "elsewhere/deep/two.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path / "here"


def test_a_linked_folder_is_read_under_its_own_name(folder):
    for name in ("linked", "again"):
        (folder / name).symlink_to(folder.parent / "elsewhere")
    (folder / "gone").symlink_to(folder.parent / "nowhere")
    assert list(files_below(folder)) == [
        "a/one.txt",
        "again/deep/two.txt",
        "b.txt",
        "linked/deep/two.txt",
    ]
    assert list(files_below(folder, ("linked", "none"))) == ["linked/deep/two.txt"]


@pytest.mark.timeout(20)
def test_a_link_that_leads_back_ends(folder):
    (folder / "a/up").symlink_to(folder)
    (folder / "out").symlink_to(folder.parent / "elsewhere")
    (folder.parent / "elsewhere/back").symlink_to(folder)
    assert set(files_below(folder)) == {"a/one.txt", "b.txt", "out/deep/two.txt"}


@pytest.mark.parametrize("name", ["__pycache__", ".git", ".ipynb_checkpoints"])
def test_what_nothing_reads_is_left_out(folder, name):
    (folder / "a" / name).mkdir()
    (folder / "a" / name / "file").touch()
    assert set(files_below(folder)) == {"a/one.txt", "b.txt"}


def test_what_is_unpacked_is_the_users_alone(tmp_path):
    within = private_folder(tmp_path / "shipped")
    assert stat.S_IMODE(within.stat().st_mode) == 0o700
    assert private_folder(within) == within  # another worker of this machine
    files = {"data/a.txt": b"a"}
    folder = unpacked_once(files, digest_of_all(digests(files)), within)
    assert folder.parent == within
    assert (folder / "data/a.txt").read_bytes() == b"a"
    assert unpacked_once({}, digest_of_all(digests(files)), within) == folder


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o701])
def test_a_folder_others_may_enter_is_refused(tmp_path, mode):
    (tmp_path / "shipped").mkdir()
    (tmp_path / "shipped").chmod(mode)
    with pytest.raises(ValueError, match="only this user can read and write"):
        private_folder(tmp_path / "shipped")


def test_a_link_is_no_private_folder(tmp_path):
    (tmp_path / "theirs").mkdir(mode=0o700)
    (tmp_path / "shipped").symlink_to(tmp_path / "theirs")
    with pytest.raises(ValueError, match="only this user can read and write"):
        private_folder(tmp_path / "shipped")

"""What keeps the identity of a file, and what does not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tarfile

import pytest

from perpkit.record import identity as module
from perpkit.record.identity import identity

linux = pytest.mark.skipif(sys.platform != "linux", reason="tools and file systems of Linux")


@pytest.fixture
def folder(tmp_path):
    """With one file, `file`."""
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "file").write_bytes(b"x" * 5000)
    return tmp_path / "bot"


def run(*command: object) -> None:
    subprocess.run(list(map(str, command)), check=True)


def cp(folder):
    run("cp", "-r", folder, folder.with_name("copy"))
    return folder.with_name("copy") / "file"


def cp_archive(folder):
    run("cp", "-a", folder, folder.with_name("copy"))
    return folder.with_name("copy") / "file"


def there_and_back(folder):
    """The inode is free when the file comes back, and often given to it."""
    run("cp", "-a", folder, folder.with_name("backup"))
    shutil.rmtree(folder)
    module._close_gone()  # as in another process
    run("cp", "-a", folder.with_name("backup"), folder)
    return folder / "file"


def again_and_again(folder):
    """Until the inode is the one that it was."""
    was = (folder / "file").stat().st_ino
    for _ in range(50):
        if there_and_back(folder).stat().st_ino == was:
            break
        shutil.rmtree(folder.with_name("backup"))
    return folder / "file"


def unpacked(folder):
    packed = folder.with_name("bot.tar")
    with tarfile.open(packed, "w") as tar:
        tar.add(folder, "bot")
    shutil.rmtree(folder)
    with tarfile.open(packed) as tar:
        tar.extractall(folder.parent, filter="data")
    return folder / "file"


def synchronised(folder):
    """As rsync does: into a file of another name, and then into place, with the times of the
    original."""
    original = folder.with_name("original")
    run("cp", "-a", folder, original)
    shutil.copy2(original / "file", folder / ".file.Xa3")
    os.replace(folder / ".file.Xa3", folder / "file")
    return folder / "file"


def moved(folder):
    run("mv", folder, folder.with_name("elsewhere"))
    return folder.with_name("elsewhere") / "file"


def written(folder):
    with (folder / "file").open("r+b") as file:
        file.write(b"something else")
    return folder / "file"


def overwritten(folder):
    """From a backup, as `cat backup > file`: only what is in it tells."""
    (folder / "file").write_bytes(b"older")
    return folder / "file"


def touched(folder):
    run("touch", "-d", "2001-02-03", folder / "file")
    (folder / "file").chmod(0o600)
    return folder / "file"


def linked(folder):
    """The same volume under another path."""
    folder.with_name("mounted").symlink_to(folder)
    return folder.with_name("mounted") / "file"


@linux
@pytest.mark.parametrize(
    "how", [cp, cp_archive, there_and_back, again_and_again, unpacked, synchronised]
)
def test_a_copy_is_another_file(folder, how):
    before = identity(folder / "file")
    assert identity(how(folder)) != before


@linux
@pytest.mark.parametrize("how", [moved, written, overwritten, touched, linked])
def test_the_same_file_stays_what_it_is(folder, how):
    before = identity(folder / "file")
    assert identity(how(folder)) == before


@linux
@pytest.mark.parametrize("missing", ["_generation", "_birth"])
def test_one_of_generation_and_birth_is_enough(folder, monkeypatch, missing):
    """For file systems that do not have both."""
    monkeypatch.setattr(module, missing, lambda *_: None)
    before = identity(folder / "file")
    assert identity(again_and_again(folder)) != before


@pytest.mark.parametrize(
    ("own", "device", "alone", "expected"),
    [
        (77, 65024, False, 77),
        (77, 65024, True, 77),
        (65024, 65024, False, None),  # XFS: the number of the device
        (65024, 65024, True, 65024),
        (0, 65024, True, 65024),
        (0, 45, True, None),  # a network's, which each mount numbers for itself
    ],
)
def test_what_counts_of_the_file_system(tmp_path, monkeypatch, own, device, alone, expected):
    status = os.stat_result((0, 1, device, *[0] * 7))
    monkeypatch.setattr(os, "statvfs", lambda _: type("", (), {"f_fsid": own}), raising=False)
    assert module._volume(tmp_path, status, alone) == expected


def test_without_anything_but_an_inode_there_is_that(folder, monkeypatch):
    for name in ("_generation", "_birth", "_volume"):
        monkeypatch.setattr(module, name, lambda *_, **__: None)
    assert identity(folder / "file") == f"inode {(folder / 'file').stat().st_ino}"


READ = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute('SELECT a FROM t'))"


def read_elsewhere(path) -> str:
    """As a tool beside the bot does, which closes it again."""
    command = [sys.executable, "-c", READ, str(path)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_look_takes_no_lock_of_the_database(tmp_path):
    """Or else the next tool that reads it removes the log in which all later commits are."""
    path = tmp_path / "trades.sqlite"
    bot = sqlite3.connect(path, isolation_level=None)
    bot.execute("PRAGMA journal_mode = WAL")
    bot.execute("CREATE TABLE t (a)")
    bot.execute("INSERT INTO t VALUES (1)")
    identity(path)
    assert "(1,)" in read_elsewhere(path)
    bot.execute("UPDATE t SET a = 2")
    assert "(2,)" in read_elsewhere(path)
    bot.close()
    assert "(2,)" in read_elsewhere(path)


def test_files_that_are_gone_are_not_kept_open(folder):
    identity(folder / "file")
    key = (folder / "file").stat()
    assert (key.st_dev, key.st_ino) in module._opened
    shutil.rmtree(folder)
    other = folder.with_name("other")
    other.write_bytes(b"")
    identity(other)
    assert (key.st_dev, key.st_ino) not in module._opened or other.stat().st_ino == key.st_ino


def test_a_file_that_is_not_there_has_none(tmp_path):
    with pytest.raises(OSError, match="nothing"):
        identity(tmp_path / "nothing")

"""The key of a machine: made once, for its owner only, and refused where it is not safe."""

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from perpkit.files.errors import FileError
from perpkit.record.machine_key import NoKeyError, machine_key, machine_key_made, place
from tests.bench.machine import machine  # noqa: F401

pytestmark = pytest.mark.usefixtures("machine")


def test_only_a_command_that_signs_makes_it(machine):  # noqa: F811
    with pytest.raises(NoKeyError):
        machine_key()
    assert not machine.exists()
    made = machine_key_made()
    assert stat.S_IMODE(machine.stat().st_mode) == 0o600
    assert machine_key() == machine_key_made() == made
    assert [file.name for file in machine.parent.iterdir()] == ["machine.key"]


def test_it_is_never_shown(machine):  # noqa: F811
    key = machine_key_made()
    assert machine.read_text().strip() not in f"{key!r} {key} {key.name}"


def test_several_at_once_get_the_same(machine):  # noqa: F811
    with ThreadPoolExecutor(8) as pool:
        found = {key.name for key in pool.map(lambda _: machine_key_made(), range(16))}
    assert len(found) == 1


@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("", 0o600, "is damaged"),
        ("ab" * 31, 0o600, "is damaged"),
        ("zz" * 32, 0o600, "is damaged"),
        ("ab" * 32, 0o644, "must be readable by its owner only, got mode 0644: chmod 600 it"),
    ],
)
def test_a_key_that_is_not_safe_is_refused_in_one_line(machine, content, mode, words):  # noqa: F811
    machine.parent.mkdir()
    machine.write_text(content)
    machine.chmod(mode)
    for asked in (machine_key, machine_key_made):
        with pytest.raises(FileError) as refused:
            asked()
        assert words in str(refused.value)
        assert str(machine) in str(refused.value)
    assert machine.read_text() == content  # never replaced: a verdict is signed with it


def test_without_the_variable_it_is_outside_of_the_user_directory(monkeypatch, tmp_path):
    monkeypatch.delenv("PERPKIT_MACHINE_KEY")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert place() == tmp_path / "perpkit" / "machine.key"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place() == tmp_path / ".config" / "perpkit" / "machine.key"


def test_a_place_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PERPKIT_MACHINE_KEY", os.fspath(tmp_path / "file" / "machine.key"))
    with pytest.raises(FileError, match=r"machine\.key"):
        machine_key_made()


def test_a_home_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setenv("PERPKIT_MACHINE_KEY", "~nosuch/machine.key")
    for asked in (machine_key, machine_key_made):
        with pytest.raises(FileError, match=r"cannot be at ~nosuch/machine\.key"):
            asked()

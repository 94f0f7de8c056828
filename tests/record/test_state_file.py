"""The state file: written whole or not at all, and read with one clear error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from perpkit.record.state import SCHEMA
from perpkit.record.state_file import (
    DamagedStateError,
    MissingStateError,
    NewerSchemaError,
    StaleStateError,
    read,
    read_fresh,
    write,
)
from tests.bench.states import BTC, NOW, SECOND, everything, least, loop


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "perpkit" / "tradesv3.state.json"


@pytest.mark.parametrize("written", [least(), everything()], ids=["least", "everything"])
def test_what_is_written_is_read(path, written):
    write(path, written)
    assert read(path) == written
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_everything_is_everything():
    """The example above leaves no field at its default, so the round trip has all of them."""
    shown = everything().model_dump(exclude={"schema_number"})
    assert [name for name, value in shown.items() if value in (None, (), {}, [])] == []


@pytest.mark.parametrize("broken", ["fsync", "replace", "open"])
def test_a_write_that_fails_leaves_the_old_file(path, monkeypatch, broken):
    write(path, least())

    def fails(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((Path, "open") if broken == "open" else (os, broken)), fails)
    with pytest.raises(OSError, match="No space"):
        write(path, everything())
    monkeypatch.undo()
    assert read(path) == least()
    assert [each.name for each in path.parent.iterdir()] == [path.name]


KILLED = """
import os, signal, sys
from pathlib import Path
from perpkit.record import state_file
path = Path(sys.argv[1])
old = state_file.read(path)
os.{call} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
state_file.write(path, old.model_copy(update={{"pid": 8}}))
"""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_writer_that_is_killed_leaves_the_old_file(path, call):
    write(path, least())
    command = [sys.executable, "-c", KILLED.format(call=call), str(path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -9
    assert read(path) == least()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_not_written(value):
    with pytest.raises(ValidationError, match="finite"):
        least(throttle_seconds=value)


def test_none_is_missing(path):
    with pytest.raises(MissingStateError, match=f"There is no state file {path}"):
        read(path)


def changed(**fields: Any) -> str:
    return json.dumps(json.loads(least().model_dump_json()) | fields)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "Expecting value"),
        (least().model_dump_json()[:-20], "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", "schema_number must be a whole number from 1, got None"),
        ("{}", "schema_number must be a whole number from 1, got None"),
        (changed(schema_number="1"), "got '1'"),
        (changed(schema_number=0), "got 0"),
        (changed(schema_number=True), "got True"),
        (changed(pid="seven"), "pid: .*, got 'seven'"),
        (changed(written_at="2026-03-02T10:00:00"), "written_at: .*timezone"),
        (changed(mode="paper"), "mode: .*'dry-run' or 'live'.*, got 'paper'"),
        (changed(positions=[{"pair": BTC}]), r"positions\.0\.trade_id: Field required"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_one_that_is_damaged_has_one_error(path, content, words):
    path.parent.mkdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DamagedStateError, match=words) as raised:
        read(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_in_its_place_has_one_error(path):
    path.mkdir(parents=True)
    with pytest.raises(DamagedStateError, match="cannot be read"):
        read(path)


def test_a_newer_schema_is_not_guessed_at(path):
    path.parent.mkdir()
    path.write_text(json.dumps({"schema_number": SCHEMA + 1, "written_at": "in another form"}))
    with pytest.raises(NewerSchemaError, match=f"has schema {SCHEMA + 1}.* knows {SCHEMA}"):
        read(path)


def test_fields_of_a_later_perpkit_are_skipped(path):
    path.parent.mkdir()
    path.write_text(changed(weather="fine"))
    assert read(path) == least()


@pytest.mark.parametrize(
    ("given", "age", "words"),
    [
        ({}, 0, None),
        ({}, 45, None),  # three cycles of 5 s, and Freqtrade's pause of 30
        ({}, 46, "is 46 s old, more than 45 s.*pid 7, running then"),
        ({"throttle_seconds": 60.0}, 210, None),
        ({"loop": loop(20.0)}, 90, None),
        ({"loop": loop(20.0)}, 91, "is 91 s old, more than 90 s"),
        ({"bot_state": "stopped"}, 3600, "is 3600 s old.*stopped then"),
        ({}, -60, None),
        ({}, -61, "61 s in the future"),
    ],
)
def test_one_that_is_old_is_stale(path, given, age, words):
    written = least(**given)
    write(path, written)
    now = NOW + age * SECOND
    assert written.age_seconds(now) == age
    if words is None:
        assert read_fresh(path, now) == written
        return
    with pytest.raises(StaleStateError, match=words) as raised:
        read_fresh(path, now)
    assert raised.value.state == written

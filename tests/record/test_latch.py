"""The stop latch: what a file says, and what every other file means."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest
import time_machine
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from perpkit.record import latch as latch_module
from perpkit.record.latch import (
    Latch,
    LatchFile,
    LatchState,
    history_of,
    latch_file,
    latch_of,
    read,
    write,
)

NOW = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
SOUND = {"state": "halted", "by": "me@here", "why": "a test", "at": "2026-03-02T10:00:20+00:00"}
CLEAR = {**SOUND, "state": "clear"}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "user_data" / "perpkit" / "latch" / "main.live.json"


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# What is written, and read


def test_a_file_that_is_not_there_is_a_clear_latch(path):
    assert read(path) == Latch()


@pytest.mark.parametrize("state", list(LatchState))
def test_what_is_written_is_read(path, state):
    with time_machine.travel(NOW, tick=False):
        written = write(path, state, "me@here", "a test")
    assert written == read(path) == Latch(state, "me@here", "a test", NOW.replace(microsecond=0))


@given(by=st.text(), why=st.text())
def test_any_text_is_read_as_a_line_that_can_be_shown(tmp_path_factory, by, why):
    path = tmp_path_factory.mktemp("latch") / "main.live.json"
    written = write(path, LatchState.HALTED, by, why)
    assert written == read(path)
    for text in (written.by, written.why):
        assert text == " ".join(text.split())
        assert text.isprintable()
        text.encode()
        assert len(text) <= 300


def test_a_reason_of_any_length_halts_and_is_kept_in_the_history(path):
    write(path, LatchState.HALTED, "me", long := "the whole log\n" * 10_000)
    assert read(path).state is LatchState.HALTED
    assert json.loads(history_of(path).read_text())["why"] == long


def test_each_time_it_is_set_is_in_its_history(path):
    for number, state in enumerate((LatchState.HALTED, LatchState.CLEAR, LatchState.HALTED)):
        with time_machine.travel(NOW.replace(minute=number), tick=False):
            write(path, state, "me", f"the {number}th\nline")
    lines = [json.loads(line) for line in history_of(path).read_text().splitlines()]
    assert [(line["state"], line["why"]) for line in lines] == [
        ("halted", "the 0th\nline"),
        ("clear", "the 1th\nline"),
        ("halted", "the 2th\nline"),
    ]
    assert lines[1] == {**lines[1], "by": "me", "at": "2026-03-02T10:01:20+00:00"}
    assert history_of(path).name == "main.live.log.jsonl"


def test_a_line_that_a_power_cut_has_left_spoils_no_other(path):
    write(path, LatchState.HALTED, "me", "first")
    with history_of(path).open("a") as file:
        file.write('{"state": "cle')
    write(path, LatchState.HALTED, "me", "second")
    first, torn, second = history_of(path).read_text().splitlines()
    assert torn == '{"state": "cle'
    assert [json.loads(line)["why"] for line in (first, second)] == ["first", "second"]


def test_a_history_that_cannot_be_written_does_not_hold_it_up(path, caplog):
    history_of(path).mkdir(parents=True)
    write(path, LatchState.HALTED, "me", "a test")
    assert read(path).state is LatchState.HALTED
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_where_it_cannot_be_written_the_old_one_stays(path, step):
    write(path, LatchState.HALTED, "me", "a test")
    with (
        mock.patch.object(os, step, side_effect=OSError("disk full")),
        pytest.raises(OSError, match="disk full"),
    ):
        write(path, LatchState.CLEAR, "me", "another")
    assert read(path).why == "a test"
    assert [each.name for each in path.parent.glob(".*")] == []
    assert len(history_of(path).read_text().splitlines()) == 1


# What is damaged


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 200,
        b"clear",
        b"null",
        b"[]",
        b"{}",
        b'"clear"',
        b"[" * 60_000,
        b"\xff\xfe\x00",
        json.dumps(SOUND).encode()[:-1],
        json.dumps(CLEAR).encode() + b"}",
        json.dumps(CLEAR).encode() + b" " * 70_000 + b"x",
        *(
            json.dumps({name: value for name, value in CLEAR.items() if name != left}).encode()
            for left in CLEAR
        ),
        *(
            json.dumps({**CLEAR, name: value}).encode()
            for name, value in (
                ("state", "CLEAR"),
                ("state", "off"),
                ("state", None),
                ("state", ["clear"]),
                ("state", {}),
                ("state", True),
                ("by", None),
                ("by", 5),
                ("why", ["a"]),
                ("at", "yesterday"),
                ("at", "2026-03-02T10:00:20"),
                ("at", "0001-01-01T00:00:00+23:00"),
                ("at", ""),
                ("at", 0),
                ("at", False),
            )
        ),
    ],
)
def test_a_damaged_latch_takes_new_risk_away_and_sells_nothing(path, content):
    put(path, content)
    found = read(path)
    assert (found.state, found.damaged) == (LatchState.REDUCING, True)
    assert str(path) in found.why


@given(
    st.binary(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from([*SOUND, "else"]) | st.text(), inner)
        ),
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_content_is_clear_but_one_that_says_so(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("latch") / "main.live.json"
    path.write_bytes(content)
    found = read(path)
    if found.state is LatchState.CLEAR:
        assert json.loads(content)["state"] == "clear"
    assert found.damaged or json.loads(content)["state"] == found.state


@given(st.data())
def test_of_a_set_latch_no_part_and_no_changed_byte_is_a_clear_one(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("latch") / "main.live.json"
    write(path, LatchState.HALTED, "me@here", "a test")
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[at:]
    else:
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content))
    assert read(path).state is not LatchState.CLEAR


def unreadable(path: Path) -> None:
    put(path, json.dumps(CLEAR).encode())
    path.chmod(0)


def in_a_closed_folder(path: Path) -> None:
    put(path, json.dumps(CLEAR).encode())
    path.parent.chmod(0)


def below_a_file(path: Path) -> None:
    path.parent.parent.mkdir(parents=True)
    path.parent.touch()


def pipe(path: Path) -> None:
    path.parent.mkdir(parents=True)
    os.mkfifo(path)


def link_to_nothing(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to("/mnt/share/that/is/not/mounted.json")


def link_to_itself(path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.symlink_to(path)


AS_ROOT = pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.mkdir(parents=True),
        pytest.param(unreadable, marks=AS_ROOT),
        pytest.param(in_a_closed_folder, marks=AS_ROOT),
        below_a_file,
        pipe,
        link_to_nothing,
        link_to_itself,
    ],
)
def test_what_cannot_be_read_counts_as_damaged(path, make):
    make(path)
    try:
        found = read(path)
    finally:
        path.parent.chmod(0o700)
    assert (found.state, found.damaged) == (LatchState.REDUCING, True)
    assert str(path) in found.why


def test_a_disk_that_fails_counts_as_damaged(path):
    write(path, LatchState.CLEAR, "me", "a test")
    with mock.patch.object(os, "read", side_effect=OSError(5, "Input/output error")):
        assert read(path).damaged
    assert read(path).state is LatchState.CLEAR


# Which it is

URLS = {"urls": {"api": {"fapiPrivate": "http://127.0.0.1:8900/fapi/v1"}}}
VENUE = {"exchange": {"name": "binance", "ccxt_config": URLS}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "user_data/perpkit/latch/main.dry-run.json"),
        ({"dry_run": False}, "user_data/perpkit/latch/main.live.json"),
        ({"user_data_dir": Path("/home/me/bot")}, "/home/me/bot/perpkit/latch/main.dry-run.json"),
        ({"perpkit": {"account": "second-1_a"}}, "user_data/perpkit/latch/second-1_a.dry-run.json"),
        ({"perpkit": {"latch_dir": "/srv/latch"}}, "/srv/latch/main.dry-run.json"),
        ({"perpkit": {"latch_dir": "latch"}}, "latch/main.dry-run.json"),
        ({"perpkit": {"latch_dir": "~/latch"}}, Path("~/latch/main.dry-run.json").expanduser()),
        ({"perpkit": {"latch_dir": None, "use": {}}}, "user_data/perpkit/latch/main.dry-run.json"),
        ({"perpkit": None}, "user_data/perpkit/latch/main.dry-run.json"),
        (VENUE, "user_data/perpkit/latch/main.rehearsal.dry-run.json"),
        (VENUE | {"dry_run": False}, "user_data/perpkit/latch/main.rehearsal.live.json"),
        (VENUE | {"perpkit": {"account": "b"}}, "user_data/perpkit/latch/b.rehearsal.dry-run.json"),
        (VENUE | {"perpkit": {"latch_dir": "/srv/l"}}, "/srv/l/main.rehearsal.dry-run.json"),
        ({"perpkit_venue": {}}, "user_data/perpkit/latch/main.rehearsal.dry-run.json"),
    ],
)
def test_an_account_and_a_mode_have_a_latch(config, expected):
    assert latch_of(config) == Path(expected).absolute()


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ({"account": ""}, "perpkit.account"),
        ({"account": "../main"}, "perpkit.account"),
        ({"account": "a/b"}, "perpkit.account"),
        ({"account": "a.b"}, "perpkit.account"),
        ({"account": "-a"}, "perpkit.account"),
        ({"account": "a\n"}, "perpkit.account"),
        ({"account": "a" * 65}, "perpkit.account"),
        ({"account": 5}, "perpkit.account"),
        ({"account": None}, "perpkit.account"),
        ({"latch_dir": ""}, "perpkit.latch_dir"),
        ({"latch_dir": "  "}, "perpkit.latch_dir"),
        ({"latch_dir": "a\0b"}, "perpkit.latch_dir"),
        ({"latch_dir": 5}, "perpkit.latch_dir"),
        ({"latch_dir": ["a"]}, "perpkit.latch_dir"),
        ({"latch_dir": "~nosuch/x"}, "perpkit.latch_dir"),
        ([], None),
        ("main", "perpkit must"),
    ],
)
def test_other_names_are_refused_by_name(own, named):
    if named is None:
        assert latch_of({"perpkit": own}).name == "main.dry-run.json"
        return
    with pytest.raises(ValueError, match=named) as refused:
        latch_of({"perpkit": own})
    value = own[named.removeprefix("perpkit.")] if isinstance(own, dict) else own
    assert repr(value) in str(refused.value)


def test_a_folder_of_the_operators_that_is_not_there_takes_new_risk_away(tmp_path):
    """It may be a share that is not mounted, with a latch on it that is set."""
    folder = tmp_path / "share" / "latch"
    file = latch_file({"perpkit": {"latch_dir": str(folder)}})
    found = file.read()
    assert (found.state, found.damaged) == (LatchState.REDUCING, True)
    assert f"perpkit.latch_dir {folder} is not there" in found.why
    with pytest.raises(FileNotFoundError, match=r"perpkit\.latch_dir .* is not there"):
        file.write(LatchState.HALTED, "me", "a test")
    assert not folder.exists()
    folder.mkdir(parents=True)
    assert file.read() == Latch()
    file.write(LatchState.HALTED, "me", "a test")
    assert file.read() == read(file.path)
    assert file.read().state is LatchState.HALTED


def test_the_folder_of_the_user_directory_need_not_be_there(tmp_path):
    file = latch_file({"user_data_dir": tmp_path / "user_data"})
    assert file.read() == Latch()
    file.write(LatchState.HALTED, "me", "a test")
    assert file.read().state is LatchState.HALTED


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (Latch(), "CLEAR"),
        (
            Latch(LatchState.HALTED, "me@here", "a test", NOW),
            "HALTED since 2026-03-02 10:00 UTC, me@here: a test",
        ),
        (Latch(LatchState.REDUCING, why="it is damaged", damaged=True), "REDUCING: it is damaged"),
    ],
)
def test_it_says_what_it_is(found, expected):
    assert str(found) == expected


def test_a_time_of_another_zone_is_shown_in_utc(path):
    put(path, json.dumps({**SOUND, "at": "2026-03-02T12:00:20+02:00"}).encode())
    assert str(read(path)).startswith("HALTED since 2026-03-02 10:00 UTC")


# Tightening

_, REDUCING, HALTED = LatchState


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        (None, REDUCING, REDUCING),
        (None, HALTED, HALTED),
        (LatchState.CLEAR, REDUCING, REDUCING),
        (REDUCING, REDUCING, REDUCING),
        (REDUCING, HALTED, HALTED),
        (HALTED, REDUCING, HALTED),
        (HALTED, HALTED, HALTED),
        (HALTED, LatchState.CLEAR, HALTED),
        (REDUCING, LatchState.CLEAR, REDUCING),
    ],
)
def test_a_latch_is_tightened_and_never_loosened(path, before, asked, after):
    if before is not None:
        write(path, before, "first@here", "first")
    latch = LatchFile(path).tighten(asked, "second@here", "second")
    assert latch == read(path)
    assert latch.state is after
    assert latch.why == ("second" if before is None or after is not before else "first")


def test_a_damaged_latch_is_only_tightened_to_a_halt(path):
    put(path, b"{")
    assert LatchFile(path).tighten(REDUCING, "me", "x").damaged
    assert not LatchFile(path).tighten(HALTED, "me", "x").damaged


def test_one_who_tightens_waits_for_one_who_writes(path, monkeypatch):
    monkeypatch.setattr(latch_module, "_ALONE_SECONDS", 0.05)
    write(path, LatchState.CLEAR, "me", "x")
    with FileLock(path.with_suffix(".lock")):
        with pytest.raises(OSError, match="another is writing it"):
            LatchFile(path).tighten(REDUCING, "me", "x")
        assert read(path).state is LatchState.CLEAR
        # An emergency goes on.
        assert LatchFile(path).tighten(HALTED, "me", "x").state is HALTED
        assert LatchFile(path).write(HALTED, "me", "x").state is HALTED
    assert LatchFile(path).tighten(REDUCING, "me", "x").state is HALTED


@pytest.mark.parametrize("wrong", ["a folder", "no locks"])
def test_without_a_lock_it_is_halted_and_the_reason_is_passed_on(path, monkeypatch, wrong):
    write(path, LatchState.CLEAR, "me", "x")
    if wrong == "a folder":
        path.with_suffix(".lock").mkdir()
        words = "its lock .*lock cannot be taken: Is a directory"
    else:
        there_are_none = mock.Mock(side_effect=NotImplementedError("no flock here"))
        monkeypatch.setattr(latch_module.FileLock, "acquire", there_are_none)
        words = "its lock .*lock cannot be taken: no flock here"
    with pytest.raises(OSError, match=words):
        LatchFile(path).tighten(REDUCING, "me", "x")
    assert read(path).state is LatchState.CLEAR
    assert LatchFile(path).tighten(HALTED, "me", "x").state is HALTED
    assert read(path).state is HALTED


def test_a_share_that_is_not_mounted_is_not_tightened(tmp_path):
    with pytest.raises(OSError, match="is not there"):
        LatchFile(tmp_path / "absent" / "main.live.json", True).tighten(HALTED, "me", "x")
    assert not (tmp_path / "absent").exists()

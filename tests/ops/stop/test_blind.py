"""The latch of a bot whose configuration cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perpkit.ops.stop.blind import known_latches
from perpkit.rehearsal.redirection import VENUE

LIVE, DRY_RUN = "main.live.json", "main.dry-run.json"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for folder in ("user_data", "elsewhere", "own"):
        (tmp_path / folder).mkdir()
    return tmp_path


def files(home, content, place="config.json") -> list[Path]:
    path = home / place
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return [Path(place)]


@pytest.mark.parametrize(
    ("content", "place", "userdir", "expected"),
    [
        # What says the mode has one latch, what does not has both.
        ({"dry_run": False}, "config.json", None, [f"user_data/perpkit/latch/{LIVE}"]),
        ({"dry_run": True}, "config.json", None, [f"user_data/perpkit/latch/{DRY_RUN}"]),
        ({}, "config.json", "own", [f"own/perpkit/latch/{n}" for n in (LIVE, DRY_RUN)]),
        (
            {"dry_run": False, "user_data_dir": "elsewhere"},
            "config.json",
            None,
            [f"elsewhere/perpkit/latch/{LIVE}"],
        ),
        (
            {"dry_run": False, "perpkit": {"account": "second", "latch_dir": "own"}},
            "config.json",
            None,
            ["own/second.live.json"],
        ),
        # A rehearsal is not the bot that trades for real from the same folder.
        (
            {"dry_run": False, VENUE: {}, "exchange": 1},
            "config.json",
            None,
            ["user_data/perpkit/latch/main.rehearsal.live.json"],
        ),
        # Of a file that says nothing, the folder that it is in.
        ("{", "user_data/config.json", None, [f"user_data/perpkit/latch/{LIVE}", DRY_RUN]),
        ("{", "elsewhere/config.json", "own", [f"own/perpkit/latch/{LIVE}", DRY_RUN]),
        ("{", "elsewhere/config.json", None, []),
        ("[]", "elsewhere/config.json", None, []),
        # A folder that is not there is a mistake in its name.
        ({"dry_run": False}, "config.json", "absent", []),
        ({"dry_run": False, "perpkit": {"account": 1}}, "config.json", None, []),
        ({"dry_run": False, "perpkit": 1}, "config.json", None, [LIVE]),
    ],
)
def test_it_is_known_where_the_files_or_the_operator_say_it(
    home, content, place, userdir, expected
):
    latches = known_latches(files(home, content, place), Path(userdir) if userdir else None)
    found = [latch.path for latch in latches]
    assert len(found) == len(expected)
    for path, end in zip(found, expected, strict=True):
        assert path.is_absolute()
        assert str(path).endswith(end)


def test_a_name_that_is_mistyped_does_not_halt_the_bot_of_this_folder(home):
    assert known_latches([Path("confg.json")], None) == []
    assert known_latches([home / "user_data" / "confg.json"], None) != []


def test_without_any_file_the_default_folder_is_meant(home):
    found = [latch.path for latch in known_latches(None, None)]
    assert [path.name for path in found] == [LIVE, DRY_RUN]
    assert found[0].parent == home / "user_data" / "perpkit" / "latch"

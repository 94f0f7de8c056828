"""A configuration is read as Freqtrade reads it, and nothing comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from freqtrade.configuration import Configuration

from perpkit.ops.bot_config import read_config
from perpkit.ops.stored import BadInputError
from perpkit.venue.overlay import overlay
from tests.conftest import REPOSITORY

Write = Callable[..., list[Path]]


@pytest.fixture
def write(tmp_path, monkeypatch) -> Write:
    """Configurations behind the example, in a folder that is the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user_data").mkdir()

    def write(*configs: dict[str, Any]) -> list[Path]:
        files = [REPOSITORY / "config.json.example"]
        for number, config in enumerate(configs):
            files.append(tmp_path / f"{number}.json")
            files[-1].write_text(json.dumps(config))
        return files

    return write


def tree(folder: Path) -> dict[Path, bytes | None]:
    return {p: p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.mark.parametrize(
    ("config", "variables"),
    [
        ({}, {}),
        ({"dry_run": False}, {}),
        ({"dry_run": True, "db_url": "sqlite:///tradesv3.sqlite"}, {}),
        ({"db_url": "sqlite:///mine.sqlite", "max_open_trades": -1, "stake_amount": 5}, {}),
        ({"user_data_dir": "theirs"}, {}),
        ({"datadir": "elsewhere", "logfile": "a.log"}, {}),
        (overlay("http://127.0.0.1:1", Path("rehearsal")), {}),
        (overlay("http://127.0.0.1:1", Path("rehearsal"), live=True), {}),
        ({}, {"FREQTRADE__DRY_RUN": "false", "FREQTRADE__EXCHANGE__KEY": "k"}),
        ({"exportfilename": "a.json", "exchange": {"name": "binance"}}, {}),
    ],
    ids=lambda value: ",".join(map(str, value)) or "nothing",
)
def test_it_is_what_freqtrade_reads_and_nothing_is_written(
    write, tmp_path, monkeypatch, config, variables
):
    (tmp_path / "theirs").mkdir()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    files = write(config)
    before = tree(tmp_path)
    found = read_config(files)
    assert tree(tmp_path) == before

    monkeypatch.setattr("freqtrade.configuration.configuration.setup_logging", lambda _: None)
    args = {"config": [str(path) for path in files], "command": "trade"}
    theirs = Configuration(args).get_config()
    # Set by the options for the log, which are left out.
    without = {"verbosity", "print_colorized"}
    assert dict(found.config) == {k: v for k, v in theirs.items() if k not in without}
    assert tree(tmp_path) != before


def test_files_that_a_file_names_are_read_too(write, tmp_path):
    files = write({"add_config_files": ["more.json"]})
    (tmp_path / "more.json").write_text(json.dumps({"bot_name": "named"}))
    assert read_config(files).config["bot_name"] == "named"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"exchange": {"name": "nowhere"}}', 'Exchange "nowhere"'),
        ('{"user_data_dir": "gone"}', "Directory `gone` does not exist"),
        ('{"perpkit": {"account": "a b"}}', "perpkit.account must be a name of letters"),
        ('{"exchange": ["binance"]}', "exchange must be an object, got list"),
        ('{"user_data_dir": 5}', "user_data_dir must be the path of a folder, got 5"),
        ('{"db_url": "trades.sqlite"}', "db_url must be the URL of a database"),
        ('{"a": ' * 2_000, "config cannot be read: .*recursion"),
        ('{"secret": "hunter2", "x" 1}', "config cannot be read: Parse error at offset"),
    ],
    ids=[
        "exchange",
        "folder",
        "account",
        "no object",
        "no path",
        "no URL",
        "too deep",
        "no JSON",
    ],
)
def test_what_freqtrade_does_not_accept_is_named_without_secrets(write, tmp_path, content, words):
    files = write({})
    files[1].write_text(content)
    with pytest.raises(BadInputError, match=words) as error:
        read_config(files)
    assert "hunter2" not in str(error.value)


def test_a_mix_of_rehearsal_and_life_is_refused(write, monkeypatch):
    monkeypatch.setenv("FREQTRADE__EXCHANGE__KEY", "the exchange's")
    with pytest.raises(BadInputError, match="Rehearsal at a venue is refused"):
        read_config(write(overlay("http://127.0.0.1:1")))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (None, "--config must name the bot: there is neither user_data/config.json"),
        ([Path("gone.json")], "--config must name a file, got gone.json"),
    ],
)
def test_a_file_that_is_not_there_is_named(tmp_path, monkeypatch, files, words):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadInputError, match=words):
        read_config(files)

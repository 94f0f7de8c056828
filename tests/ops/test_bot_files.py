"""The files of a bot are found where Freqtrade has its database."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from perpkit.ops.bot_files import places_of
from perpkit.ops.stored import BadInputError

LIVE = "sqlite:///tradesv3.sqlite"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configured(home: Path, name: str = "config.json", **content) -> Path:
    path = home / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("content", "environment", "state"),
    [
        ({}, {}, "tradesv3.state.json"),
        ({"dry_run": False}, {}, "tradesv3.state.json"),
        ({"dry_run": True}, {}, "tradesv3.dryrun.state.json"),
        # As Freqtrade, which takes the default of live for none.
        (
            {"dry_run": True, "db_url": "sqlite:///tradesv3.sqlite"},
            {},
            "tradesv3.dryrun.state.json",
        ),
        ({"dry_run": True, "db_url": "sqlite:///a/mine.db"}, {}, "a/mine.state.json"),
        ({}, {"FREQTRADE__DRY_RUN": "true"}, "tradesv3.dryrun.state.json"),
        ({}, {"FREQTRADE__DB_URL": "sqlite:////data/x.sqlite"}, "/data/x.state.json"),
    ],
)
def test_the_configuration_names_the_bot(home, monkeypatch, content, environment, state):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    config = configured(home, "mine.json", **content)
    assert places_of([config], None, None).state == Path(state)


def test_later_configurations_count_more(home):
    files = [configured(home, "a.json", dry_run=False), configured(home, "b.json", dry_run=True)]
    assert places_of(files, None, None).state == Path("tradesv3.dryrun.state.json")


@pytest.mark.parametrize(
    ("where", "userdir"),
    [("config.json", None), ("user_data/config.json", None), ("other/config.json", Path("other"))],
)
def test_without_one_it_is_where_freqtrade_looks(home, where, userdir):
    configured(home, where, db_url="sqlite:///found.sqlite")
    assert places_of(None, userdir, None).state == Path("found.state.json")


def test_the_user_directory_comes_first(home):
    configured(home, db_url="sqlite:///second.sqlite")
    configured(home, "user_data/config.json", db_url="sqlite:///first.sqlite")
    assert places_of(None, None, None).state == Path("first.state.json")


@pytest.mark.parametrize("there", [False, True])
def test_the_database_given_counts_most(home, there):
    if there:
        configured(home, db_url="sqlite:///another.sqlite")
    assert places_of(None, None, "sqlite:///mine.sqlite").state == Path("mine.state.json")


@pytest.mark.parametrize(
    ("content", "userdir", "folder"),
    [
        ({}, None, "user_data"),
        ({"user_data_dir": "theirs"}, None, "theirs"),
        ({"user_data_dir": "theirs"}, Path("mine"), "mine"),
    ],
)
def test_a_database_that_is_no_file_has_its_state_in_the_user_directory(
    home, content, userdir, folder
):
    config = configured(home, "mine.json", db_url="postgresql://me:x@host/bot1", **content)
    found = places_of([config], userdir, None).state
    assert found == home / folder / "perpkit" / "bot1.state.json"


@pytest.mark.parametrize(
    "given",
    ["sqlite://[x", "trades.sqlite", "sqlite:trades.sqlite", "postgresql://me:hidden@host:port/db"],
)
def test_what_is_no_url_is_named(home, given):
    with pytest.raises(BadInputError, match="db_url must be the URL of a database: ") as raised:
        places_of(None, None, given)
    assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (None, "--config or --db-url must name the bot: there is neither user_data/config.json"),
        ([Path("nowhere.json")], "--config must name a file, got nowhere.json"),
        ([Path("broken.json")], "config cannot be read: "),
        ([Path("list.json")], "config cannot be read: it must be an object, .*list.json"),
        ([Path("deep.json")], "config cannot be read: .*recursion"),
        ([Path("folder.json")], "user_data_dir must be the path of a folder, got 5"),
    ],
)
def test_what_cannot_be_read_is_named(home, files, words):
    (home / "deep.json").write_text("[" * 2_000)
    (home / "folder.json").write_text('{"user_data_dir": 5}')
    (home / "broken.json").write_text("{")
    (home / "list.json").write_text("[1]")
    with pytest.raises(BadInputError, match=words):
        places_of(files, None, None)


def test_a_file_that_is_no_json_is_named_without_what_stands_in_it(home):
    """Freqtrade quotes the lines around."""
    (home / "broken.json").write_text('{"exchange": {"secret": "hidden" "key": "hidden"}}')
    with pytest.raises(BadInputError, match="config cannot be read: Parse error") as raised:
        places_of([Path("broken.json")], None, None)
    assert "hidden" not in str(raised.value)

"""A file of several accounts: what it says, and what is wrong with it."""

from __future__ import annotations

import pytest

from perpkit.ops.stop.accounts import environment_of, read_accounts, read_environment
from perpkit.ops.stored import BadInputError

TWO = """
[[account]]
name = "first"
config = ["a.json", "b.json"]

[[account]]
name = "second"
config = ["c.json"]
folder = "other"
userdir = "user_data"
db_url = "sqlite:///trades.sqlite"
env_file = "keys.env"
rest_url = "http://bot:8080"
"""


@pytest.fixture
def read(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "keys.env").write_text(
        "# keys\n\nexport FREQTRADE__EXCHANGE__KEY='key'\nFREQTRADE__EXCHANGE__SECRET = a=b\n"
    )

    def read(content: str, only=None):
        path = tmp_path / "accounts.toml"
        path.write_text(content)
        return read_accounts(path, only)

    return read


def test_paths_begin_at_the_folder_and_that_at_the_file(read, tmp_path):
    first, second = read(TWO)
    assert (first.name, first.folder, first.env, first.problem) == ("first", tmp_path, {}, "")
    assert first.options == (f"--config={tmp_path}/a.json", f"--config={tmp_path}/b.json")
    assert second.options == (
        f"--config={tmp_path}/other/c.json",
        f"--userdir={tmp_path}/other/user_data",
        "--db-url=sqlite:///trades.sqlite",
        "--rest-url=http://bot:8080",
    )
    assert second.env == {"FREQTRADE__EXCHANGE__KEY": "key", "FREQTRADE__EXCHANGE__SECRET": "a=b"}
    assert "a=b" not in repr(second)


def test_only_some_are_chosen(read):
    assert [entry.name for entry in read(TWO, ["second"])] == ["second"]


@pytest.mark.parametrize(
    ("content", "only", "words"),
    [
        ("[[account", None, "must be TOML"),
        ("", None, r"must have tables \[\[account\]\]"),
        ("account = 1", None, r"must have tables \[\[account\]\]"),
        (TWO + "[other]\n", None, r"must have tables \[\[account\]\]"),
        (TWO.replace("second", "first"), None, "'first' twice"),
        (TWO, ["third"], "--only must be one of first, second, got 'third'"),
    ],
)
def test_a_file_that_is_none_is_refused(read, content, only, words):
    with pytest.raises(BadInputError, match=words):
        read(content, only)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('nam = "x"', "no field 'nam'"),
        ("config = []", "config must be a list of files"),
        ("config = [1]", "config must be a list of files"),
        ('config = "a.json"', "config must be a list of files"),
        ('config = ["a.json"]\nuserdir = 1', "userdir must be text, got 1"),
        ('config = ["a.json"]\nuserdir = ""', "userdir must be text"),
        (
            'config = ["a.json"]\ndb_url = ["postgresql://me:hidden@host/db"]',
            "db_url must be text, got ['postgresql://me:***@host/db']",
        ),
        ('config = ["a.json"]\nfolder = "absent"', "folder must be a folder"),
    ],
)
def test_one_bad_entry_leaves_the_others(read, line, words):
    bad, *_ = read(f'[[account]]\nname = "bad"\n{line}\n{TWO}')
    assert (bad.name, bad.options) == ("bad", ())
    assert words in bad.problem


def test_an_entry_without_a_name_has_its_number(read):
    bad, first, _ = read(f'[[account]]\nconfig = ["a.json"]\n{TWO}')
    assert (bad.name, first.name) == ("account 1", "first")
    assert "must have a name" in bad.problem


def test_without_its_environment_an_account_is_stopped_as_far_as_possible(read):
    _, second = read(TWO.replace("keys.env", "absent.env"))
    assert second.options
    assert "env_file cannot be read" in second.problem


def test_a_line_that_is_none_is_named_but_not_shown(tmp_path):
    path = tmp_path / "x.env"
    path.write_text("A=1\nsecret words\n")
    with pytest.raises(BadInputError, match="line 2") as caught:
        read_environment(path)
    assert "secret" not in str(caught.value)


KEY, SECRET, DATABASE = (
    "FREQTRADE__EXCHANGE__KEY",
    "FREQTRADE__EXCHANGE__SECRET",
    "FREQTRADE__DB_URL",
)
INHERITED = {"PATH": "/bin", "PERPKIT_ALERTS": "x", KEY: "a", SECRET: "a", DATABASE: "a"}


@pytest.mark.parametrize(
    ("own", "one_key", "found", "without"),
    [
        ({}, False, {}, [DATABASE, KEY, SECRET]),
        ({KEY: "b", SECRET: "b"}, False, {KEY: "b", SECRET: "b"}, [DATABASE]),
        ({KEY.lower(): "b"}, False, {KEY.lower(): "b"}, [DATABASE, SECRET]),
        ({DATABASE: "b", "PATH": "/b"}, False, {DATABASE: "b", "PATH": "/b"}, [KEY, SECRET]),
        ({DATABASE: "b"}, True, {KEY: "a", SECRET: "a", DATABASE: "b"}, []),
        ({KEY: "b"}, True, {KEY: "b", SECRET: "a"}, [DATABASE]),
    ],
)
def test_what_an_environment_has_for_one_bot_is_no_others(own, one_key, found, without):
    others = {"PATH": "/bin", "PERPKIT_ALERTS": "x"}
    expected = {**others, **found}, without
    assert environment_of(own, INHERITED, one_key=one_key) == expected

"""The TOML file of a fleet: what it says, and where it is wrong."""

from __future__ import annotations

import pytest

from perpkit.ops.fleet.fleet_file import entries_to_stop, read_fleet
from perpkit.ops.stored import BadInputError

GOOD = """folder = "shared"

[limits]
max_gross = 2
max_drawdown = 0.2

[[bot]]
name = "a"
config = ["a.json"]
port = 8080
key = "one"
pairs = ["BTC/USDT:USDT"]

[[bot]]
name = "b"
config = ["b.json"]
port = 8081
key = "two"
folder = "other"
env_file = "keys.env"
pairs = [
    "ETH/USDT:USDT",
]
"""


@pytest.fixture
def path(tmp_path):
    (tmp_path / "other").mkdir()
    for name in ("a.json", "other/b.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "other/keys.env").write_text("FREQTRADE__EXCHANGE__SECRET=hidden words\n")
    path = tmp_path / "fleet.toml"
    path.write_text(GOOD)
    return path


def test_what_it_says(path, tmp_path):
    fleet = read_fleet(path)
    assert fleet.folder.path == tmp_path / "shared"
    assert (fleet.limits.max_gross, fleet.limits.max_drawdown, fleet.limits.given) == (2, 0.2, True)
    assert fleet.pairs == {"BTC/USDT:USDT": "a", "ETH/USDT:USDT": "b"}
    (a, first), (b, second) = fleet.bots
    assert (a.rest_url, b.key) == ("http://127.0.0.1:8080", "two")
    assert first.options == (f"--config={tmp_path}/a.json", "--rest-url=http://127.0.0.1:8080")
    assert second.folder == tmp_path / "other"
    assert second.env == {"FREQTRADE__EXCHANGE__SECRET": "hidden words"}
    assert "hidden words" not in repr(fleet)


@pytest.mark.parametrize(
    ("given", "changed", "line", "words"),
    [
        ("folder =", "folde =", 1, "folde is not known. Allowed: folder, limits, bot"),
        ('"shared"', "1", 1, "folder must be the path of a folder, got 1"),
        ('"shared"', '"a\\u0000b"', 1, "folder must be the path of a folder, got 'a"),
        ("[limits]", "[other]", 3, "other is not known"),
        ("max_gross", "max_gros", 4, "max_gros is not known. Allowed: max_gross, max_drawdown"),
        ("= 2\n", "= 0\n", 4, "max_gross should be greater than 0, got 0"),
        ("= 2\n", "= nan\n", 4, "max_gross should be a finite number, got nan"),
        ("= 2\n", "= true\n", 4, "max_gross should be a valid number, got True"),
        ("= 0.2\n", "= 1.0\n", 5, "max_drawdown should be less than 1, got 1.0"),
        ('name = "a"', "", 7, "name is missing"),
        ('name = "a"', 'nam = "a"', 8, "nam is not known. Allowed: name, config, port, key"),
        ('name = "a"', 'name = "a b"', 8, "name must be a name of letters, digits, - and _"),
        ('name = "b"', 'name = "a"', 15, "name must be unique, got a twice"),
        ('["a.json"]', "[]", 9, "config List should have at least 1 item"),
        ('["a.json"]', '"a.json"', 9, "config should be a valid list, got 'a.json'"),
        ('["a.json"]', '["c.json"]', 9, "config must name files, got 'c.json', which is not"),
        ("8081", "8080", 17, "port must be of one bot, got http://127.0.0.1:8080 twice"),
        ("8081", '"8081"', 17, "port should be a valid integer, got '8081'"),
        ("8081", "99999", 17, "port should be less than or equal to 65535, got 99999"),
        ('"one"', "1", 11, "key should be a valid string, got 1"),
        ('"one"', '""', 11, "key String should have at least 1 character, got ''"),
        ('"BTC/USDT:USDT"', '"BTC"', 12, "pairs must be a pair such as BTC/USDT:USDT, got 'BTC'"),
        ('"ETH', '"BTC', 21, "pairs must be of one bot, got BTC/USDT:USDT twice (the first: a)"),
        ('"other"', '"absent"', 19, "folder must be a folder, got"),
        ("[[bot]]", "[[boot]]", 7, "boot is not known"),
    ],
)
def test_file_line_and_key_are_named(path, given, changed, line, words):
    assert given in GOOD
    path.write_text(GOOD.replace(given, changed))
    with pytest.raises(BadInputError) as raised:
        read_fleet(path)
    assert str(raised.value).startswith(f"{path}, line {line}: {words}")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "bot must be tables"),
        ("bot = 1", "line 1: bot must be tables"),
        ("bot = [1]", "line 1: bot should be a valid dictionary"),
        ("[[bot", "must be TOML"),
        ("a" * 2**21, "must be TOML: .* must have at most"),
    ],
)
def test_a_file_that_is_none(path, content, words):
    path.write_text(content)
    with pytest.raises(BadInputError, match=words):
        read_fleet(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(BadInputError, match=r"absent\.toml cannot be read: No such file"):
        read_fleet(tmp_path / "absent.toml")


def test_a_password_in_the_file_is_not_repeated(path):
    path.write_text(GOOD.replace('key = "one"', 'key = "one"\ndb_url = ["pg://me:hidden@host/x"]'))
    with pytest.raises(BadInputError) as raised:
        read_fleet(path)
    assert "db_url" in str(raised.value)
    assert "hidden" not in str(raised.value)


def test_one_bad_bot_leaves_the_others_to_be_stopped(path):
    path.write_text(GOOD.replace('["a.json"]', '["absent.json"]'))
    (other, bad), (key, good) = entries_to_stop(path)
    assert (other, bad.name, bad.options) == ("one", "a", ())
    assert "line 9: config must name files" in bad.problem
    assert (key, good.name, good.problem) == ("two", "b", "")
    assert good.options

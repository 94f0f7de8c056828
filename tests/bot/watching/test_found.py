"""Which breakers there are, ours and anybody's."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from perpkit.bot.loading.plugins import own_folder
from perpkit.bot.watching.found import breakers, protection_folders

OURS = sorted(path.stem for path in Path(own_folder("protections") or "").glob("*.py"))
MINE = """
from perpkit.bot.watching.protection import WatchedProtection


class {name}(WatchedProtection):
    {more}

    def short_desc(self):
        return self.name

    def evaluate(self, sources, now):
        return []
"""
BASE = """
from perpkit.bot.watching.protection import WatchedProtection


class {name}(WatchedProtection):
    {more}
"""
FOREIGN = """
from freqtrade.plugins.protections import IProtection


class {name}(IProtection):
    {more}
    def short_desc(self): return ""
    def global_stop(self, date_now, side, starting_balance): return None
    def stop_per_pair(self, pair, date_now, side, starting_balance): return None
"""


@pytest.fixture
def user_data(tmp_path: Path) -> Path:
    (tmp_path / "user_data" / "protections").mkdir(parents=True)
    return tmp_path / "user_data"


def write(user_data: Path, name: str, source: str = MINE, more: str = "") -> Path:
    path = user_data / "protections" / f"{name}.py"
    path.write_text(source.format(name=name, more=more))
    return path


def test_ours_are_found_without_any_user_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert list(breakers()) == OURS


def test_a_new_file_in_the_user_directory_is_enough(user_data, monkeypatch):
    write(user_data, "MineBreaker")
    monkeypatch.chdir(user_data.parent)
    assert list(breakers()) == sorted([*OURS, "MineBreaker"])


def test_of_two_with_one_name_the_one_that_freqtrade_takes(user_data, tmp_path):
    write(user_data, "CryptoVixBreaker", more="mark = 'user'")
    named = tmp_path / "named"
    (tmp_path / "other" / "protections").mkdir(parents=True)
    write(tmp_path / "other", "CryptoVixBreaker", more="mark = 'named'").parent.rename(named)
    assert breakers(protection_folders(user_data))["CryptoVixBreaker"].mark == "user"
    both = protection_folders(user_data, named)
    assert breakers(both)["CryptoVixBreaker"].mark == "named"


def test_what_is_no_breaker_is_left_out(user_data):
    write(user_data, "Stock", FOREIGN)
    write(user_data, "Base", BASE, more="LIMITS = ()")
    (user_data / "protections" / "helpers.py").write_text("from perpkit.bot.watching import found")
    reports: list[str] = []
    assert list(breakers(protection_folders(user_data), reports.append)) == OURS
    assert reports == []


@pytest.mark.parametrize(
    ("bad", "report"),
    [
        ("import no_such_module", ", see the log"),
        ("class Half(", ", see the log"),
        ("raise ValueError('no')", ": ValueError: no"),
        ("import sys; sys.exit('bye')", ": SystemExit: bye"),
    ],
)
def test_a_broken_file_is_reported_and_hides_no_other(user_data, bad, report):
    path = user_data / "protections" / "Broken.py"
    path.write_text(MINE.format(name="Half", more="") + bad + "\n")
    write(user_data, "MineBreaker")
    reports: list[str] = []
    found = breakers(protection_folders(user_data), reports.append)
    assert list(found) == sorted([*OURS, "MineBreaker"])
    assert reports == [f"{path} cannot be loaded{report}"]


@pytest.mark.parametrize("name", OURS)
def test_ours_say_what_their_parameters_are(name):
    kind = breakers()[name]
    of_limits = {field.name for limits in kind.LIMITS for field in fields(limits)}
    assert of_limits
    assert of_limits >= kind.DERIVED
    assert kind.parameters() == (of_limits - kind.DERIVED) | kind.BESIDE
    assert not of_limits & kind.BESIDE

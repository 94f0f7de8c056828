"""The research log: read, refused, and counted."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from perpkit.files.errors import FileError
from perpkit.research.research_log import SHIPPED, Outcome, read_log, tried
from tests.conftest import REPOSITORY

ENTRY = {
    "name": '"an idea"',
    "strategies": '["One"]',
    "variants": "9",
    "from": "2021-01-01",
    "to": "2022-01-01",
    "outcome": '"kept"',
    "why": '"because"',
}


def written(path: Path, *entries: dict[str, str]) -> Path:
    tables = ("\n".join(f"{name} = {value}" for name, value in one.items()) for one in entries)
    path.write_text("".join(f"[[idea]]\n{table}\n" for table in tables))
    return path


def test_an_entry(tmp_path):
    [idea] = read_log(written(tmp_path / "log.toml", ENTRY))
    assert (idea.name, idea.variants, idea.outcome, idea.why) == (
        "an idea",
        9,
        Outcome.KEPT,
        "because",
    )


@pytest.mark.parametrize(
    ("strategy", "since", "until", "count"),
    [
        ("One", date(2021, 6, 1), date(2023, 1, 1), 13),
        ("One", date(2022, 1, 1), date(2023, 1, 1), 4),
        ("One", date(2020, 1, 1), date(2021, 1, 1), 1),
        ("One", date(2020, 1, 1), date(2021, 1, 2), 9),
        ("Two", date(2020, 1, 1), date(2025, 1, 1), 4),
        ("Three", date(2020, 1, 1), date(2025, 1, 1), 1),
    ],
)
def test_variants_count_on_the_days_on_which_they_were_compared(
    tmp_path, strategy, since, until, count
):
    later = ENTRY | {"strategies": '["One", "Two"]', "variants": "4"}
    later |= {"from": "2022-01-01", "to": "2023-01-01", "outcome": '"dropped"'}
    log = written(tmp_path / "log.toml", ENTRY, later)
    assert tried(strategy, since, until, log).variants == count


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"variants": "0"}, "idea 2: variants must be a whole number"),
        ({"variants": "1.5"}, "variants must be a whole number"),
        ({"outcome": '"maybe"'}, "outcome must be one of kept, dropped, open, got 'maybe'"),
        ({"to": "2021-01-01"}, "to must be after 2021-01-01"),
        ({"from": '"2021-01-01"'}, "from must be a date"),
        ({"from": "2021-01-01T00:00:00"}, "from must be a date"),
        ({"strategies": '"One"'}, "strategies must be a list"),
        ({"strategies": "[]"}, "strategies must be a list"),
        ({"why": '""'}, "why must be text"),
        ({"name": "3"}, "name must be text"),
        ({"trials": "3"}, "a key must be one of"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, change, said):
    path = written(tmp_path / "log.toml", ENTRY, ENTRY | change)
    with pytest.raises(FileError, match=said):
        read_log(path)


@pytest.mark.parametrize("name", sorted(ENTRY))
def test_a_missing_key_is_named(tmp_path, name):
    path = written(tmp_path / "log.toml", {key: ENTRY[key] for key in ENTRY if key != name})
    with pytest.raises(FileError, match=f"idea 1: {name} is missing"):
        read_log(path)


@pytest.mark.parametrize("text", ["[[idea]\n", "ideas = 3\n", "idea = 3\n", "idea = [3]\n"])
def test_what_is_no_log_is_refused(tmp_path, text):
    path = tmp_path / "log.toml"
    path.write_text(text)
    with pytest.raises(FileError, match=r"log\.toml"):
        read_log(path)


def test_ours_names_strategies_that_there_are():
    ideas = read_log(SHIPPED)
    there = {path.stem for path in (REPOSITORY / "strategies").glob("*.py")}
    assert {name for idea in ideas for name in idea.strategies} <= there
    assert tried("RsiSmaSwing", date(2021, 1, 1), date(2024, 1, 1), None).shipped > 300


def test_the_logs_count_together_and_what_one_repeats_once(tmp_path):
    days = "TrendFollowing", date(2021, 1, 1), date(2024, 1, 1)
    alone = tried(*days, None)
    assert (alone.variants, alone.own) == (599, 0)
    copied = tmp_path / "log.toml"
    table = "\n".join(f"{name} = {value}" for name, value in ENTRY.items())
    one = table.replace("One", "TrendFollowing")
    copied.write_text(f"{SHIPPED.read_text()}\n[[idea]]\n{one}\n")
    both = tried(*days, copied)
    assert (both.shipped, both.own, both.variants) == (599, 9, 608)
    assert f"599 in the log that comes with Perpkit, 9 in {copied}." in both.words


def test_what_no_log_has_counts_as_one():
    found = tried("MyOwn", date(2021, 1, 1), date(2024, 1, 1), None)
    assert found.variants == 1
    assert found.words.endswith("no research-log.toml of yours: counted as one.")

"""Which names `perpkit new` takes, and what it says of the others."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["A", "CalmHours", "RSI", "Ema200", "X" * 50])
def test_names_of_classes_are_taken(new, name):
    assert new("strategy", name).exit_code == 0


@pytest.mark.parametrize(
    "name",
    ["", "calmHours", "calm_hours", "Calm_Hours", "Calm-Hours", "1Calm", "Calm Hours", "None",
     "../Calm", "Calm.py", "Ruhezeit\u00e4", "Calm\n", "X" * 51],
)  # fmt: skip
def test_what_is_no_name_of_a_class_is_refused(new, written, name):
    result = new("strategy", name)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: NAME must be that of a Python class")
    assert result.stderr.endswith(f"got {name!r}\n")
    assert written() == []


@pytest.mark.parametrize("kind", ["protection", "pairlist", "strategy"])
@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("CryptoVixBreaker", "protections/CryptoVixBreaker.py"),
        ("LiquidityFilter", "pairlists/LiquidityFilter.py"),
        ("FundingTide", "strategies/FundingTide.py"),
        ("CooldownPeriod", "plugins/protections/cooldown_period.py"),
        ("IProtection", "plugins/protections/iprotection.py"),
        ("VolumePairList", "plugins/pairlist/VolumePairList.py"),
        ("IStrategy", "strategy/interface.py"),
        ("SampleStrategy", "templates/sample_strategy.py"),
    ],
)
def test_a_name_that_is_taken_is_refused_with_its_place(new, written, kind, name, place):
    result = new(kind, name)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"Error: NAME must be one that is not taken, got {name!r}")
    assert result.stderr.rstrip().endswith(place)
    assert written() == []


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("strategy", "PerpStrategy"),
        ("strategy", "DataFrame"),
        ("protection", "CandleBreaker"),
        ("protection", "Limits"),
        ("pairlist", "Rule"),
        ("pairlist", "Exchange"),
        ("pairlist", "ValueError"),
    ],
)
def test_a_name_that_the_file_uses_itself_is_refused(new, written, kind, name):
    result = new(kind, name)
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: NAME must be one that the file itself has no other")
    assert written() == []


def test_a_class_of_yours_in_a_file_of_another_name_is_taken(new, userdir, written):
    (userdir / "protections").mkdir()
    (userdir / "protections" / "mine.py").write_text("class CalmHours: ...\n")
    before = written()
    result = new("strategy", "CalmHours")
    assert result.exit_code == 2
    assert result.stderr.rstrip().endswith("user_data/protections/mine.py")
    assert written() == before


@pytest.mark.parametrize("content", ["class CalmHours(", "\0", "class CalmHours:\n\u00e4\xff"])
def test_a_broken_file_of_yours_is_not_in_the_way(new, userdir, content):
    (userdir / "strategies").mkdir()
    (userdir / "strategies" / "broken.py").write_bytes(content.encode("latin-1"))
    assert new("strategy", "CalmHours").exit_code == 0


def test_your_files_are_read_and_not_run(new, userdir):
    (userdir / "strategies").mkdir()
    (userdir / "strategies" / "mine.py").write_text("raise SystemExit('was run')\n")
    assert new("strategy", "CalmHours").exit_code == 0

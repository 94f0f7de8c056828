"""`benchmarks.walkforward_cost` measures what it is asked for, and shows each row as it is done."""

from __future__ import annotations

import sys

import pytest

from benchmarks import walkforward_cost as cost
from benchmarks.measured import Measured


@pytest.fixture
def measured(monkeypatch):
    """Which runs were asked for; nothing is run."""
    asked = []

    def together(case, count, kept, accelerated):
        kept["together"] = []
        return Measured(1.0)

    def apart(case, count, kept, accelerated):
        asked.append((case.strategy, count))
        kept["apart"] = []
        return Measured(4.0)

    monkeypatch.setattr(cost, "_together", together)
    monkeypatch.setattr(cost, "_apart", apart)
    return asked


def run(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["walkforward_cost", *arguments])
    cost.main()


@pytest.mark.parametrize(
    ("only", "strategies"),
    [
        ("plain, some", {"PlainSwing"}),
        ("plain", {"PlainSwing", "InTheMarket"}),
        ("", {"PlainSwing", "InTheMarket", "RsiSmaSwing"}),
    ],
)
def test_only_those_of_a_word_are_measured(monkeypatch, measured, capsys, only, strategies):
    run(monkeypatch, "--only", only)
    assert {strategy for strategy, _ in measured} == strategies
    assert {count for _, count in measured} == {12, 24}
    found = capsys.readouterr()
    rows = [line for line in found.err.splitlines() if "times cheaper 4.00" in line]
    assert len(rows) == len(measured)
    assert found.out.count("| 4.00 |") == len(measured) * 2


def test_a_word_of_no_strategy_is_refused_with_those_there_are(monkeypatch, measured, capsys):
    with pytest.raises(SystemExit):
        run(monkeypatch, "--only", "swing ")
    assert "only must be part of 'plain, some trades a week'" in capsys.readouterr().err
    assert measured == []

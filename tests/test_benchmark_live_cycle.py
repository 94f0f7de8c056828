"""Our share of a live cycle is what all tables show as such."""

from __future__ import annotations

from itertools import pairwise

import pytest

from benchmarks import running
from benchmarks.live_cycle import STOCK, Measured, cpu_table
from benchmarks.measured import Scale


def bot(*cycles: list[tuple[str, str, float]]) -> Measured:
    found = Measured()
    for ms in cycles:
        found.cycles["steady"].append({"kind": "steady", "ms": ms})
    return found


# 30%, 10% and 25% of 100, 200 and 20 ms: of a part through ccxt, and of none in trade copies.
OURS = bot(
    [("guard", "", 10.0), ("watch", "ccxt", 20.0), ("freqtrade", "", 50.0), ("copies", "", 20.0)],
    [("signals", "", 20.0), ("freqtrade", "", 100.0), ("freqtrade", "ccxt", 80.0)],
    [("threads", "", 5.0), ("freqtrade", "", 15.0)],
)
FREQTRADE = bot([("signals", "", 10.0), ("freqtrade", "", 40.0)])
FOUND = {STOCK: FREQTRADE, "now": OURS}


def test_a_share_is_of_each_cycle():
    assert OURS.shares("steady") == pytest.approx([0.3, 0.1, 0.25])
    assert OURS.shares("candle") == []


def test_the_table_of_parts_shows_its_median():
    head, rule, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in cpu_table({(200, 5): FOUND}, "steady").splitlines()
    )
    assert all(len(one) == len(other) for one, other in pairwise([head, rule, *rows]))
    assert [row[head.index("our share")] for row in rows] == ["", "25%"]


def test_the_table_of_the_bench_shows_the_same(monkeypatch):
    def measure(results, _sources, pairs, trades, _rounds, steady):
        results.update({(pairs, number): FOUND for number in trades})

    monkeypatch.setattr(running, "measure", measure)
    table = running.live_cycle(Scale())
    assert [row["our share, %"] for row in table.rows] == pytest.approx([25, 25])
    assert [row["stock, ms"] for row in table.rows] == [50, 50]

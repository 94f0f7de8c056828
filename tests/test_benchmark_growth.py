"""Each of candles, pairs and trades has an exponent, at stock and accelerated, and runs alone."""

from __future__ import annotations

import pytest

from benchmarks import growth as module
from benchmarks.bench import BENCHMARKS, chosen
from benchmarks.growth import GROWING, growth
from benchmarks.measured import Measured, Scale

MOST = 5 * 8_760 // 4
SCALES = {"whole": Scale(2), "quick": Scale(1, quick=True)}


@pytest.fixture
def ran(monkeypatch, tmp_path) -> list[tuple[str, int]]:
    """Which runs there were, with their trades; stock takes the square of them, ours takes them."""
    found = []

    def run_of(size, environment, _datadir):
        # What `Paced` trades, which is half of the time.
        trades = size.pairs * module._hours(*size.timerange.split("-")) // (2 * size.pace)
        name, power = ("stock", 2) if environment else ("accelerated", 1)

        def measured():
            found.append((name, trades))
            return Measured(trades**power / 1e6, trades)

        return measured

    monkeypatch.setattr(module, "_run", run_of)
    monkeypatch.setattr(module, "_datadir", lambda folder: folder)
    return found


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("what", GROWING)
def test_stock_and_accelerated_have_an_exponent(ran, what, scale):
    rows = growth(what, SCALES[scale]).rows
    assert [row["growing"] for row in rows] == [f"{what}, stock", f"{what}, accelerated"]
    assert [row["exponent"] for row in rows] == pytest.approx([2, 1], rel=0.05)
    # Each size as often as there are rounds.
    assert {ran.count(one) for one in ran} == {SCALES[scale].rounds}


def test_the_most_trades_are_measured_accelerated_only(ran):
    rows = growth("trades", Scale(1)).rows
    assert [name for name, trades in ran if trades == MOST] == ["accelerated"]
    assert [row["to"] for row in rows] == ["3,650", f"{MOST:,}"]


def test_growth_is_each_of_its_parts_which_have_names():
    parts = [f"growth_{what}" for what in GROWING]
    assert set(parts) <= set(BENCHMARKS)
    assert chosen(["growth", "limits"]) == [*parts, "limits"]
    assert chosen([parts[2], "growth"]) == [parts[2], parts[0], parts[1]]
    assert chosen([]) == list(BENCHMARKS)

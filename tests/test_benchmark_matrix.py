"""The table of `benchmarks.acceleration_matrix` says what its cells have compared."""

from __future__ import annotations

import pytest

from benchmarks import acceleration_matrix as module

TRADE = {"pair": "BTC/USDT:USDT", "profit_abs": 1.0, "orders": [{"cost": 5.0}, {"cost": 6.0}]}


def result(*trades, balance=1.0):
    return {"trades": list(trades), "locks": [], "final_balance": balance}


@pytest.mark.parametrize(
    ("before", "after", "shown", "summary"),
    [
        (result(TRADE), result(TRADE), "1 (2): 0", "0 without a result, 0 without a trade; 1 "),
        (result(TRADE), result(), "1 (2): 1", "0 without a result, 0 without a trade; 1 "),
        (result(), result(), "no trades: 0", "0 without a result, 1 without a trade; 0 "),
        (result(), result(balance=2.0), "no trades: 1", "1 without a trade; 0 "),
        (result(), "no candles", "failed", "1 without a result, 0 without a trade; 0 "),
    ],
    ids=["equal", "one is missing", "no trades", "no trades, other balance", "no result"],
)
def test_a_cell_shows_what_it_compared(before, after, shown, summary, capsys):
    cell = module._cell("PlainTrend", "1h", before, after)
    module.print_table({("PlainTrend", "1h"): cell}, ["1h"])
    said = capsys.readouterr().out
    assert f"| PlainTrend | {shown} |" in said
    assert summary in said

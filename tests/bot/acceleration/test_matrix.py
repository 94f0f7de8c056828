"""Options and strategies whose accelerated backtests must be as stock: see also
`benchmarks.acceleration_matrix`, on real candles.
"""

from __future__ import annotations

import pytest

from tests.bench.backtests import backtest, write_candles
from tests.bench.same_results import TOLERANCE, differences
from tests.cases import SLOW
from tests.conftest import REPOSITORY

PROTECTIONS = {"perpkit": {"attach": True}, "enable_protections": True}
DETAIL = {"timeframe": "4h", "timeframe_detail": "1h"}
DYNAMIC = {
    "enable_dynamic_pairlist": True,
    "pairlists": [
        {"method": "StaticPairList"},
        {"method": "ShuffleFilter", "seed": 7, "shuffle_frequency": "candle"},
        {"method": "OffsetFilter", "offset": 1, "number_assets": 2},
    ],
}
OWN = {"strategy_path": str(REPOSITORY / "benchmarks/strategies")}


@pytest.fixture
def config(default_futures_config, offline_markets):
    write_candles(default_futures_config["datadir"], rows=420)
    return {**default_futures_config, "random_trades": 1}


@pytest.mark.parametrize(
    ("strategy", "changed"),
    [
        pytest.param("RandomTrades", {**DETAIL, **PROTECTIONS}, id="attached, detail"),
        pytest.param("Clockwork", {**OWN, "startup_candle_count": 100}, id="own strategy"),
        pytest.param("PlainTrend", DYNAMIC, id="dynamic pairlist", marks=SLOW),
        pytest.param("RandomTrades", DETAIL, id="detail", marks=SLOW),
        pytest.param("PlainMonster", {}, id="all callbacks", marks=SLOW),
        pytest.param("PlainForecast", {"enable_protections": True}, id="informative", marks=SLOW),
        pytest.param("UsualStyle", {**OWN, "enable_protections": True}, id="usual", marks=SLOW),
        pytest.param(
            "RandomTrades",
            {**PROTECTIONS, **DYNAMIC, **DETAIL, "margin_mode": "cross"},
            id="all together",
            marks=SLOW,
        ),
    ],
)
def test_a_cell_of_the_matrix_is_as_stock(config, strategy, changed):
    off = {**changed.get("perpkit", {}), "acceleration": False}
    stock = backtest(config, strategy, **{**changed, "perpkit": off})
    ours = backtest(config, strategy, **changed)
    assert len(stock.trades) > 5
    assert list(differences(stock.trades, ours.trades)) == []
    assert list(differences(stock.stats["strategy"], ours.stats["strategy"])) == []
    assert ours.locks == stock.locks


@pytest.mark.parametrize(
    ("one", "other", "places"),
    [
        ({"a": 1.0}, {"a": 1.0 + TOLERANCE / 2}, []),
        ({"a": 1.0}, {"a": 1.0 + 3 * TOLERANCE}, [".a"]),
        ({"a": 1e6}, {"a": 1e6 + 1e-4}, []),
        ({"a": 1e6}, {"a": 1e6 + 1e-2}, [".a"]),
        ({"a": 0.0}, {"a": 1e-8}, [".a"]),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": True}, [".a"]),
        ({"a": "roi"}, {"a": "exit"}, [".a"]),
        ({"a": None}, {"a": 0.0}, [".a"]),
        ({"a": float("nan")}, {"a": float("nan")}, []),
        ({"a": float("nan")}, {"a": 0.0}, [".a"]),
        ({"a": 1}, {}, [".a"]),
        ({}, {"a": 1}, [".a"]),
        ([{"x": 1}, {"x": 2}], [{"x": 1}, {"x": 3}], ["[1].x"]),
        ([1, 2], [1], [""]),
        ({"trades": [{"orders": [{"cost": 1.0}]}]}, {"trades": [{"orders": [{"cost": 2.0}]}]},
         [".trades[0].orders[0].cost"]),
        ({"backtest_run_end_ts": 1}, {"backtest_run_end_ts": 2}, []),
    ],
)  # fmt: skip
def test_what_counts_as_different(one, other, places):
    found = list(differences(one, other))
    assert [line.split(" ")[0].rstrip(":") for line in found] == places

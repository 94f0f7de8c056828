"""The replay of an exported backtest sets the locks that the backtest had."""

from __future__ import annotations

import json

import pytest

from tests.bench.replays import differing, random_backtest, replayed
from tests.cases import SLOW

pytestmark = pytest.mark.integration

FEW, MANY = 3, 200
SEEDS = [
    *range(FEW),
    *(pytest.param(seed, marks=SLOW) for seed in range(FEW, MANY)),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_locks_are_those_of_the_backtest(offline_markets, default_futures_config, tmp_path, seed):
    config = default_futures_config
    run, chosen = random_backtest(config, seed)
    export = run.export(tmp_path / "export.json")
    exported = json.loads(export.read_text())["strategy"]["RandomTrades"]
    found = replayed(config, export, chosen)
    assert not differing(exported["locks"], found["locks"])
    assert found["locks"] == exported["locks"]
    assert not found["said"]
    assert exported["trades"]

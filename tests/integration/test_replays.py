"""The replay of an exported backtest sets the locks that the backtest had."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from perpkit.bot.positions.account import AccountStanding
from perpkit.bot.positions.simulated_account import SimulatedAccount
from tests.bench.replays import differing, random_backtest, replayed
from tests.cases import SLOW

pytestmark = pytest.mark.integration

FEW, MANY = 3, 200
SEEDS = [
    *range(FEW),
    *(pytest.param(seed, marks=SLOW) for seed in range(FEW, MANY)),
]


@pytest.fixture
def profits(monkeypatch):
    """The profit of a simulated account at each moment in which a breaker looked at it."""
    found: dict[datetime, float] = {}
    look = SimulatedAccount.at

    def looked(account: SimulatedAccount, now: datetime) -> AccountStanding:
        standing = look(account, now)
        found[now] = standing.profit
        return standing

    monkeypatch.setattr(SimulatedAccount, "at", looked)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_locks_are_those_of_the_backtest(
    offline_markets, default_futures_config, tmp_path, profits, seed
):
    config = default_futures_config
    run, chosen = random_backtest(config, seed)
    seen = profits.copy()
    profits.clear()
    export = run.export(tmp_path / "export.json")
    exported = json.loads(export.read_text())["strategy"]["RandomTrades"]
    found = replayed(config, export, chosen)
    assert profits == pytest.approx(seen, abs=1e-6, nan_ok=True)
    assert not differing(exported["locks"], found["locks"])
    assert found["locks"] == exported["locks"]
    assert not found["said"]
    assert exported["trades"]

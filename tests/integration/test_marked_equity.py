"""The equity of an export is the breakers', and its figures are Freqtrade's where they mean the
same."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from perpkit.bot.positions.simulated_account import SimulatedAccount
from perpkit.market.asof import nanoseconds
from perpkit.ops.breaker_replay import Exported, Stored, _in_memory, _trades, _watch
from perpkit.ops.stored_market import StoredMarket
from perpkit.research.accounts import marked_account
from perpkit.research.marked import closes_at
from perpkit.research.results import load_results
from perpkit.risk.equity import profit_curve
from tests.bench.backtests import PAIRS
from tests.bench.replays import DECIMALS, random_backtest
from tests.cases import SLOW

pytestmark = pytest.mark.integration

FEW, MANY = 3, 60
SEEDS = [*range(FEW), *(pytest.param(seed, marks=SLOW) for seed in range(FEW, MANY))]


def breakers_profit(export, config, times) -> list[float]:
    """What the watch sees at each of `times` when it replays the export."""
    stored = Stored(config["datadir"], "feather", None, "", config["user_data_dir"])
    run = Exported(export, None).run(stored)
    found = []
    with _in_memory(run.timeframe):
        _, feed = _watch(run, [])
        trades = _trades(run, feed)
        account = SimulatedAccount(run.config, feed)
        for now in times:
            trades.advance(now - run.step, now)
            found.append(account.at(now).profit)
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_it_is_the_equity_of_the_breakers(offline_markets, default_futures_config, tmp_path, seed):
    run, _ = random_backtest(default_futures_config, seed)
    export = run.export(tmp_path / "export.json")
    results = load_results(export)
    account = marked_account(results, StoredMarket(default_futures_config["datadir"]))
    assert account.unpriced == ()
    assert any(ledger.settlements for ledger in account.ledgers)
    # A breaker decides before the orders of its candle fill, and before funding is settled then.
    seconds = nanoseconds(account.times) / 1e9
    closes = {p: closes_at(account.times, c, account.step) for p, c in account.candles.items()}
    ours = profit_curve(seconds - 0.001, closes, account.ledgers)[1:]
    times = [datetime.fromtimestamp(at, UTC) for at in seconds[1:].tolist()]
    theirs = np.array(breakers_profit(export, default_futures_config, times))
    off = np.abs(ours - theirs)
    assert (off <= allowed(results.trades, account, seconds[1:]) + 1e-6).all()
    assert np.ptp(theirs) > 10


def allowed(trades, account, times) -> np.ndarray:
    """Freqtrade rounds the average of several entries to the step of prices. Where an order fills
    at the moment of a settlement, it books that for what is left a candle later. Funding that could
    not be recomputed counts at the close here."""
    step = account.step.total_seconds()
    bound = np.zeros(len(times))
    for trade, ledger in zip(trades, account.ledgers, strict=True):
        entries = [fill for fill in trade.fills if fill.is_entry]
        tick = 10.0 ** -DECIMALS[PAIRS.index(trade.pair)]
        least = tick * sum(fill.amount for fill in entries) if len(entries) > 1 else 0.0
        if not ledger.settlements:
            least += abs(trade.funding)
        bound[(times > trade.fills[0].at) & (times <= trade.closed)] += least
        filled = {fill.at for fill in trade.fills}
        for at, funding in ledger.settlements:
            if at in filled:
                bound[(times > at) & (times <= at + step)] += 2 * abs(funding)
    return bound

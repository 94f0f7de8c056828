"""A synthetic market, a clock that is set by hand, and Freqtrade configurations that lead here."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perpkit.durations import DAY_MS, HOUR_MS, MINUTE_MS
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.market.candles import Candles
from perpkit.venue.market.history import History
from perpkit.venue.market.market import Market
from perpkit.venue.market.synthetic import generate
from perpkit.venue.overlay import overlay
from tests.venue.signed import Client

START = 1_704_067_200_000  # 2024-01-01T00:00Z, a Monday
NOW = START + 30 * DAY_MS + 7 * HOUR_MS + 23 * MINUTE_MS + 30_000
DAYS = 40
# In the middle of a 5m candle, thirty days and a few hours into the history.
CLOCK = START + 30 * DAY_MS + 7 * 3_600_000 + 23 * 60_000 + 30_000


@dataclass
class HandClock:
    time: int

    def now(self) -> int:
        return self.time


@pytest.fixture(scope="session")
def history() -> History:
    return generate(seed=7, start=START, days=DAYS)


def without_trades(history: History, since: int, until: int) -> History:
    """The record of BTC, in whose candles that open in [since, until), ms, nothing is traded."""

    def silenced(candles: Candles) -> Candles:
        quiet = (since <= candles.time) & (candles.time < until)
        return replace(candles, volume=np.where(quiet, 0.0, candles.volume))

    pair = history.pairs["BTCUSDT"]
    stored = {k: {i: silenced(c) for i, c in by.items()} for k, by in pair.stored.items()}
    return History({"BTCUSDT": replace(pair, stored=stored)})


@pytest.fixture
def clock() -> HandClock:
    return HandClock(CLOCK)


@pytest.fixture
def market(history: History, clock: HandClock) -> Market:
    return Market(history, clock, seed=7)


@pytest.fixture
def configuration(tmp_path: Path) -> Callable[..., list[str]]:
    """Writes a dry-run configuration for a venue; returns the arguments that select it."""

    def write(base_url: str, **settings: Any) -> list[str]:
        config = {
            "dry_run": True,
            "dry_run_wallet": 10_000,
            "trading_mode": "futures",
            "margin_mode": "isolated",
            "max_open_trades": 3,
            "stake_currency": "USDT",
            "stake_amount": 100,
            "entry_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
            "exit_pricing": {"price_side": "same", "use_order_book": True, "order_book_top": 1},
            "pairlists": [{"method": "StaticPairList"}],
            "exchange": {"pair_whitelist": ["BTC/USDT:USDT", "SOL/USDT:USDT"]},
            "initial_state": "running",
            **settings,
        }
        files = {"config.json": config, "venue.json": overlay(base_url, tmp_path / "rehearsal")}
        for name, content in files.items():
            (tmp_path / name).write_text(json.dumps(content))
        user_data = tmp_path / "user_data"
        user_data.mkdir(exist_ok=True)
        chosen = [arg for name in files for arg in ("-c", str(tmp_path / name))]
        return [*chosen, "--userdir", str(user_data)]

    return write


@pytest.fixture
def exchange(market: Market) -> Exchange:
    """With an account of 10,000 USDT."""
    exchange = Exchange(market)
    exchange.engine.add_account("key", "secret", Decimal(10_000), market.now())
    return exchange


@pytest.fixture
def client(market: Market, exchange: Exchange, clock: HandClock) -> Client:
    """Of that account."""
    return Client(create_app(market, exchange=exchange), clock)

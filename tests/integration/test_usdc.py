"""A bot whose stakes are in USDC: account, stop, breakers, and a backtest."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from perpkit.venue.http.server import running_venue
from perpkit.venue.market import datadir, synthetic
from perpkit.venue.market.clock import VirtualClock
from perpkit.venue.market.market import Market
from perpkit.venue.overlay import overlay
from tests.bench.acts import STEP, hold, live_stops
from tests.bench.in_process import MINUTE, bench
from tests.bench.live import LIVE, Venue, differences
from tests.bench.planted import ACCOUNTS, KEY, SECRET, SWITCHED_OFF
from tests.bench.scripted_market import BTC, scripted_market
from tests.conftest import REPOSITORY
from tests.integration.conftest import Bot, milliseconds

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
PAIR = "BTC/USDC:USDC"
PAIRS = (PAIR, "ETH/USDC:USDC", "SOL/USDC:USDC")
IN_USDC = replace(BTC, quote="USDC")


class UsdcVenue(Venue):
    """With an account that has not a dollar of USDT."""

    def serve(self, market):
        self.exchange = Exchange(market)
        wallet = {"USDC": Decimal(10_000)}
        self.exchange.engine.add_account(KEY, SECRET, wallet, market.now())
        return create_app(market, exchange=self.exchange)


def test_live_in_usdc_with_stop_and_breakers_that_follow_bitcoin_in_usdc():
    venue = UsdcVenue()
    breakers = [{"method": "FlashCrashBreaker", "timeframe": "1h"}, {"method": "CryptoVixBreaker"}]
    # It moves in each hour before, as one that is traded.
    path = [(-600, 49_990.0), (0, 50_000.0), (3, 50_000.0), (5, 44_000.0)]
    market = scripted_market(START, path, instrument=IN_USDC)
    settings = {**LIVE, "breakers": breakers, "stake_currency": "USDC"}
    with bench("Braked", market, START, serve=venue.serve, **settings) as bot:
        hold(bot, venue)
        (trade,) = bot.trades()
        assert (trade.pair, trade.stake_currency) == (PAIR, "USDC")
        assert len(live_stops(venue)) == 1
        assert differences(bot.trades(), venue) == []
        vix = bot.bot.strategy.watch._breakers[1]
        assert list(vix.watched([])) == [PAIR]
        watch = bot.bot.strategy.watch
        bot.run_until(lambda: watch.decision(PAIR).entries_blocked, timedelta(minutes=6), STEP)
        assert f"market-wide, {PAIR} fell 1" in watch.decision(PAIR).reason
        bot.run_until(lambda: not bot.trades()[0].is_open, 2 * MINUTE, STEP)
        assert set(venue.account.wallets) - {"USDC"} <= {"USDT"}
        assert venue.account.wallets["USDC"] < 10_000
        assert venue.account.wallets.get("USDT", 0) == 0


def test_a_backtest_in_usdc_has_breakers_correlation_and_pairlists(tmp_path):
    begin, days = datetime(2025, 1, 1, tzinfo=UTC), 60
    history = synthetic.generate(
        seed=1, start=milliseconds(begin), days=days, pairs=PAIRS, base="5m"
    )
    datadir.write(history, tmp_path, ["1h"], milliseconds(begin + timedelta(days=days)))
    userdir = tmp_path / "user_data"
    (userdir / "backtest_results").mkdir(parents=True)
    with running_venue(
        Market(history, VirtualClock(milliseconds(begin + timedelta(days=50))), 1)
    ) as url:
        redirect = tmp_path / "venue.json"
        led = overlay(url, tmp_path / "rehearsal", accounts=ACCOUNTS)
        redirect.write_text(json.dumps({**SWITCHED_OFF, **led}))
        bot = Bot(userdir, [REPOSITORY / "config.json.example", redirect], tmp_path)
        found = bot.backtest(
            "RsiSmaSwing",
            "--enable-protections",
            "--timerange=20250120-20250301",
            stake_currency="USDC",
            exchange={"pair_whitelist": list(PAIRS)},
        )
    assert found["stake_currency"] == "USDC"
    assert {trade["pair"] for trade in found["trades"]} <= set(PAIRS)
    assert len(found["trades"]) > 5
    assert any("Breaker" in lock["reason"] for lock in found["locks"])

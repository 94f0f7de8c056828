"""A live bot at an account in credits mode: everything in BNFCR, cross margin, multi-assets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from perpkit.record import state_file
from perpkit.venue.exchange.exchange import Exchange
from perpkit.venue.http.app import create_app
from tests.bench.acts import MINUTE, STEP, breaches, hold, live_stops, warnings
from tests.bench.in_process import bench
from tests.bench.live import LIVE, SameVenue, differences
from tests.bench.planted import KEY, SECRET
from tests.bench.scripted_market import scripted_market

pytestmark = pytest.mark.integration

START = datetime(2026, 3, 2, 10, 0, 20, tzinfo=UTC)
STILL = scripted_market(START, [(0, 50_000.0)])
BTC = "BTC/USDT:USDT"
CREDITS = {"margin_mode": "cross", "proxy_coin": "BNFCR"}


class CreditsVenue(SameVenue):
    """With an account of these wallets, for several bots one after the other."""

    def __init__(self, **wallets: object) -> None:
        self.wallets = {asset: Decimal(str(amount)) for asset, amount in wallets.items()}

    def serve(self, market):
        if not hasattr(self, "exchange"):
            self.exchange = Exchange(market)
            self.exchange.engine.add_account(KEY, SECRET, self.wallets, market.now())
        return create_app(self.exchange.market, exchange=self.exchange)

    @property
    def shared(self):
        self.exchange.catch_up()
        return self.exchange.engine.balance(self.account, "BNFCR").shared


def shown(userdir):
    return state_file.read(userdir / "perpkit" / "memory.state.json")


@pytest.mark.parametrize(
    "wallets", [{"BNFCR": 10_000}, {"BNFCR": 0, "USDC": 5_000, "BTC": "0.1"}], ids=str
)
def test_it_trades_in_and_out_and_its_equity_is_that_of_the_whole_account(wallets, tmp_path):
    venue = CreditsVenue(**wallets)
    market = scripted_market(START, [(0, 50_000.0), (8, 50_000.0), (10, 50_500.0)])
    settings = {**LIVE, **CREDITS}
    with bench(
        "GuardedSteered", market, START, serve=venue.serve, userdir=tmp_path, **settings
    ) as bot:
        before = venue.shared.wallet
        hold(bot, venue)
        assert len(live_stops(venue)) == 1
        bot.run(14, STEP)
        account, paid = shown(tmp_path).account, venue.shared
        assert account.currency == "BNFCR"
        assert account.equity == pytest.approx(float(paid.margin_balance), rel=1e-3)
        assert account.unexplained == pytest.approx(0.0, abs=0.1)
        assert account.balance == pytest.approx(float(paid.wallet), rel=1e-4)
        assert bot.bot.strategy._running._guard.refusal(BTC) is None
        bot.run_until(lambda: bot.now > START + timedelta(minutes=11), 12 * MINUTE, STEP)
        bot.bot.strategy.leave = True
        bot.run_until(lambda: not bot.trades()[0].is_open, 2 * MINUTE, STEP)
        assert venue.amount == 0
        assert live_stops(venue) == []
        assert differences(bot.trades(), venue) == []
        [trade] = bot.trades()
        assert (trade.fee_open_currency, trade.stake_currency) == ("BNFCR", "USDT")
        assert {income.asset for income in venue.account.incomes} == {"BNFCR"}
        earned = venue.account.wallets["BNFCR"] - venue.wallets["BNFCR"]
        assert trade.close_profit_abs == pytest.approx(float(earned), rel=1e-4)
        assert before > 0
        assert breaches(venue) == []
        assert [m for m in warnings(bot) if "Settings of" in m or "Credits" in m] == []

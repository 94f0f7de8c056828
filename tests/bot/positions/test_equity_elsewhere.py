"""The equity of a live bot on Bybit and OKX, whose balances are meant differently."""

from __future__ import annotations

import pytest

from perpkit.bot.candles.candles import feed_for
from perpkit.bot.positions.accounts import account_for
from tests.bench.other_exchanges.running import NAMES, bot_at

SETTINGS = {
    "dry_run": False,
    "max_open_trades": 2,
    "pairlists": [{"method": "StaticPairList"}],
    "perpkit": {"use": {"refresh": False}},
}


@pytest.mark.integration
@pytest.mark.parametrize("name", NAMES)
def test_a_bot_that_starts_with_an_open_loss_knows_its_equity(name, tmp_path):
    with bot_at(name, tmp_path, "GuardedOpener", **SETTINGS) as (bot, desk):
        bot.run(3)
        desk.moved["BTC"] = 0.97  # above the stop
        bot.run(2)
        here = bot.bot
        here.wallets.update()
        strategy = here.strategy
        feed = feed_for(here.config, strategy.dp)
        account = account_for(here.config, feed, strategy.dp, strategy.wallets)
        assert desk.open_profit("BTC") < -40.0
        assert account.capital(bot.now) == pytest.approx(10_000.0, abs=0.5)
        # Less what closing would cost, and the spread.
        equity = account.capital(bot.now) + account.at(bot.now).profit
        assert equity == pytest.approx(desk.equity, abs=3.0)

"""What of the account's settings counts as changed. With a whole bot: tests/integration."""

from __future__ import annotations

from types import SimpleNamespace

import ccxt
import pytest
from freqtrade.enums import MarginMode
from freqtrade.exceptions import TemporaryError

from perpkit.bot.live.account_settings import AccountSettings
from perpkit.bot.positions.trade_lock import TradeLock
from tests import factories

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


class Api:
    def __init__(self) -> None:
        self.options: dict[str, object] = {}
        self.modes = {"dualSidePosition": False, "multiAssetsMargin": False}
        self.rows = [{"symbol": BTC, "marginType": "ISOLATED", "leverage": 3}]
        self.asked: list[dict] = []

    def create_order(self, *args): ...

    def fapiPrivateGetAccountConfig(self):  # noqa: N802 - ccxt's name
        return self.modes

    def fapiPrivateGetSymbolConfig(self, asked):  # noqa: N802
        self.asked.append(asked)
        return self.rows

    def market_id(self, pair):
        return pair

    def safe_symbol(self, symbol, *_):
        return symbol


class Bot(SimpleNamespace):
    def __init__(self, **config) -> None:
        exchange = SimpleNamespace(_api=Api(), _lev_prep=print, liquidation_buffer=0.05)
        config = {"margin_mode": "isolated", **config}
        wallets = SimpleNamespace(get_all_balances=lambda: {"BFUSD": SimpleNamespace(total=1.0)})
        super().__init__(
            exchange=exchange, config=config, wallets=wallets, _exit_lock=TradeLock(), told=[]
        )

    @property
    def api(self) -> Api:
        return self.exchange._api

    def notify_status(self, message, kind) -> None:
        self.told.append(message)


@pytest.fixture
def bot(trade_database) -> Bot:
    return Bot()


@pytest.mark.parametrize(
    ("config", "modes", "expected"),
    [
        ({}, {}, None),
        ({}, {"dualSidePosition": True}, "hedge mode"),
        ({}, {"dualSidePosition": "true"}, "hedge mode"),
        ({}, {"multiAssetsMargin": True}, "multi-assets"),
        ({"proxy_coin": "BFUSD"}, {"multiAssetsMargin": True}, "multi-assets"),
        ({"margin_mode": "cross"}, {"multiAssetsMargin": True}, "multi-assets"),
        ({"margin_mode": "cross", "proxy_coin": "BFUSD"}, {"multiAssetsMargin": True}, None),
        ({"margin_mode": "cross", "proxy_coin": "BFUSD"}, {}, "single-asset mode"),
        ({"margin_mode": "cross", "proxy_coin": "BNFCR"}, {"multiAssetsMargin": True}, "no BNFCR"),
        ({"proxy_coin": "BNFCR"}, {}, "Freqtrade ignores"),
    ],
)
def test_modes_are_of_all_pairs(bot, config, modes, expected):
    bot.config |= config
    settings = AccountSettings(bot)
    assert "have not been compared" in settings.refusal(ETH)
    assert settings.difference(ETH) is None
    bot.api.modes |= modes
    settings.compare()
    found = settings.refusal(ETH)
    assert found is None if expected is None else expected in found
    assert bot.api.asked == []  # of pairs without a trade


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({}, None),
        ({"leverage": "3"}, None),
        ({"leverage": 20}, "leverage is 20 there, 3 in the bot"),
        ({"marginType": "CROSSED"}, "CROSSED there, ISOLATED in the bot"),
    ],
)
def test_leverage_and_margin_type_are_of_a_pair_with_a_trade(bot, row, expected):
    factories.trade(BTC).leverage = 3.7  # which Freqtrade sets as 3
    settings = AccountSettings(bot)
    bot.api.rows[0] |= row
    for _ in range(2):
        settings.compare()
    assert bot.api.asked == [{"symbol": BTC}] * 2
    assert settings.refusal(ETH) is None
    found = settings.refusal(BTC)
    assert found is None if expected is None else expected in found
    assert len(bot.told) == bool(expected)


def test_all_that_differs_is_shown(bot):
    factories.trade(BTC)
    settings = AccountSettings(bot)
    assert settings.refused is None
    settings.compare()
    assert settings.refused == {}
    bot.api.modes |= {"dualSidePosition": True}
    bot.api.rows[0] |= {"leverage": 20, "marginType": "CROSSED"}
    settings.compare()
    assert settings.refused.keys() == {BTC, "*"}
    assert "hedge mode" in settings.refused["*"]
    assert settings.refused[BTC] == (
        "leverage is 20 there, 3 in the bot; the margin type is CROSSED there, ISOLATED in the bot"
    )


def test_another_change_is_said_too_and_the_end_of_all(bot):
    factories.trade(BTC)
    settings = AccountSettings(bot)
    for leverage in (20, 20, 30, 3, 3):
        bot.api.rows[0]["leverage"] = leverage
        settings.compare()
    assert [("20 there" in m, "30 there" in m) for m in bot.told] == [
        (True, False),
        (False, True),
        (False, False),
    ]


def held(side, liquidation, pair=BTC, contracts=0.01) -> dict:
    return {"symbol": pair, "contracts": contracts, "side": side, "liquidationPrice": liquidation}


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ([held("long", 20_000.0)], 20_500.0),  # Freqtrade's buffer: 5% of the distance
        ([held("short", 40_000.0)], 21_000.0),  # somebody else's, of the other side
        ([held("short", 40_000.0), held("long", 20_000.0)], 20_500.0),
        ([held("long", None)], 21_000.0),
        ([held("long", 20_000.0, contracts=0.0)], 21_000.0),
        ([held("long", 20_000.0, ETH)], 21_000.0),
        ([], 21_000.0),
    ],
)
def test_liquidation_is_where_the_exchange_says(bot, positions, expected):
    trade = factories.trade(BTC)
    trade.liquidation_price = 21_000.0
    AccountSettings(bot).follow(positions)
    assert trade.liquidation_price == pytest.approx(expected)


def test_a_short_is_liquidated_above(bot):
    trade = factories.trade(ETH, True, 2000.0, amount=0.1)
    AccountSettings(bot).follow([held("short", 2400.0, ETH)])
    assert trade.liquidation_price == pytest.approx(2380.0)


@pytest.mark.parametrize(("accept_fail", "set_there"), [(True, False), (False, True)])
def test_only_a_new_entry_sets_leverage_and_margin_type(bot, accept_fail, set_there):
    done = []
    bot.exchange._lev_prep = lambda *given: done.append(given)
    AccountSettings(bot)
    bot.exchange._lev_prep(BTC, 3.0, "sell", accept_fail=accept_fail)
    assert bool(done) is set_there


def test_a_margin_type_that_is_set_already_costs_no_entry(bot, futures_exchange):
    """ccxt raises there by default, and Freqtrade 2026.6 takes that for a failure."""
    api, asked = futures_exchange._api, []

    def set_margin_type(given):
        asked.append(given["marginType"])
        raise ccxt.MarginModeAlreadySet("No need to change margin type.")

    api.fapiPrivatePostMarginType = set_margin_type
    bot.exchange = futures_exchange
    AccountSettings(bot)
    assert api.set_margin_mode("isolated", BTC)["code"] == -4046
    futures_exchange._config["dry_run"] = False
    futures_exchange.set_margin_mode(BTC, MarginMode.ISOLATED)
    assert asked == ["ISOLATED"] * 2


@pytest.mark.parametrize("code", [-4047, -4048, -4067, -4161])
@pytest.mark.parametrize("there", ["ISOLATED", "CROSSED", None])
def test_a_margin_type_that_is_refused_but_set_costs_no_entry(bot, futures_exchange, code, there):
    """Seen beside an order that rests (-4067); `there` is None if the exchange does not answer."""
    api, leverages = futures_exchange._api, []

    def refuse(_):
        raise ccxt.OperationRejected(f'binance {{"code":{code},"msg":"No."}}')

    def symbol_config(asked):
        if there is None:
            raise ccxt.ExchangeNotAvailable
        return [{"symbol": asked["symbol"], "marginType": there}]

    def set_leverage(given):
        leverages.append(given["leverage"])
        return {}

    api.fapiPrivatePostMarginType = refuse
    api.fapiPrivateGetSymbolConfig = symbol_config
    api.fapiPrivatePostLeverage = set_leverage
    bot.exchange = futures_exchange
    AccountSettings(bot)
    futures_exchange._config["dry_run"] = False
    if code != -4161 and there == "ISOLATED":
        futures_exchange._lev_prep(BTC, 3.0, "buy")
        assert leverages == [3]
        return
    with pytest.raises(TemporaryError, match=str(code)):
        futures_exchange._lev_prep(BTC, 3.0, "buy")
    assert leverages == []


@pytest.mark.parametrize(
    ("hedge", "params", "expected"),
    [
        (False, {"reduceOnly": True}, {"reduceOnly": True}),
        (True, {"reduceOnly": True}, {"reduceOnly": True, "hedged": True}),
        (True, {}, {}),
        (True, None, {}),
    ],
)
def test_in_hedge_mode_what_closes_is_marked(bot, hedge, params, expected):
    sent = []
    bot.api.create_order = lambda *given: sent.append(given[-1])
    settings = AccountSettings(bot)
    bot.api.modes["dualSidePosition"] = hedge
    settings.compare()
    bot.api.create_order(BTC, "market", "sell", 0.01, None, params)
    assert sent == [expected]
